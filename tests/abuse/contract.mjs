// Requests made from the API document, for every operation and caller: contract.mjs openapi.json
// DIRECTORY. No answer may be 5xx, none may be missing. What was said goes to DIRECTORY as the tests'
// records do, for tests/npm/validate.mjs. ABUSE_REQUESTS says how many, ABUSE_SEED which.
import crypto from "node:crypto";
import fs from "node:fs";
import { ask, callers, modules, stageOf } from "./stage.mjs";
import { HOSTILE, Values, toJson } from "./values.mjs";

const [documentFile, directory] = process.argv.slice(2);
const fc = modules("fast-check");
const api = JSON.parse(fs.readFileSync(documentFile, "utf8"));
const requests = Number(process.env.ABUSE_REQUESTS ?? 5000);
const seed = Number(process.env.ABUSE_SEED ?? 1);
const AT_ONCE = 4;
const A_STAGE = 100; // requests on events that are still mostly whole
const METHODS = ["get", "put", "post", "delete", "patch"];
const values = new Values(api, fc);

const ids = ["eventId", "ticketTypeId", "guestId", "paymentId", "ticketId", "importId", "userId"];
const NO_IDS = ["0", "-1", "01", "x", "1.0", "%31", "9223372036854775807", "9223372036854775808",
	"99999999999999999999", "1%2F2", "%2e%2e", "1%0d%0a", "%E0%A4%A", "%C3%A9", "1;a", "'", "*"];

// --- requests -----------------------------------------------------------------------------------

// {own}: the stage's thing; {other}: that of the other stage; else the text itself.
const idOf = fc.oneof({ weight: 20, arbitrary: fc.constant("{own}") },
	{ weight: 2, arbitrary: fc.constant("{other}") },
	{ weight: 1, arbitrary: fc.constantFrom(...NO_IDS) });

const asText = (value) => value === null || typeof value === "object" ? toJson(value) : String(value);

function queryOf(parameters) {
	const named = Object.fromEntries(parameters.map((p) => [p.name, p.name === "token" || ids.includes(p.name)
		? fc.oneof(fc.constant(p.name === "token" ? "{token}" : `{${p.name}}`), fc.constantFrom(...HOSTILE))
		: values.of(p.schema, 12, p.name).map(asText)]));
	const known = fc.record(named, { requiredKeys: [] }).map(Object.entries);
	const strange = fc.constantFrom(["colour", "red"], ["limit", "1"], ["a[]", "1"], ["", ""], ["page", "1"]);
	return fc.oneof({ weight: 12, arbitrary: fc.constant([]) }, { weight: 12, arbitrary: known },
		{ weight: 1, arbitrary: fc.tuple(known, strange).map(([k, s]) => [...k, s]) });
}

const HEADERS = {
	"Idempotency-Key": fc.oneof({ weight: 3, arbitrary: fc.uuid() },
		{ weight: 1, arbitrary: fc.constantFrom("k1", "k2", "", "a b", "k".repeat(255), "k".repeat(256)) }),
	"If-Match": fc.constantFrom("*", "\"x\"", "W/\"x\"", "x", "\"1-0\", \"2-0\"", "\"", ""),
	"If-None-Match": fc.constantFrom("*", "\"x\"", "W/\"x\", \"y\"", "x", "\""),
	"X-Request-Id": fc.constantFrom("mine", "a b", "x".repeat(65), "<script>", ""),
	"webhook-id": fc.oneof(fc.uuid(), fc.constantFrom("m1", "", "x".repeat(256))),
	"webhook-timestamp": fc.constantFrom("{now}", "{now}", "0", "x", "99999999999999999999"),
};

function headersOf(parameters) {
	const model = Object.fromEntries(parameters.filter((p) => p.name in HEADERS)
		.map((p) => [p.name, HEADERS[p.name]]));
	return fc.oneof({ weight: 4, arbitrary: fc.constant({}) },
		{ weight: 1, arbitrary: fc.record(model, { requiredKeys: [] }) });
}

