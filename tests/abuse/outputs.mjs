// Hostile names and titles through everything that shows them: answers, their headers, the export,
// mails with their calendar entries, PDFs, pages and logs. None may become more than a text there.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { ask, callers, must } from "./stage.mjs";

const WAIT_MS = 30000;
const platform = new URL(process.env.NOTIFICATION_SERVICE_URL);
const logs = `${process.env.DEV}/log`;

// Texts of one line that the API takes, each with an own mark to be found by.
const TEXTS = ["plain", "=1+cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "<script>alert(1)</script>",
	"\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "</title><h1>x", "&lt;b&gt;&amp;",
	"()\\ (unbalanced", "%PDF-1.4 endobj", "a;b,c:d\\n", "BEGIN:VEVENT", "\u202eevil\u202c", "👩‍👩‍👧 family",
	"مرحبا عالم", "e\u0301\u0301\u0301", "{{eventTitle}} ${x} %s%n", "{\"level\":\"error\"}", "https://evil.example/?a=b&c",
	"x@y.example, z@y.example", "字字字"].map((text, i) => `${text} zq${i}z`);
// Those that are no line: refused, or kept out of every line.
const NO_LINES = ["a\r\nX-Split: 1", "a\nATTENDEE:x", "a\rb", "a\tb", "\t=1", "a\u0000b", "a\u001b[31mb", "a\u0085b",
	"a\u2028b", "a\u2029b", "\ufeff", "a\u007fb"];

let passed = 0;
let failed = 0;
function judge(fits, ...what) {
	if (fits) {
		passed++;
		return;
	}
	failed++;
	console.log(...what.map((part) => typeof part === "string" ? part.slice(0, 500) : JSON.stringify(part)));
}

const owner = callers.organizer;
const mark = (text) => text.match(/zq\d+z/)[0];
const json = { "Content-Type": "application/json" };

// --- in -----------------------------------------------------------------------------------------

async function eventOf(title) {
	const event = await must(owner, "POST", "/api/events", { title, description: title, location: title,
		eventDate: "2090-01-01T20:00:00Z", maxAttendees: 100,
		ticketTypes: [{ name: title, price: 0, quantity: 100, description: title }] });
	await must(owner, "POST", `/api/events/${event.id}/publish`);
	const guest = await must(owner, "POST", `/api/events/${event.id}/guests`, { firstName: title,
		lastName: title, email: `${mark(title)}@example.com`, externalId: title,
		ticketTypeId: event.ticketTypes[0].id });
	return { title, event, guest };
}

