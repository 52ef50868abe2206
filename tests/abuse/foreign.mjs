// Ids, cursors, keys and links of somebody else, wherever one can stand. A stranger's thing is no
// thing: he is told what he would be told of one that does not exist.
import { ask, callers, must, stageOf } from "./stage.mjs";

const NONE = "9223372036854775807";
const json = { "Content-Type": "application/json" };
let passed = 0;
let failed = 0;
function judge(fits, name, answer) {
	if (fits) {
		passed++;
		return;
	}
	failed++;
	console.log(`${name}: ${answer.status} ${String(answer.body ?? answer.error).slice(0, 500)}`);
}

function send(caller, method, target, body, headers = {}) {
	return ask({ method, target, token: callers[caller], body: body === undefined ? null : JSON.stringify(body),
		headers: body === undefined ? headers : { ...json, ...headers } });
}

async function expect(status, caller, method, target, body) {
	const answer = await send(caller, method, target, body);
	judge(answer.status === status, `${caller} ${method} ${target}, not ${status}`, answer);
	return answer;
}

const mine = await stageOf("organizer", "Mine and nobody else's");
const theirs = await stageOf("otherOrganizer", "Theirs");
const draft = await must(callers.organizer, "POST", "/api/events", { title: "Hidden draft",
	eventDate: "2090-01-01T20:00:00Z", location: "Secret", maxAttendees: 5,
	ticketTypes: [{ name: "A", price: 0, quantity: 5 }] });

// --- things of a stranger look like things that do not exist --------------------------------------

const said = ({ status, body }) => {
	const { requestId: _, instance: __, ...rest } = JSON.parse(body);
	return JSON.stringify({ status, rest });
};
const things = [
	["GET", "/api/tickets/{ticketId}"], ["GET", "/api/tickets/{ticketId}/pdf"],
	["GET", "/api/tickets/{ticketId}/qr.svg"], ["GET", "/api/tickets/{ticketId}/qr.png"],
	["POST", "/api/tickets/{ticketId}/reissue"], ["DELETE", "/api/tickets/{ticketId}/validation"],
	["POST", "/api/payments/{paymentId}/refund"], ["GET", "/api/imports/{importId}"],
	["GET", `/api/events/${mine.eventId}/guests/{guestId}`],
	["PATCH", `/api/events/${mine.eventId}/guests/{guestId}`, { phone: null }],
	["DELETE", `/api/events/${mine.eventId}/guests/{guestId}`],
	["POST", `/api/events/${mine.eventId}/guests/{guestId}/confirm`],
	["POST", `/api/events/${mine.eventId}/guests/{guestId}/cancel`],
	["POST", `/api/events/${mine.eventId}/guests/{guestId}/check-in`],
	["DELETE", `/api/events/${mine.eventId}/guests/{guestId}/check-in`],
	["GET", `/api/events/${mine.eventId}/guests/{guestId}/payments`],
];
for (const [method, pattern, body] of things) {
	for (const caller of ["otherOrganizer", "otherUser"]) {
		const there = pattern.replace(/\{(\w+)\}/, (_, name) => mine[name]);
		const nowhere = pattern.replace(/\{\w+\}/, NONE);
		const [one, other] = [await send(caller, method, there, body), await send(caller, method, nowhere, body)];
		judge(one.status === 404 && said(one) === said(other), `${caller} ${method} ${there}`, one);
	}
	// Even to who may do all that to his own: below his event there is no thing of another one.
	const mixed = pattern.replace(`/events/${mine.eventId}/`, `/events/${theirs.eventId}/`)
		.replace(/\{(\w+)\}/, (_, name) => mine[name]);
	for (const caller of mixed.startsWith("/api/events/") ? ["otherOrganizer", "organizer", "admin"] : [])
		await expect(404, caller, method, mixed, body);
}
for (const [method, path] of [["PATCH", ""], ["DELETE", ""], ["POST", "/publish"], ["GET", "/guests"],
	["GET", "/statistics"], ["PUT", "/staff/7"], ["GET", "/ticket-types"]]) {
	const body = method === "PATCH" ? { title: "Taken over" } : undefined;
	const [one, other] = [await send("otherOrganizer", method, `/api/events/${draft.id}${path}`, body),
		await send("otherOrganizer", method, `/api/events/${NONE}${path}`, body)];
	judge(one.status === 404 && said(one) === said(other), `draft ${method} ${path}`, one);
}
for (const method of ["PATCH", "DELETE"]) {
	const body = method === "PATCH" ? { name: "Taken over" } : undefined;
	await expect(403, "otherOrganizer", method, `/api/events/${mine.eventId}/ticket-types/${mine.ticketTypeId}`,
		body);
	await expect(404, "otherOrganizer", method,
		`/api/events/${theirs.eventId}/ticket-types/${mine.ticketTypeId}`, body);
}

// --- in bodies and queries --------------------------------------------------------------------------

const guest = (more) => ({ firstName: "A", lastName: "B", email: "foreign@example.com", ...more });
await expect(422, "otherUser", "POST", `/api/events/${mine.eventId}/guests`,
	guest({ ticketTypeId: theirs.ticketTypeId }));
await expect(404, "otherOrganizer", "POST", "/api/tickets/validate", { ticketCode: mine.ticketCode });
await expect(404, "otherOrganizer", "POST", "/api/tickets/validate",
	{ ticketCode: mine.ticketCode, eventId: theirs.eventId });
