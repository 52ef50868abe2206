// sqlmap against every operation of the API document: sqlmap.mjs openapi.json DIRECTORY LOG CORECTL
//
// A request is made for each operation with all that it takes, values that are good, and each of them
// marked for sqlmap, which tries one after the other. Texts are tried with every technique, what is no
// text with those that need no waiting. Two more things answer here: a proxy that signs what is sent
// to the webhook, as the payment service does, and a page that really can be injected into, which
// sqlmap must find. Unmarked, each request must be one that the API accepts: else nothing of it would
// come as far as a statement. SQLMAP_S (300): seconds an operation. ONLY=text: operations whose id has it.
import childProcess from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { api, ask, callers, must, stageOf } from "./stage.mjs";

const [documentFile, directory, logFile, corectl] = process.argv.slice(2);
const document = JSON.parse(fs.readFileSync(documentFile, "utf8"));
const seconds = Number(process.env.SQLMAP_S ?? 300);
const only = process.env.ONLY ?? "";
const AT_ONCE = 3;
const METHODS = ["get", "put", "post", "delete", "patch"];
// Operations without a statement: pages of the process itself.
const NO_SQL = /^\/(health|docs|problems|openapi)/;
const TEXT = "BEUSTQ", NO_TEXT = "BEQ";

const resolve = (node) => {
	while (node?.$ref)
		node = node.$ref.split("/").slice(1).reduce((at, key) =>
			at[key.replaceAll("~1", "/").replaceAll("~0", "~")], document);
	return node;
};

// --- values -------------------------------------------------------------------------------------

// By member or parameter; what is not here comes from the schema.
const KNOWN = { email: "ada.m@example.com", eventDate: "2090-02-01T20:00:00Z", timeZone: "Europe/Paris",
	currency: "EUR", limit: 10, page: 1, sort: "eventDate", bucket: "day", period: "7d", phone: "+33123456789",
	dateFrom: "2026-01-01T00:00:00Z", dateTo: "2091-01-01T00:00:00Z", from: "2026-11-01T00:00:00Z",
	to: "2026-11-20T00:00:00Z", salesStartAt: "2026-01-01T00:00:00Z", salesEndAt: "2089-01-01T00:00:00Z",
	organizerId: 2, maxAttendees: 900, quantity: 20, "Idempotency-Key": "a-key", "If-None-Match": "\"x\"",
	"X-Request-Id": "mine", "webhook-id": "msg_1", search: "Ada", cursor: "WzEsMl0", amount: 1, reason: "none",
	locale: "en", endDate: "2090-02-01T23:00:00Z", scanId: "0b7c6f0e-5a3c-4f8e-9a51-2f6f7f3f0001", externalId: "crm-17" };
// Signed: the proxy does it for the one; the code of the other, whose MAC is compared before any
// statement, is on nobody's page as a text.
const SEALED = ["receivePaymentWebhook", "validateTicket-ticketCode"];
// Members that exclude each other: a request without one of them each.
const WITHOUT = { validateTicket: ["qrCode", "ticketCode"] };

function valueOf(schema, name, stage) {
	const node = resolve(schema) ?? {};
	if (name in stage && typeof stage[name] !== "object")
		return stage[name];
	if (name in KNOWN)
		return KNOWN[name];
	if (node.enum)
		return node.enum.find((value) => value !== null);
	const union = node.oneOf ?? node.anyOf ?? node.allOf;
	if (union)
		return valueOf(union[0], name, stage);
	const type = [node.type].flat().find((one) => one !== "null");
	if (type === "integer" || type === "number")
		return Math.max(node.minimum ?? 1, 1);
	if (type === "boolean")
		return true;
	return node.example ?? "words";
}

const isText = (value) => typeof value === "string" && !/^[0-9-]+T?[0-9:Z]*$/.test(value);