async function until(done) {
	const end = Date.now() + WAIT_MS;
	for (;;) {
		const value = await done();
		if (value || Date.now() > end)
			return value;
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
}

// --- out ----------------------------------------------------------------------------------------

// Records of RFC 4180, with their quotes undone.
function cellsOf(csv) {
	return csv.split(/\r\n(?=(?:[^"]*"[^"]*")*[^"]*$)/).filter(Boolean).map((line) =>
		[...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)]
			.map(([, quoted, plain]) => quoted?.replaceAll("\"\"", "\"") ?? plain));
}

async function judgeExport({ title, event }) {
	const answer = await ask({ target: `/api/events/${event.id}/guests/export`, token: owner });
	const [head, ...rows] = cellsOf(answer.body);
	judge(rows.length === 1 && rows[0].length === head.length, "export", title, answer.body);
	judge(rows.flat().every((cell) => !/^[=+\-@\t\r]/.test(cell)), "formula", title, answer.body);
	judge(rows[0].filter((cell) => cell === title || cell === `'${title}`).length >= 2, "export text", title,
		answer.body);
}

// The tags of a page, which no name may add to; where its links lead is judged apart.
const tagsOf = (html) => html.match(/<[^>]*>/g).map((tag) => tag.replace(/href="[^"]*"/, "href")).join("");
let plainTags;
let plainLines;

function judgeHtml(html, title) {
	plainTags ??= tagsOf(html); // that of the first text, which is harmless
	judge(html.includes(mark(title)), "html without", title, html);
	judge(tagsOf(html) === plainTags, "html", title, html);
	judge([...html.matchAll(/href="([^"]*)"/g)].every(([, to]) => to.startsWith(process.env.API_URL)),
		"links", title, html);
}

function unfold(ics) {
	return ics.replaceAll("\r\n ", "").split("\r\n").filter(Boolean);
}

function judgeCalendar(ics, title) {
	const lines = unfold(ics);
	const names = lines.map((line) => line.split(/[:;]/)[0]);
	judge(!/[^\r]\n|\r[^\n]/.test(ics), "calendar line ends", title, ics);
	judge(lines.filter((line) => line === "BEGIN:VEVENT").length === 1 && !names.includes("ATTENDEE") &&
		names.every((name) => /^[A-Z][A-Z0-9-]+$/.test(name)), "calendar", title, ics);
}

function judgeMail(call, title) {
	const mail = typeof call.body === "string" ? JSON.parse(call.body) : call.body;
	judge(!/[\r\n]/.test(mail.subject) && !/[\r\n]/.test(mail.to), "mail headers", mail);
	judgeHtml(mail.data.html, title);
	judge(mail.data.text.split("\n").length === (plainLines ??= mail.data.text.split("\n").length),
		"mail text", title, mail.data.text);
	judgeCalendar(mail.data.ics, title);
}

async function judgeTicket({ title, guest }) {
	const at = `/api/tickets/${guest.ticket.id}`;
	const ready = await until(async () => (await must(owner, "GET", at)).status === "ready");
	judge(ready, "ticket", title);
	const links = (await must(owner, "GET", at)).links;
	const file = `${process.env.DEV}/ticket.pdf`;
	const pdf = await fetch(links.pdf);
	fs.writeFileSync(file, Buffer.from(await pdf.arrayBuffer()));
	judge(/^(attachment|inline); filename="[\w.-]+"$/.test(pdf.headers.get("content-disposition")),
		"file name", pdf.headers.get("content-disposition"));
	const info = execFileSync("pdfinfo", [file], { encoding: "utf8" });
	judge(/Pages: +1\n/.test(info) && /JavaScript: +no\n/.test(info), "pdf", title, info);
	const words = execFileSync("pdftotext", ["-layout", file, "-"], { encoding: "utf8" });
	judge(words.includes(guest.ticket.ticketCode), "pdf code", title, words);
}

// --- all of them --------------------------------------------------------------------------------

const made = [];
for (const text of TEXTS) {
	const one = await eventOf(text);
	judge(one.event.title === text && one.guest.firstName === text, "kept", text, one.event.title);
	made.push(one);
}
for (const one of made) {
	await judgeExport(one);
	await judgeTicket(one);
	const list = await ask({ target: `/api/events?search=${encodeURIComponent(one.title)}&limit=1` });
	judge(JSON.parse(list.body).data[0]?.id === one.event.id, "search", one.title, list.body);
	judge(!/[<>"']|[^\x20-\x7e]/.test((list.headers.link ?? "").replaceAll(/<[^<>"]*>; rel="\w+"/g, "")), "link",
		list.headers.link);
}

// Each guest has a mail of his own, with a calendar entry.
const mails = await until(async () => {
	const answer = await fetch(new URL("/_control/calls?service=notification", platform));
	const calls = (await answer.json()).data;
	return made.every(({ title }) => calls.some((c) => JSON.stringify(c).includes(`${mark(title)}@example.com`))) &&
		calls;
});
judge(mails, "a mail for everybody");
for (const { title } of made)
	for (const call of (mails || []).filter((c) => JSON.stringify(c).includes(`${mark(title)}@example.com`)))
		judgeMail(call, title);

for (const text of NO_LINES) {
	const answer = await ask({ method: "POST", target: "/api/events", token: owner, headers: json,
		body: JSON.stringify({ title: text, eventDate: "2090-01-01T20:00:00Z", location: "Here",
			maxAttendees: 1, ticketTypes: [{ name: "A", price: 0, quantity: 1 }] }) });
	judge(answer.status === (text.includes("\0") ? 400 : 422), "no line", JSON.stringify(text), answer.body ?? String(answer.error));
}

// What is reflected comes back as JSON or escaped, with no header of its own.
for (const path of ["/problems/%3Cscript%3E", "/docs/%3Cscript%3E", "/api/%3Cscript%3E", "/problems/a%0d%0aX-Split:1",
	"/api/events?%3Cscript%3E=1", "/api/events?sort=%3Cscript%3E", "/api/events?search=a%0d%0aX-Split:%201"]) {
	const answer = await ask({ target: path, headers: { "X-Request-Id": "<script>" } });
	const isHtml = /html/.test(answer.headers["content-type"]);
	judge(answer.headers["x-split"] === undefined && answer.headers["x-request-id"] !== "<script>" &&
		answer.headers["x-content-type-options"] === "nosniff" && !(isHtml && answer.body.includes("<script>")),
	"reflected", path, answer.body);
}

// A line of a log is one JSON object, whatever was said.
for (const name of ["core-api", "worker-tickets", "worker-email"]) {
	const lines = fs.readFileSync(`${logs}/${name}.log`, "utf8").split("\n").filter(Boolean);
	const bad = lines.filter((line) => {
		try {
			return /[\u0000-\u001f\u007f]/.test(line) || JSON.parse(line).timestamp === undefined;
		} catch {
			return true;
		}
	});
	judge(lines.length > 0 && bad.length === 0, "log", name, bad[0] ?? "");
}
console.log(`outputs: ${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
