// Tokens made by another library (npm jose), good and hostile, against the running API: who is good
// is let in, everybody else gets the same 401, which tells nothing of the claims to who could not
// sign them.
import crypto from "node:crypto";
import { ask, callers, claimsOf, modules, sign } from "./stage.mjs";

const { CompactEncrypt, CompactSign, UnsecuredJWT, generateKeyPair, exportJWK } =
	await import(modules.resolve("jose"));
const secret = new TextEncoder().encode(process.env.JWT_SECRET);
const now = Math.floor(Date.now() / 1000);
const claims = claimsOf(2, ["organizer"]);
const base64url = (data) => Buffer.from(data).toString("base64url");

// A token whose parts are texts as they stand, so that what jose would not write can be said too.
function raw(header, payload, key = secret, hash = "sha256") {
	const text = `${base64url(header)}.${base64url(payload)}`;
	return `${text}.${crypto.createHmac(hash, key).update(text).digest("base64url")}`;
}
const json = JSON.stringify;
const HS256 = { alg: "HS256", typ: "JWT" };
const withHeader = (more) => raw(json({ ...HS256, ...more }), json(claims));
const withClaims = (more) => sign({ ...claims, ...more });
const without = (name) => sign(Object.fromEntries(Object.entries(claims).filter(([k]) => k !== name)));
const bytes = (text) => new TextEncoder().encode(text);

const good = await sign(claims);
const [header, payload, signature] = good.split(".");
const last = signature.slice(-1);
const pairs = Object.fromEntries(await Promise.all(["RS256", "PS256", "ES256", "EdDSA"].map(async (alg) =>
	[alg, await generateKeyPair(alg, { extractable: true })])));
const signedBy = async (alg, more = {}) => new CompactSign(bytes(json(claims)))
	.setProtectedHeader({ alg, typ: "JWT", ...more }).sign(pairs[alg].privateKey);
const publicKey = pairs.RS256.publicKey;
const pem = crypto.KeyObject.from(publicKey).export({ type: "spki", format: "pem" });
const jwk = await exportJWK(publicKey);

const accepted = {
	"as jose signs it": good,
	"without typ": await sign(claims, { alg: "HS256" }),
	"typ at+jwt": await sign(claims, { alg: "HS256", typ: "at+jwt" }),
	"members of the header that mean nothing here": await sign(claims, { ...HS256, "x-a": "1" }),
	"claims that mean nothing here": await withClaims({ scope: "all", nested: { a: [1] } }),
	"issued and valid from now on": await withClaims({ iat: now, nbf: now }),
	"expired within the leeway": await withClaims({ exp: now - 20 }),
};

