// What the component's values look like in the scripts' JSON, and back. JSON is what a store can keep and a person can read:
// bytes are hexadecimal, durations and times microseconds, a case is its name or an object of one entry.

const number = (json) => json;
const text = (json) => json;
const long = (json) => BigInt(json);
const octets = fromHex;
/** Of IPv4 alone: no script has another one. */
const client = (address) => Uint8Array.from(address.split("."), Number);
const option = (of) => (json) => (json === null || json === undefined ? undefined : of(json));
const list = (of) => (json) => json.map(of);
const pair = (first, second) => (json) => [first(json[0]), second(json[1])];
const name = (json) => json.replaceAll("_", "-");

/** A record: each field by its type. */
const record = (fields) => (json) =>
  Object.fromEntries(Object.entries(fields).map(([field, of]) => [camel(field), of(json[field])]));

/** A variant: each case by the type of what it holds, null for nothing. */
const variant = (cases) => (json) => {
  const [tag, held] = caseOf(json);
  if (!(tag in cases)) throw new TypeError(`there is no case ${tag}, but ${Object.keys(cases).join(", ")}`);
  return cases[tag] ? { tag: name(tag), val: cases[tag](held) } : { tag: name(tag) };
};

/** A result, whose Ok may hold nothing. */
const result = (ok, err) => (json) =>
  "Ok" in json ? { tag: "ok", val: ok ? ok(json.Ok) : undefined } : { tag: "err", val: err(json.Err) };

const hashing = variant({
  scrypt: record({ log2_n: number, r: number, p: number }),
  pbkdf2: record({ iterations: number }),
  delegated: record({ key: octets }),
});

export const policy = record({
  disclosure: name,
  code: record({ alphabet: name, length: number }),
  code_ttl: long,
  code_tries: number,
  resend_after: long,
  resend_after_max: long,
  hash: hashing,
  password: record({ min_length: number, min_score: number, refuse_common: Boolean }),
  client_requests_per_minute: option(number),
  mail_give_up: long,
});

export const keys = list(octets);

const weakness = variant({
  too_short: record({ min_length: number }),
  common: null,
  guessable: record({ score: number, min_score: number }),
});

const mail = record({ id: octets, purpose: name, generation: octets, locale: text, first_due: long });
const lease = record({ mail: octets, token: octets });
const leased = record({ lease, key: text, mail, attempts: number, unknowns: number });

export const input = variant({
  register: record({ address: text, verdict: result(null, weakness), client, locale: text }),
  activate: record({ address: text, code: text, client }),
  resend: record({ address: text, client }),
  deliver: record({ leased }),
});

const attempt = record({
  generation: octets,
  address: text,
  locale: text,
  password: record({ params: hashing, salt: octets, hash: octets }),
});

const row = record({
  status: variant({ vacant: null, pending: attempt, active: record({ attempt, since: long }) }),
  last_mail: option(record({ due: long, interval: long, left: Boolean })),
  last_notice: option(long),
  expires: option(long),
});

const state = variant({ free: record({ next: long }), held: record({ token: octets }) });
const waiting = record({ purpose: name, id: octets, state });

const reply = variant({
  admit: variant({ admitted: null, limited: record({ retry_after: long }) }),
  random: octets,
  find_account: record({ now: long, row: option(pair(long, row)), waiting: list(waiting) }),
  hash_password: record({ params: hashing, hash: octets }),
  commit_account: name,
  put_code: null,
  redeem_code: name,
  send_mail: variant({ accepted: null, deferred: text, rejected: text }),
  settle_mail: name,
});

/** An answer: `{"Ok": {"commit_account": "conflict"}}`, or a fault: `{"Err": "unknown"}`. */
export const answer = (json) =>
  "Ok" in json ? reply(json.Ok) : { tag: "fault", val: name(json.Err) };

/** Returns the name of a case, and what it holds or null. */
export function caseOf(json) {
  return typeof json === "string" ? [json, null] : Object.entries(json)[0];
}

export function toHex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (two) => parseInt(two, 16));
}

/** Turns whatever the component has returned into JSON. */
export function plain(value) {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string") return snake(value);
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value ?? null;
  if ("tag" in value) return tagged(value);
  return Object.fromEntries(Object.entries(value).map(([field, held]) => [snake(field), held_plain(field, held)]));
}

function tagged({ tag, val }) {
  const held = val === undefined ? null : plain(val);
  if (tag === "ok") return { Ok: held };
  if (tag === "err") return { Err: held };
  return held === null ? snake(tag) : { [snake(tag)]: held };
}

/** Text that somebody has written is no name: it stays as it is. An address of a client is written as one. */
function held_plain(field, held) {
  if (["address", "key", "locale", "to", "code", "detail"].includes(field) && typeof held === "string") return held;
  if (field === "client" && held.length === 4) return held.join(".");
  return plain(held);
}

function camel(field) {
  return field.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}

function snake(word) {
  return word.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll("-", "_").toLowerCase();
}
