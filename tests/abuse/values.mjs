// Values for the schemas of the API document, by fast-check: those that it allows, up to its bounds,
// and those just beside.
//
// A generated value is JSON but for Exact, whose text goes out as it is: numbers that a double
// cannot hold.
export class Exact {
	constructor(text) {
		this.text = text;
	}
}

export function toJson(value) {
	if (value instanceof Exact)
		return value.text;
	if (Array.isArray(value))
		return `[${value.map(toJson).join(",")}]`;
	if (value !== null && typeof value === "object")
		return `{${Object.entries(value).map(([k, v]) =>
			`${JSON.stringify(k)}:${toJson(v)}`).join(",")}}`;
	return JSON.stringify(value);
}

// What breaks out of SQL, patterns, pages, cells, lines and paths, and what has more bytes, units or
// marks than characters.
export const HOSTILE = ["%", "_", "\\", "'", "\"", "' OR 1=1--", "$1", "%s%n", "=1+1", "+1", "-1", "@a",
	"\t=1", "\r\nX-A: 1", "a\nb", "<script>alert(1)</script>", "{{name}}", "${a}",
	"../../etc/passwd",
	"()\\", "\u0000", "\u0001", "\u001b[31m", "\u007f", "\u0085", "\u2028", "\ufeff", "\u202eabc",
	"👩‍👩‍👧", "\ud800", "\udc00x", "𝒳", "é", "e\u0301", "مرحبا", "\u200d", "null", "0", " ", ""];
// Those that a line of text may hold.
const PRINTABLE = HOSTILE.filter((text) => !/[\p{Cc}\p{Cs}\u2028]/u.test(text));
const ALPHABETS = ["a", "é", "字", "😀", " b"];
// Longer texts are ASCII: nine bytes a character would not fit into a request's head.
const WIDE_MAX = 512;

const WRONG = [null, true, false, 0, -1, 1.5, "", "x", [], {}, [null], { $ne: null },
	new Exact("1e400"), new Exact("-0"), new Exact("9223372036854775808"), new Exact("01"),
	new Exact("1e2"), new Exact("NaN"), new Exact("\"\\ud800\"")];
// Members that exist as columns or in answers, and are nobody's to set.
const EXTRA = ["id", "status", "organizerId", "currentAttendees", "createdAt", "isValidated", "sold",
	"version", "deletedAt", "__proto__", "constructor", "", "é"];

export class Values {
	#api;
	#fc;

	constructor(api, fc) {
		this.#api = api;
		this.#fc = fc;
	}