const refused = {
	"alg none, of jose": new UnsecuredJWT(claims).encode(),
	...Object.fromEntries(["none", "None", "nOnE", "NONE", "", "hs256", "HS384", "HS512", "RS256", "ES256",
		"dir"].map((alg) => [`alg ${alg}, signed as HS256`, withHeader({ alg })])),
	...Object.fromEntries(["none", "None", "nOnE"].map((alg) =>
		[`alg ${alg}, no signature`, `${base64url(json({ alg }))}.${payload}.`])),
	"alg that is a number": withHeader({ alg: 256 }),
	"alg that is a list": withHeader({ alg: ["HS256"] }),
	"no alg": raw(json({ typ: "JWT" }), json(claims)),
	"alg twice, good last": raw("{\"alg\":\"none\",\"alg\":\"HS256\"}", json(claims)),
	"alg twice, good first": raw("{\"alg\":\"HS256\",\"alg\":\"none\"}", json(claims)),
	"HS384 by the secret": raw(json({ alg: "HS384" }), json(claims), secret, "sha384"),
	"HS512 by the secret": raw(json({ alg: "HS512" }), json(claims), secret, "sha512"),
	"by RS256": await signedBy("RS256"),
	"by PS256": await signedBy("PS256"),
	"by ES256": await signedBy("ES256"),
	"by EdDSA": await signedBy("EdDSA"),
	"by a key that it brings (jwk)": await signedBy("RS256", { jwk }),
	"by a key it has an address for (jku)":
		await signedBy("RS256", { jku: "http://127.0.0.1:9/keys", kid: "a" }),
	"by a certificate it has an address for (x5u)":
		await signedBy("RS256", { x5u: "file:///etc/passwd" }),
	"HS256 by a public key's PEM": raw(json(HS256), json(claims), pem),
	"HS256 by a public key's modulus": raw(json(HS256), json(claims), jwk.n),
	"HS256 by nothing": raw(json(HS256), json(claims), ""),
	"HS256 by a weak secret": raw(json(HS256), json(claims), "secret"),
	"HS256 by the secret's base64": raw(json(HS256), json(claims), Buffer.from(secret).toString("base64")),
	"crit of jose": await new CompactSign(bytes(json(claims)))
		.setProtectedHeader({ ...HS256, crit: ["x"], x: 1 }).sign(secret, { crit: { x: true } }),
	"crit exp": withHeader({ crit: ["exp"] }),
	"crit empty": withHeader({ crit: [] }),
	"b64 false": withHeader({ b64: false, crit: ["b64"] }),
	"b64 false, payload as it is": (() => {
		const text = `${base64url(json({ ...HS256, b64: false, crit: ["b64"] }))}.${json({ sub: "2" })}`;
		return `${text}.${crypto.createHmac("sha256", secret).update(text).digest("base64url")}`;
	})(),
	"typ of another thing": withHeader({ typ: "dpop+jwt" }),
	"a list for a header": raw("[]", json(claims)),
	"a header with a byte order mark": raw(`\ufeff${json(HS256)}`, json(claims)),
	"a header with a NUL": raw("{\"alg\":\"HS256\\u0000\"}", json(claims)),
	"a text for claims": raw(json(HS256), "\"x\""),
	"a list for claims": raw(json(HS256), "[]"),
	"broken claims": raw(json(HS256), "{\"sub\":\"2\""),
	"nested claims": raw(json(HS256), "[".repeat(3000)),
	"sub twice": raw(json(HS256), `{"sub":"10","sub":"2","exp":${now + 600},"roles":["admin"]}`),
	"encrypted": await new CompactEncrypt(bytes(json(claims)))
		.setProtectedHeader({ alg: "dir", enc: "A128CBC-HS256" }).encrypt(secret.slice(0, 32)),
	"expired": await withClaims({ exp: now - 62 }),
	"expired long ago": await withClaims({ exp: 1 }),
	"exp of text": raw(json(HS256), json({ ...claims, exp: String(now + 600) })),
	"exp null": raw(json(HS256), json({ ...claims, exp: null })),
	"exp of no size": raw(json(HS256), json(claims).replace(/"exp":\d+/, "\"exp\":1e400")),
	"exp negative": raw(json(HS256), json({ ...claims, exp: -1 })),
	"no exp": await without("exp"),
	"not yet valid": raw(json(HS256), json({ ...claims, nbf: now + 100 })),
	"no sub": await without("sub"),
	...Object.fromEntries([2, null, true, [2], "0", "-1", "02", "2.0", " 2", "2 ", "2\u0000", "0x2", "２", "",
		"9223372036854775808", "1 OR 1=1"].map((sub) => [`sub ${json(sub)}`, raw(json(HS256),
		json({ ...claims, sub }))])),
	"cut signature": `${header}.${payload}.${signature.slice(0, -1)}`,
	"half a signature": `${header}.${payload}.${signature.slice(0, 21)}`,
	"no signature": `${header}.${payload}.`,
	"no third part": `${header}.${payload}`,
	"a fourth part": `${good}.`,
	"padding": `${good}=`,
	"padding inside": `${header}=.${payload}.${signature}`,
	"a blank inside": `${header}.${payload} .${signature}`,
	// The same bytes to a lax reader: the last character has bits that nobody reads.
	"stray bits in the signature": `${header}.${payload}.${signature.slice(0, -1)}` +
		String.fromCharCode(last.charCodeAt(0) + 1),
	"plain base64": `${header}.${payload}.${Buffer.from(signature, "base64url").toString("base64")}`,
	"another's payload": `${header}.${base64url(json({ ...claims, roles: ["admin"] }))}.${signature}`,
	"the service's secret": callers.service,
	"8000 characters": "x".repeat(8000),
	"8000 dots": ".".repeat(8000),
	"a claim of 12 kB": await withClaims({ more: "x".repeat(9000) }),
};

let passed = 0;
let failed = 0;
function judge(name, answer, fits) {
	if (fits) {
		passed++;
		return;
	}
	failed++;
	console.log(`${name}: ${answer.status} ${answer.body ?? answer.error}`);
}

const post = (token) => ask({ method: "POST", target: "/api/events", token, body: "{}",
	headers: { "Content-Type": "application/json" } });

for (const [name, token] of Object.entries(accepted)) {
	const answer = await post(token);
	judge(name, answer, answer.status === 422);
}

const SAID = /^The token('s)? [a-z ]+\.$|^The token is not a signed JSON Web Token\.$/;
const ABOUT_CLAIMS = /claims|expired|yet|usable/;
const isSigned = (token) => {
	const [head, body, mac] = token.split(".");
	return crypto.createHmac("sha256", secret).update(`${head}.${body}`).digest("base64url") === mac;
};

function isGeneric(token, answer) {
	const { requestId, detail, ...rest } = JSON.parse(answer.body);
	return answer.status === 401 && answer.headers["www-authenticate"] === "Bearer" && requestId &&
		SAID.test(detail) && (isSigned(token) || !ABOUT_CLAIMS.test(detail)) &&
		json(rest) === json({ type: "/problems/unauthorized", title: "A valid token is required",
			status: 401, instance: "/api/events" });
}
for (const [name, token] of Object.entries(refused)) {
	const answer = await post(token);
	judge(name, answer, answer.body && isGeneric(token, answer));
}

// More than the head of a request may have is refused before it is a token.
const huge = await post("x".repeat(1 << 20));
judge("1 MB", huge, huge.status === 400 || huge.status === 0);
// Roles that are nobody's give none; a user's token is no organizer's.
for (const roles of [["root"], ["ORGANIZER"], ["organizer\u0000"], [], null, [["organizer"]],
	{ organizer: true }, ["user", 7]]) {
	const answer = await post(raw(json(HS256), json({ ...claims, roles })));
	judge(`roles ${json(roles)}`, answer, answer.status === 403 || answer.status === 401);
}
judge("alive", {}, (await post(good)).status === 422);
console.log(`tokens: ${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
