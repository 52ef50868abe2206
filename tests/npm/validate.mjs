// Hold what was said to the API, and what it answered, against the API document:
//
//	node validate.mjs NODE_MODULES openapi.json DIRECTORY [some]
//
// DIRECTORY has the JSON lines that the tests recorded (tests/support/record.h). Every answer must
// be one that the document knows for its operation: status, headers, media type and body. Every
// request that succeeded must be one that the document allows. The schemas are judged by Ajv
// (JSON Schema 2020-12, the dialect of OpenAPI 3.1). Every operation must have been asked for, and
// every type of problem provoked; with `some` neither is asked for. Ends with
// `answers: N passed, N failed`.
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { createRequire } from "node:module";

const [modules, documentFile, directory, extent] = process.argv.slice(2);
const require = createRequire(path.resolve(modules, "index.js"));
const Ajv = require("ajv/dist/2020.js").default;
const addFormats = require("ajv-formats").default;

const FAULTS_SHOWN = 20;
const METHODS = ["get", "put", "post", "delete", "patch"];

const api = JSON.parse(fs.readFileSync(documentFile, "utf8"));

// Answers may grow; here they may not: what the document does not name is a fault.
function close(schema) {
	if (schema === null || typeof schema !== "object")
		return;
	for (const part of Object.values(schema.properties ?? {}))
		close(part);
	for (const part of [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])])
		close(part);
	close(schema.items);
	if (schema.type === "object" && schema.additionalProperties === undefined)
		schema.additionalProperties = false;
}
// Read tolerantly: what does not fit and is not needed there is ignored.
const TOLERANT = ["WebhookMessage"];
for (const [name, schema] of Object.entries(api.components.schemas))
	if (!TOLERANT.includes(name))
		close(schema);

const ajv = new Ajv({ strict: false, allErrors: true, multipleOfPrecision: 6 });
addFormats(ajv);
ajv.addSchema(api, "api");

// --- the document -------------------------------------------------------------------------------

const escape = (key) => key.replaceAll("~", "~0").replaceAll("/", "~1");