const CSV = fc.array(fc.array(fc.constantFrom("a@example.com", "b@example.com", "Ada", "\"q\"\"q\"", "\"open",
	"", "x\u0000", "=1", "é", "{ticketTypeId}", ...HOSTILE), { maxLength: 6 }).map((cells) => cells.join(",")),
{ maxLength: 6 }).map((lines) => ["firstName,lastName,email,ticketTypeId", ...lines].join("\r\n"));

// A body of one of the operation's types, a cut one, one of no type that is known.
function bodyOf(requestBody) {
	if (!requestBody)
		return fc.oneof({ weight: 9, arbitrary: fc.constant(null) },
			{ weight: 1, arbitrary: fc.constant({ type: "application/json", text: "{}" }) });
	const good = Object.entries(requestBody.content).flatMap(([type, { schema }]) => type === "text/csv"
		? [CSV.map((text) => ({ type, text }))]
		: [values.of(schema, 400), values.of(schema, 30)].map((value) =>
			value.map((v) => ({ type, text: toJson(v) }))));
	const json = values.of(Object.values(requestBody.content)[0].schema, 12).map(toJson);
	const bad = fc.oneof(json.map((text) => ({ type: "application/json", text: text.slice(0, -1) })),
		fc.constantFrom(...["", "text/plain", "application/json; charset=latin1", "a/b/c"])
			.map((type) => ({ type, text: "{}" })),
		fc.constantFrom("", "{", "[]", "null", "{\"a\":1,\"a\":2}", "[".repeat(200), "\ufeff{}", "{}x")
			.map((text) => ({ type: "application/json", text })));
	return fc.oneof({ weight: 14, arbitrary: fc.oneof(...good) }, { weight: 1, arbitrary: bad },
		{ weight: 1, arbitrary: fc.constant(null) });
}

function requestOf(template, method, operation) {
	const all = [...(api.paths[template].parameters ?? []), ...(operation.parameters ?? [])]
		.map((p) => values.resolve(p));
	const inside = (where) => all.filter((p) => p.in === where);
	return fc.record({
		template: fc.constant(template),
		method: fc.oneof({ weight: 15, arbitrary: fc.constant(method.toUpperCase()) },
			{ weight: 1, arbitrary: fc.constant(method === "get" ? "HEAD" : method.toUpperCase()) }),
		caller: fc.constantFrom(...Object.keys(callers), "organizer", "organizer", "organizer",
			"organizer", "admin", "admin"),
		path: fc.array(idOf, { minLength: 3, maxLength: 3 }),
		query: queryOf(inside("query")),
		headers: headersOf(inside("header")),
		body: bodyOf(values.resolve(operation.requestBody)),
	});
}

const operations = Object.entries(api.paths).flatMap(([template, item]) =>
	METHODS.filter((m) => item[m]).map((m) => requestOf(template, m, item[m])));
const anyRequest = fc.oneof(...operations);

// --- sending ------------------------------------------------------------------------------------

const encode = (text) => encodeURIComponent(text.toWellFormed?.() ?? Buffer.from(text).toString());

function pathOf(request, own, other) {
	let place = 0;
	return request.template.replaceAll(/\{(\w+)\}/g, (_, name) => {
		const id = request.path[place++];
		if (name === "slug")
			return id === "{own}" ? "not-found" : id === "{other}" ? "docs.js" : id;
		return id === "{own}" ? own[name] : id === "{other}" ? other[name] : id;
	});
}

const filled = (text, own) => text.replaceAll(/\{(\w+)\}/g, (all, name) => own[name] ?? all);

const EVENTS = ["succeeded", "failed", "refunded"];
// A message of a type that the service knows, mostly.
function groundMessage(text, turn) {
	const event = EVENTS[turn % EVENTS.length];
	return text.replace(/"type":"(?:[^"\\]|\\.)*","data":/, (all) =>
		turn % 4 ? `"type":"payment.${event}","data":` : all);
}

