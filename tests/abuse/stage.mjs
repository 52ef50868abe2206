// What the abuse suite stands on: callers with tokens, the API over HTTP, and events with all that a
// path can name. Addresses and secrets come from the environment, as `make up` writes them.
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";

export const api = new URL(process.env.API_URL);
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });

export const modules = createRequire(path.resolve(process.env.NODE_MODULES, "index.js"));
const { SignJWT } = await import(modules.resolve("jose"));

const secret = new TextEncoder().encode(process.env.JWT_SECRET);
export const sign = (claims, header = { alg: "HS256", typ: "JWT" }, key = secret) =>
	new SignJWT(claims).setProtectedHeader(header).sign(key);
export const claimsOf = (id, roles) => ({ sub: String(id), roles, email: `user${id}@example.com`,
	exp: Math.floor(Date.now() / 1000) + 7200 });
const tokenOf = (id, roles) => sign(claimsOf(id, roles));

export const STAFF = 20;
export const callers = {
	nobody: null,
	user: await tokenOf(10, ["user"]),
	otherUser: await tokenOf(11, ["user"]),
	staff: await tokenOf(STAFF, ["user"]),
	organizer: await tokenOf(2, ["organizer"]),
	otherOrganizer: await tokenOf(3, ["organizer"]),
	admin: await tokenOf(1, ["admin"]),
	service: process.env.SHARED_SERVICE_TOKEN,
};

// One request; target as it goes over the wire. The answer with raw header lines, and `error` when
// there was none.
export function ask({ method = "GET", target, token = null, headers = {}, body = null }) {
	const sent = { ...headers };
	if (token !== null)
		sent.Authorization = `Bearer ${token}`;
	if (body !== null)
		sent["Content-Length"] = Buffer.byteLength(body);
	return new Promise((resolve) => {
		const request = http.request({ host: api.hostname, port: api.port, method, path: target, agent,
			headers: sent, timeout: 20000 }, (response) => {
			const parts = [];
			response.on("data", (part) => parts.push(part));
			response.on("error", (error) => resolve({ status: 0, error }));
			response.on("end", () => resolve({ status: response.statusCode, headers: response.headers,
				rawHeaders: response.rawHeaders, body: Buffer.concat(parts).toString() }));
		});
		request.on("timeout", () => request.destroy(new Error("no answer in 20 s")));
		request.on("error", (error) => resolve({ status: 0, error }));
		request.end(body ?? undefined);
	});
}

async function must(token, method, target, body) {
	const json = body === undefined ? null : JSON.stringify(body);
	const answer = await ask({ method, target, token, body: json,
		headers: json ? { "Content-Type": "application/json" } : {} });
	if (answer.status >= 300)
		throw new Error(`${method} ${target}: ${answer.status} ${answer.body ?? answer.error}`);
	return answer.body ? JSON.parse(answer.body).data : null;
}
export { must };

// A published event of that organizer with a free and a paid type, two guests, staff and an import.
export async function stageOf(organizer, title = "A stage") {
	const owner = callers[organizer];
	const event = await must(owner, "POST", "/api/events", { title, eventDate: "2090-01-01T20:00:00Z",
		location: "The hall", maxAttendees: 1000, ticketTypes: [{ name: "Free", price: 0, quantity: 900 },
			{ name: "Box", price: 10, quantity: 900 }] });
	const at = `/api/events/${event.id}`;
	const [free, box] = event.ticketTypes.map((type) => type.id);
	await must(owner, "POST", `${at}/publish`);
	await must(owner, "PUT", `${at}/staff/${STAFF}`);
	const guest = await must(callers.user, "POST", `${at}/guests`, { firstName: "Ada", lastName: "One",
		email: "ada@example.com", ticketTypeId: free });
	const buyer = await must(callers.user, "POST", `${at}/guests`, { firstName: "Bob", lastName: "Two",
		email: "bob@example.com", ticketTypeId: box });
	const job = await must(owner, "POST", `${at}/guests/import`, { rows: [] });
	const ticket = await must(owner, "GET", `/api/tickets/${guest.ticket.id}`);
	return { eventId: event.id, ticketTypeId: free, boxId: box, guestId: guest.id, ticketId: ticket.id,
		ticketCode: ticket.ticketCode, paymentId: buyer.payment?.id ?? 1,
		intentId: buyer.payment?.intentId ?? "pi_1", importId: job.id, userId: STAFF,
		token: new URL(ticket.links.pdf).searchParams.get("token"), links: ticket.links };
}