// Each leaf of a body with a mark behind it; ret.texts and ret.points count.
function bodyOf(schema, name, stage, ret) {
	const node = resolve(schema) ?? {};
	const union = node.allOf ?? node.oneOf;
	if (union && !node.properties)
		return bodyOf(union[0], name, stage, ret);
	if (node.properties)
		return `{${Object.entries(node.properties).filter(([, one]) => !resolve(one)?.readOnly)
			.filter(([key]) => key !== ret.without)
		.map(([key, one]) => `${JSON.stringify(key)}:${bodyOf(one, key, stage, ret)}`).join(",")}}`;
	if (node.type === "object")
		return "{}";
	if (node.items)
		return `[${bodyOf(node.items, name, stage, ret)}]`;
	const value = valueOf(node, name, stage);
	ret.points++;
	ret.text ||= isText(value);
	return typeof value === "string" ? JSON.stringify(`${value}*`) : `${value}*`;
}

// --- requests -----------------------------------------------------------------------------------

const extraOf = (operation) => operation.operationId === "aggregateStatistics"
	? { "X-Service-Token": callers.service } : {};

const tokenFor = (operation) => {
	if (operation.operationId === "getOrganizerStatistics")
		return callers.admin;
	return /listPayments|getGuest$/.test(operation.operationId) ? callers.user : callers.organizer;
};

function requestOf(method, target, item, operation, stage, without) {
	const id = operation.operationId;
	const ret = { id: without ? `${id}-${without}` : id, points: 0, text: false, without };
	const parameters = [...item.parameters ?? [], ...operation.parameters ?? []].map(resolve);
	const marked = (parameter) => {
		const value = valueOf(parameter.schema, parameter.name, stage);
		ret.points++;
		ret.text ||= isText(value);
		return `${parameter.in === "query" || parameter.in === "path" ? encodeURIComponent(value) : value}*`;
	};
	const where = target.replace(/\{(\w+)\}/g, (_, name) =>
		marked(parameters.find((one) => one.in === "path" && one.name === name)));
	const query = parameters.filter((one) => one.in === "query" && one.name !== "cursor")
		.map((one) => `${one.name}=${marked(one)}`);
	// Versions are compared here, and one that is not the row's stops all others at the door; the
	// proxy sets the time.
	const headers = parameters.filter((one) => one.in === "header" &&
		!["If-Match", "If-None-Match", "webhook-timestamp"].includes(one.name))
		.map((one) => `${one.name}: ${marked(one)}`);
	const content = resolve(operation.requestBody)?.content ?? {};
	const json = content["application/json"];
	const body = json ? bodyOf(json.schema, "", stage, ret) : "";
	const host = id === "receivePaymentWebhook" ? `127.0.0.1:${here}` : api.host;
	ret.plain = { method: method.toUpperCase(), target: `${where}${query.length ? `?${query.join("&")}` : ""}`
		.replaceAll("*", ""), body: body.replaceAll("*", "") || null, token: tokenFor(operation), headers: {
		...Object.fromEntries(headers.map((line) => line.replaceAll("*", "").split(": "))),
		"Idempotency-Key": `before-${ret.id}`, ...extraOf(operation), ...body ? { "Content-Type": "application/json" } : {} } };
	ret.file = path.join(directory, `${ret.id}.txt`);
	fs.writeFileSync(ret.file, [`${method.toUpperCase()} ${where}${query.length ? `?${query.join("&")}` : ""} HTTP/1.1`,
		`Host: ${host}`, `Authorization: Bearer ${tokenFor(operation)}`, ...headers,
		...Object.entries(extraOf(operation)).map((pair) => pair.join(": ")),
		...body ? ["Content-Type: application/json"] : [], "", body].join("\n"));
	return ret;
}

// The stage in the state that the operation is for.
async function stageFor(operation) {
	const stage = await stageOf("organizer");
	if (operation.operationId === "publishEvent")
		stage.eventId = (await must(callers.organizer, "POST", "/api/events", { title: "A draft", maxAttendees: 9,
			eventDate: "2090-01-01T20:00:00Z", location: "The hall", ticketTypes: [{ name: "Free", price: 0, quantity: 5 }] })).id;
	return stage;
}

async function requests() {
	const all = [];
	for (const [target, item] of Object.entries(document.paths))
		for (const method of METHODS.filter((one) => item[one] && !NO_SQL.test(target)))
			if (item[method].operationId.includes(only))
				for (const without of WITHOUT[item[method].operationId] ?? [undefined])
					all.push(requestOf(method, target, item, item[method], await stageFor(item[method]),
						without));
	return all.filter((one) => one.points > 0);
}

// --- what answers here --------------------------------------------------------------------------