// Members whose value must exist to lead anywhere: mostly those of the stage.
function groundBody(body, own, turn) {
	if (body === null)
		return null;
	let text = groundMessage(body.text, turn);
	if (turn % 8) {
		text = text.replaceAll(/"ticketTypeId":"?[\w.-]+"?/g, `"ticketTypeId":${own.ticketTypeId}`)
			.replaceAll(/"eventId":"?[\w.-]+"?/g, `"eventId":${own.eventId}`)
			.replaceAll(/"intentId":"(?:[^"\\]|\\.)*"/g, `"intentId":"${own.intentId}"`);
		if (turn % 3)
			text = text.replaceAll(/"ticketCode":"(?:[^"\\]|\\.)*"/g, `"ticketCode":"${own.ticketCode}"`);
	}
	return { ...body, text: filled(text, own) };
}

const webhookKey = Buffer.from(process.env.PAYMENT_WEBHOOK_SECRET.replace("whsec_", ""), "base64");
function signed(headers, text) {
	const id = headers["webhook-id"] ?? crypto.randomUUID();
	const at = headers["webhook-timestamp"] ?? String(Math.floor(Date.now() / 1000));
	const mac = crypto.createHmac("sha256", webhookKey).update(`${id}.${at}.${text}`).digest("base64");
	return { ...headers, "webhook-id": id, "webhook-timestamp": at, "webhook-signature": `v1,${mac}` };
}

function wireOf(request, own, other, turn) {
	const query = request.query.map(([k, v]) => `${encode(k)}=${encode(filled(v, own))}`).join("&");
	const body = groundBody(request.body, own, turn);
	let headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) =>
		[k, v.replace("{now}", String(Math.floor(Date.now() / 1000)))]));
	if (request.template.endsWith("/webhook") && turn % 4)
		headers = signed(headers, body?.text ?? "");
	if (body?.type)
		headers["Content-Type"] = body.type;
	const target = pathOf(request, own, other) + (query ? `?${query}` : "");
	return { method: request.method, target, token: callers[request.caller], headers,
		body: body === null ? null : body.text };
}

function lineOf(wire, answer) {
	const raw = [];
	for (let i = 0; i < answer.rawHeaders.length; i += 2)
		raw.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
	return `${JSON.stringify({ method: wire.method, target: wire.target,
		contentType: wire.body === null ? null : wire.headers["Content-Type"] ?? "", sent: wire.body,
		signedIn: wire.token !== null, headers: Object.entries(wire.headers).map((h) => h.join(": ")),
		status: answer.status, answerHeaders: ["HTTP/1.1", ...raw].join("\r\n"), answer: answer.body })}\n`;
}

// --- all of them --------------------------------------------------------------------------------

const record = fs.createWriteStream(`${directory}/generated.jsonl`);
const statuses = new Map();
let [passed, failed] = [0, 0];

async function run(request, own, other, turn) {
	const wire = wireOf(request, own, other, turn);
	const answer = await ask(wire);
	statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
	if (answer.status === 0 || answer.status >= 500) {
		if (failed++ < 20)
			console.log(`${request.caller}: ${JSON.stringify(wire)}\n    ${answer.status} ` +
				`${answer.body ?? answer.error}`);
		return;
	}
	passed++;
	record.write(lineOf(wire, answer));
}

for (let done = 0; done < requests; done += A_STAGE) {
	const [own, other] = await Promise.all([stageOf("organizer"), stageOf("otherOrganizer")]);
	const batch = fc.sample(anyRequest, { seed: seed + done, numRuns: Math.min(A_STAGE, requests - done) });
	const next = batch.entries();
	await Promise.all(Array.from({ length: AT_ONCE }, async () => {
		for (const [turn, request] of next)
			await run(request, own, other, turn);
	}));
}
await new Promise((resolve) => record.end(resolve));
console.log([...statuses].sort(([a], [b]) => a - b).map(([s, n]) => `${s}: ${n}`).join(", "));
console.log(`generated: ${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