	resolve(node) {
		while (node?.$ref)
			node = node.$ref.split("/").slice(1).reduce((at, key) =>
				at[key.replaceAll("~1", "/").replaceAll("~0", "~")], this.#api);
		return node;
	}

	// Mostly what the schema allows; one in `sour` is something beside. `name` is the member's.
	of(schema, sour, name = "") {
		const fc = this.#fc;
		const wrong = fc.constantFrom(...WRONG, ...HOSTILE);
		return fc.oneof({ weight: sour, arbitrary: this.#allowed(this.resolve(schema), sour, name) },
			{ weight: 1, arbitrary: wrong });
	}

	#allowed(schema, sour, name) {
		const fc = this.#fc;
		const types = [].concat(schema.type ?? "string");
		if (schema.const !== undefined)
			return fc.constant(schema.const);
		if (schema.enum)
			return fc.constantFrom(...schema.enum);
		const each = types.map((type) => this.#ofType(type, schema, sour, name));
		return each.length === 1 ? each[0] : fc.oneof({ weight: 4, arbitrary: each[0] },
			...each.slice(1).map((arbitrary) => ({ weight: 1, arbitrary })));
	}

	#ofType(type, schema, sour, name) {
		const fc = this.#fc;
		switch (type) {
		case "null": return fc.constant(null);
		case "boolean": return fc.boolean();
		case "integer": return this.#integer(schema, sour);
		case "number": return this.#number(schema, sour);
		case "array": return fc.array(this.of(schema.items ?? {}, sour), {
			minLength: schema.minItems ?? 0, maxLength: 3 });
		case "object": return this.#object(schema, sour);
		default: return this.#text(schema, sour, name);
		}
	}

	#bounded(good, bad, sour) {
		return this.#fc.oneof({ weight: sour, arbitrary: good },
			{ weight: 1, arbitrary: this.#fc.constantFrom(...bad) });
	}

	#integer({ minimum = 0, maximum = 1000 }, sour) {
		const fc = this.#fc;
		const [low, high] = [BigInt(minimum), maximum > 2 ** 62 ? 2n ** 63n - 1n : BigInt(maximum)];
		const text = (n) => new Exact(String(n));
		return this.#bounded(fc.oneof(fc.constantFrom(low, low + 1n, high - 1n, high).map(text),
			fc.integer({ min: Number(low), max: Number(high < 50n ? high : 50n) }).map(text)),
		[text(low - 1n), text(high + 1n), new Exact(`${low}.5`), new Exact(`${low}e0`), String(low)], sour);
	}

	#number({ minimum = 0, maximum = 1e8 }, sour) {
		const fc = this.#fc;
		return this.#bounded(fc.oneof(fc.constantFrom(0, 0, minimum, maximum),
			fc.integer({ min: 1, max: 9999 }).map((n) => n / 100)),
		[minimum - 0.01, maximum + 0.01, 0.001, 1.005, new Exact("0.1e1"), new Exact("1e-2"),
			new Exact("-0.0"), new Exact("1E400")], sour);
	}

	#text(schema, sour, name) {
		const fc = this.#fc;
		const { minLength: low = 0, maxLength: high = 40 } = schema;
		if (schema.format === "date-time" || /Date$|At$|^date|^from$|^to$/.test(name))
			return this.#time(sour);
		const known = { email: fc.nat(99999).map((n) => `u${n}@example.com`),
			phone: fc.constantFrom("+33612345678", "+1212"), currency: fc.constantFrom("EUR", "USD", "JPY"),
			timeZone: fc.constantFrom("Europe/Paris", "UTC", "Asia/Tokyo"),
			scanId: fc.uuid() }[name];
		const filled = (length) => fc.constantFrom(...length > WIDE_MAX ? ["a"] : ALPHABETS).map((a) =>
			[...a.repeat(length + 1)].slice(0, Math.max(0, length)).join(""));
		const good = known ?? fc.oneof(fc.string({ minLength: Math.max(low, 1), maxLength: Math.min(high, 12) }),
			filled(low), filled(high), fc.constantFrom(...PRINTABLE).map((h) => [...`abc${h}`].slice(0, high).join("")));
		const bad = fc.oneof(filled(low - 1), filled(high + 1), fc.constantFrom(...HOSTILE));
		return fc.oneof({ weight: sour, arbitrary: good }, { weight: 1, arbitrary: bad });
	}

	#time(sour) {
		const fc = this.#fc;
		return this.#bounded(fc.oneof(
			fc.integer({ min: 2027, max: 2090 }).map((y) => `${y}-06-12T20:00:00+02:00`),
			fc.constantFrom("2099-12-31T23:59:59.999Z", "2096-02-29T00:00:00Z",
				"2030-01-01T00:00:00-12:00")),
		["2001-01-01T00:00:00Z", "2095-02-29T00:00:00Z", "2099-01-01", "2099-01-01T00:00:00",
			"2099-13-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59",
			"0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "2099-01-01T24:00:00Z",
			"2099-06-30T23:59:60Z", "+12099-01-01T00:00:00Z", "infinity", "now", "294277-01-01T00:00:00Z",
			"2099-01-01T00:00:00.1234567890123456789Z", "2099-01-01t00:00:00z"], sour);
	}

	#object(schema, sour) {
		const fc = this.#fc;
		const members = Object.entries(schema.properties ?? {});
		const model = Object.fromEntries(members.map(([key, s]) => [key, this.of(s, sour, key)]));
		const required = schema.required ?? [];
		const good = fc.record(model, { requiredKeys: required.filter((k) => k in model) });
		const extra = fc.tuple(good, fc.constantFrom(...EXTRA), fc.constantFrom(...WRONG))
			.map(([value, key, more]) => Object.fromEntries([...Object.entries(value), [key, more]]));
		const missing = fc.record(model, { requiredKeys: [] });
		return fc.oneof({ weight: 2 * sour, arbitrary: good }, { weight: 1, arbitrary: extra },
			{ weight: 1, arbitrary: missing });
	}
}