// A node of the document with the pointer to it, behind its $ref.
function follow(pointer) {
	let node = api;
	for (const key of pointer.split("/").slice(1)) {
		node = node?.[decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")];
	}
	if (node && node.$ref)
		return follow(node.$ref.slice(1));
	return node === undefined ? undefined : { node, pointer };
}

const child = (at, ...keys) => follow([at.pointer, ...keys.map(escape)].join("/"));

const validators = new Map();
function faultsOf(pointer, value) {
	let validate = validators.get(pointer);
	if (!validate) {
		validate = ajv.compile({ $ref: "api#" + encodeURI(pointer) });
		validators.set(pointer, validate);
	}
	if (validate(value))
		return [];
	return validate.errors.map((e) =>
		`${e.instancePath || "/"} ${e.message} ${JSON.stringify(e.params)}`);
}

// Texts of paths, queries and headers as the schema's type has them.
function judgeText(at, text) {
	const schema = child(at, "schema");
	const target = [].concat(schema.node.type ?? "string");
	let value = text;
	if (target.includes("integer") && /^-?\d+$/.test(text))
		value = Number(text);
	if (target.includes("boolean") && /^(true|false)$/.test(text))
		value = text === "true";
	return faultsOf(schema.pointer, value);
}

const operations = [];
for (const [template, item] of Object.entries(api.paths)) {
	for (const method of METHODS.filter((m) => item[m])) {
		const at = { node: item[method], pointer: `/paths/${escape(template)}/${method}` };
		const parameters = (item[method].parameters ?? []).map((_, i) =>
			child(at, "parameters", String(i)));
		operations.push({ template, parts: template.split("/"), method, at, parameters, seen: 0 });
	}
}

// The operations of a path, those with fewer parameters first: /api/tickets/validate is no id.
function find(pathname) {
	const parts = pathname.split("/");
	const fits = operations.filter((o) => o.parts.length === parts.length &&
		o.parts.every((p, i) => p.startsWith("{") ? parts[i] !== "" : p === parts[i]));
	const holes = (o) => o.parts.filter((p) => p.startsWith("{")).length;
	return fits.sort((a, b) => holes(a) - holes(b));
}

// --- one dialogue -------------------------------------------------------------------------------

const mediaType = (header) => (header ?? "").split(";")[0].trim().toLowerCase();

function headersOf(raw) {
	const headers = new Map();
	for (const line of raw.split(/\r?\n/).slice(1)) {
		const colon = line.indexOf(":");
		if (colon > 0) {
			const name = line.slice(0, colon).toLowerCase();
			const value = line.slice(colon + 1).trim();
			headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
		}
	}
	return headers;
}

function judgeBody(at, entry, headers, isHead) {
	const declared = Object.keys(at.node.content ?? {});
	const type = mediaType(headers.get("content-type"));
	if (!declared.length)
		return entry.answer ? ["has a body, and the document has none"] : [];
	if (!declared.includes(type))
		return [`is ${type || "of no media type"}, not ${declared.join(" or ")}`];
	const schema = child(at, "content", type, "schema");
	if (isHead || !schema)
		return [];
	if (!/[/+]json$/.test(type))
		return faultsOf(schema.pointer, entry.answer);
	try {
		return faultsOf(schema.pointer, JSON.parse(entry.answer));
	} catch {
		return ["is not JSON"];
	}
}

function judgeHeaders(at, headers) {
	const faults = [];
	for (const name of Object.keys(at.node.headers ?? {})) {
		const header = child(at, "headers", name);
		const value = headers.get(name.toLowerCase());
		if (value === undefined && header.node.required)
			faults.push(`has no ${name}`);
		if (value !== undefined)
			faults.push(...judgeText(header, value).map((f) => `${name}: ${f}`));
	}
	return faults;
}

function judgeAnswer(operation, entry, headers) {
	const at = child(operation.at, "responses", String(entry.status));
	if (!at)
		return [`${entry.status} is not in the document`];
	return [...judgeHeaders(at, headers),
		...judgeBody(at, entry, headers, entry.method === "HEAD")];
}

function judgeParameter(parameter, values) {
	const value = values.get(parameter.node.name);
	if (value === undefined || value === null)
		return parameter.node.required ? [`request has no ${parameter.node.name}`] : [];
	return judgeText(parameter, value).map((f) => `request's ${parameter.node.name}: ${f}`);
}

function judgeSent(operation, entry) {
	const body = child(operation.at, "requestBody");
	if (!body || !entry.sent) {
		const missing = body?.node.required && !body.node["x-judged-later"];
		return missing ? ["request has no body"] : [];
	}
	const type = mediaType(entry.contentType);
	const schema = child(body, "content", type, "schema");
	if (!schema)
		return [`request of ${type} was taken`];
	if (TOLERANT.some((name) => schema.pointer === `/components/schemas/${name}`))
		return [];
	if (body.node["x-judged-later"]) // files: their faults stand in a report
		return [];
	return faultsOf(schema.pointer, JSON.parse(entry.sent)).map((f) => `request: ${f}`);
}

// A request that had its way must be one that the document allows.
function judgeRequest(operation, entry, url) {
	const sent = new Map(entry.headers.map((h) => [h.split(":")[0].toLowerCase(),
		h.slice(h.indexOf(":") + 1).trim()]));
	const inPath = new Map(operation.parts.map((p, i) =>
		[p.slice(1, -1), decodeURIComponent(url.pathname.split("/")[i])]));
	const faults = [];
	for (const parameter of operation.parameters) {
		const { name } = parameter.node;
		const values = { path: inPath, query: new Map(url.searchParams),
			header: new Map([[name, sent.get(name.toLowerCase())]]) }[parameter.node.in];
		faults.push(...judgeParameter(parameter, values));
	}
	for (const name of url.searchParams.keys())
		if (!operation.parameters.some((p) => p.node.in === "query" && p.node.name === name))
			faults.push(`request's ${name} is not in the document`);
	return [...faults, ...judgeSent(operation, entry)];
}

// What no operation answers: unknown paths and methods, and what cannot be read at all.
function judgeRefusal(entry, slugs) {
	if (entry.method === "HEAD")
		return [];
	let problem;
	try {
		problem = JSON.parse(entry.answer);
	} catch {
		return [`${entry.status} is no problem document`];
	}
	const slug = problem.type?.replace("/problems/", "");
	return [...faultsOf("/components/schemas/Problem", problem),
		...(slugs.includes(slug) ? [] : [`${slug} instead of ${slugs.join(" or ")}`])];
}

function judge(entry) {
	const [pathname, query] = entry.target.split(/\?(.*)/s); // as it is: URL would resolve %2e%2e
	const url = { pathname, searchParams: new URLSearchParams(query) };
	const method = entry.method === "HEAD" ? "get" : entry.method.toLowerCase();
	const found = find(url.pathname);
	const operation = found.find((o) => o.method === method);
	const headers = headersOf(entry.answerHeaders);
	if (!found.length)
		return judgeRefusal(entry, ["not-found", "malformed"]);
	if (method === "options" && entry.status === 204)
		return headers.has("allow") ? [] : ["has no Allow"];
	if (!operation)
		return [...judgeRefusal(entry, ["method-not-allowed", "not-found", "malformed"]),
			...(entry.status === 405 && !headers.has("allow") ? ["has no Allow"] : [])];
	operation.seen++;
	const faults = judgeAnswer(operation, entry, headers);
	if (entry.status < 300)
		faults.push(...judgeRequest(operation, entry, url));
	return faults;
}

// --- all of them --------------------------------------------------------------------------------

const problems = new Map(api.components.schemas.Problem.properties.type.enum.map((t) => [t, 0]));
let passed = 0;
let failed = 0;

function count(entry) {
	const type = /"type":"(\/problems\/[a-z-]+)"/.exec(entry.answer ?? "")?.[1];
	if (entry.status >= 400 && type)
		problems.set(type, (problems.get(type) ?? 0) + 1);
	const faults = judge(entry);
	if (!faults.length) {
		passed++;
		return;
	}
	if (failed++ < FAULTS_SHOWN)
		console.log([`${entry.method} ${entry.target} -> ${entry.status}`, ...faults,
			`${entry.answer}`.slice(0, 400)].join("\n    "));
}

for (const name of fs.readdirSync(directory).sort()) {
	const input = fs.createReadStream(path.join(directory, name));
	for await (const line of readline.createInterface({ input, crlfDelay: Infinity }))
		count(JSON.parse(line));
}

// Each name that is missing is a failure of its own.
function miss(what, names) {
	failed += names.length;
	if (names.length)
		console.log(`${what}: ${names.join(", ")}`);
}
if (extent !== "some") {
	miss("operations that no test asked for", operations.filter((o) => !o.seen)
		.map((o) => o.at.node.operationId));
	miss("problems that no test provoked", [...problems].filter(([, n]) => !n)
		.map(([type]) => type.replace("/problems/", "")));
}
console.log(`answers: ${passed} passed, ${failed} failed`);
process.exitCode = failed || !passed ? 1 : 0;