await expect(404, "organizer", "POST", "/api/tickets/validate",
	{ ticketCode: theirs.ticketCode, eventId: mine.eventId });
await expect(403, "otherOrganizer", "GET", "/api/statistics?organizerId=2");
for (const query of ["organizerId=2&status=draft", "search=Hidden+draft", "organizerId=2&search=hidden"])
	for (const caller of ["nobody", "user", "otherOrganizer", "staff"]) {
		const answer = await expect(200, caller, "GET", `/api/events?${query}`);
		judge(JSON.parse(answer.body).data.length === 0, `${caller} ${query}`, answer);
	}
const filtered = await expect(200, "organizer", "GET",
	`/api/events/${mine.eventId}/guests?ticketTypeId=${theirs.ticketTypeId}`);
judge(JSON.parse(filtered.body).data.length === 0, "guests by another event's type", filtered);

// What is nobody's to set is refused, not dropped silently.
for (const [member, value] of Object.entries({ id: 1, status: "confirmed", organizerId: 3, eventId: theirs.eventId,
	currentAttendees: 0, guestCount: 0, checkedInAt: null, registeredBy: 3, deletedAt: null, sold: 0, price: 0,
	isValidated: true, editVersion: 1, statusBefore: "x", createdAt: "2020-01-01T00:00:00Z" })) {
	await expect(422, "organizer", "PATCH", `/api/events/${mine.eventId}/guests/${mine.guestId}`, { [member]: value });
	await expect(422, "organizer", "PATCH", `/api/events/${mine.eventId}`, { [member]: value });
	await expect(422, "user", "POST", `/api/events/${mine.eventId}/guests`, guest({ [member]: value }));
	if (!["price"].includes(member))
		await expect(422, "organizer", "PATCH", `/api/events/${mine.eventId}/ticket-types/${mine.ticketTypeId}`,
			{ [member]: value });
}

// --- cursors ----------------------------------------------------------------------------------------

async function cursorOf(caller, target) {
	const answer = await expect(200, caller, "GET", target);
	const cursor = JSON.parse(answer.body).meta.nextCursor;
	judge(typeof cursor === "string", `cursor of ${target}`, answer);
	return encodeURIComponent(cursor);
}
const ofGuests = await cursorOf("organizer", `/api/events/${mine.eventId}/guests?limit=1`);
const ofTypes = await cursorOf("organizer", `/api/events/${mine.eventId}/ticket-types?limit=1`);
const ofEvents = await cursorOf("organizer", "/api/events?limit=1");
await expect(200, "organizer", "GET", `/api/events/${mine.eventId}/guests?limit=1&cursor=${ofGuests}`);
await expect(403, "otherOrganizer", "GET", `/api/events/${mine.eventId}/guests?limit=1&cursor=${ofGuests}`);
await expect(400, "otherOrganizer", "GET", `/api/events/${theirs.eventId}/guests?limit=1&cursor=${ofGuests}`);
await expect(400, "organizer", "GET", `/api/events/${theirs.eventId}/ticket-types?limit=1&cursor=${ofTypes}`);
for (const [path, cursor] of [["guests", ofTypes], ["guests", ofEvents], ["ticket-types", ofGuests]])
	await expect(400, "organizer", "GET", `/api/events/${mine.eventId}/${path}?limit=1&cursor=${cursor}`);
const walked = await send("otherOrganizer", "GET", `/api/events?limit=1&cursor=${ofEvents}`);
judge(walked.status === 400 || !walked.body.includes("Hidden"), "another caller's cursor", walked);

// --- keys and links ---------------------------------------------------------------------------------

const key = { "Idempotency-Key": `shared-${mine.eventId}` };
const event = { title: "By key", eventDate: "2090-01-01T20:00:00Z", location: "Here", maxAttendees: 1,
	ticketTypes: [{ name: "A", price: 0, quantity: 1 }] };
const [first, second] = [await send("organizer", "POST", "/api/events", event, key),
	await send("otherOrganizer", "POST", "/api/events", event, key)];
judge(first.status === 201 && second.status === 201 && second.headers["idempotent-replayed"] === undefined &&
	JSON.parse(first.body).data.id !== JSON.parse(second.body).data.id, "a key of another caller", second);

for (const path of ["", "/pdf", "/qr.svg", "/qr.png"]) {
	const target = `/api/tickets/${mine.ticketId}${path}`;
	const own = await send("nobody", "GET", `${target}?token=${mine.token}`);
	judge(own.status === 200 || own.status === 202, `a link of one's own ${path}`, own);
	for (const token of [theirs.token, mine.token.slice(0, -1), `${mine.token}A`, mine.token.toUpperCase(), "x", "%00"]) {
		const answer = await send("nobody", "GET", `${target}?token=${token}`);
		judge(answer.status === 401 || (token === "%00" && answer.status === 400), `${target} ${token}`, answer);
	}
}
for (const [method, path] of [["POST", "/reissue"], ["DELETE", "/validation"]]) {
	const answer = await send("nobody", method, `/api/tickets/${mine.ticketId}${path}?token=${mine.token}`);
	judge(answer.status === 401 || answer.status === 400, `a link that writes ${path}`, answer);
}

// Nothing of all that changed anything.
const after = await must(callers.organizer, "GET", `/api/events/${mine.eventId}/guests/${mine.guestId}`);
judge(after.status === "confirmed" && after.ticket.ticketCode === mine.ticketCode, "as it was",
	{ status: 0, body: JSON.stringify(after) });
console.log(`foreign: ${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