const secret = Buffer.from(process.env.PAYMENT_WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");

async function signed(request, body) {
	const id = request.headers["webhook-id"] ?? "", at = Math.floor(Date.now() / 1000);
	const mac = crypto.createHmac("sha256", secret).update(`${id}.${at}.${body}`).digest("base64");
	return ask({ method: "POST", target: request.url, body, headers: { "Content-Type": "application/json",
		"webhook-id": id, "webhook-timestamp": String(at), "webhook-signature": `v1,${mac}` } });
}

// The mistake that is looked for.
function careless(url) {
	const q = new URL(url, "http://x").searchParams.get("q");
	const said = childProcess.spawnSync("psql", ["-XAtq", process.env.DATABASE_URL, "-c",
		`SELECT id, title FROM events WHERE title = '${q}' ORDER BY id LIMIT 3`]);
	return { status: said.status ? 500 : 200, body: String(said.stdout) + String(said.stderr) };
}

const server = http.createServer(async (request, response) => {
	const parts = [];
	for await (const part of request)
		parts.push(part);
	const answer = request.url.startsWith("/careless") ? careless(request.url)
		: await signed(request, Buffer.concat(parts).toString());
	response.writeHead(answer.status || 502, { "Content-Type": "text/plain" });
	response.end(answer.body);
});
const here = await new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));

// --- sqlmap -------------------------------------------------------------------------------------

function sqlmap(name, more) {
	const begun = Date.now();
	const child = childProcess.spawn("timeout", [String(seconds), "sqlmap", "--batch", "--flush-session",
		"--ignore-stdin", "--disable-coloring", "--skip-waf", "--dbms=PostgreSQL", "--level=1", "--risk=1", "--time-sec=2",
		"--timeout=20", "--ignore-code=*", "--output-dir", path.join(directory, "out", name), ...more], { stdio: ["ignore", "pipe", "pipe"] });
	let said = "";
	child.stdout.on("data", (data) => said += data);
	child.stderr.on("data", (data) => said += data);
	return new Promise((done) => child.on("close", (code) => {
		fs.writeFileSync(path.join(directory, `${name}.log`), said);
		done({ code, said, seconds: ((Date.now() - begun) / 1000).toFixed(0),
			asked: Number(/sent (\d+) requests|(\d+) HTTP/.exec(said)?.[1] ?? 0),
			found: /identified the following injection point/.test(said),
			clean: /all tested parameters do not appear to be injectable/.test(said),
			tested: said.match(/testing if .* parameter '.*' is dynamic/g)?.length ?? 0 });
	}));
}

let passed = 0, failed = 0;
function check(holds, text, weight = 1) {
	console.log(`${holds ? "ok    " : "FAILED"}  ${text}`);
	if (holds)
		passed += weight;
	else
		failed++;
}

async function attack(one) {
	if (!SEALED.includes(one.id)) {
		const { status, body } = await ask(one.plain);
		check(status < 400 || status === 409, `${one.id}: ${status} as it is ${status < 400 ? "" : body}`);
	}
	if (process.env.DRY)
		return;
	const got = await sqlmap(one.id, ["-r", one.file, `--technique=${one.text ? TEXT : NO_TEXT}`]);
	check(got.clean && !got.found && got.tested >= one.points, `${one.id}: ${got.tested} of ${one.points} ` +
		`parameters, ${got.seconds} s${got.found ? ", INJECTED" : got.clean ? "" : ", not finished"}`, one.points);
}

fs.rmSync(directory, { recursive: true, force: true });
fs.mkdirSync(directory, { recursive: true });
const all = await requests();
const control = await sqlmap("control", ["-u", `http://127.0.0.1:${here}/careless?q=A%20stage`, "--technique=BE"]);
check(control.found, "a page with the mistake is found");
const queue = [...all];
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
	for (let one = queue.shift(); one; one = queue.shift())
		await attack(one);
}));
server.close();
const errors = fs.readFileSync(logFile, "utf8").split("\n").filter((line) => /"statusCode":5/.test(line));
check(!errors.length, `no answer was 5xx ${errors.slice(0, 3).join("\n")}`);
check((await ask({ target: "/health/ready" })).status === 200, "ready");
check(childProcess.spawnSync(corectl, ["audit"], { stdio: "inherit" }).status === 0, "corectl audit");
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
