// Converts the component's values to the scripts' JSON, and back. Stores can keep the JSON and people can read it:
// bytes are hexadecimal, durations and times microseconds, a case is its name or an object of one entry.

const number = (json) => json;
const text = (json) => json;
const long = (json) => BigInt(json);
const bytes = fromHex;
/** An address of a client; only IPv4, since no script has another. */
const client = (address) => Uint8Array.from(address.split("."), Number);
const option = (of) => (json) => (json === null || json === undefined ? undefined : of(json));
const list = (of) => (json) => json.map(of);
const pair = (first, second) => (json) => [first(json[0]), second(json[1])];
const name = (json) => json.replaceAll("_", "-");

/** A record: each field by its type. */
const record = (fields) => (json) =>
  Object.fromEntries(Object.entries(fields).map(([field, of]) => [camel(field), of(json[field])]));

/** A variant: each case by the type of its value, null for none. */
const variant = (cases) => (json) => {
  const [tag, held] = caseOf(json);
  if (!(tag in cases)) throw new TypeError(`there is no case ${tag}, only ${Object.keys(cases).join(", ")}`);
  return cases[tag] ? { tag: name(tag), val: cases[tag](held) } : { tag: name(tag) };
};

/** A result, whose Ok may have no value. */
const result = (ok, err) => (json) =>
  "Ok" in json ? { tag: "ok", val: ok ? ok(json.Ok) : undefined } : { tag: "err", val: err(json.Err) };

const hashing = variant({
  scrypt: record({ log2_n: number, r: number, p: number }),
  pbkdf2: record({ iterations: number }),
  delegated: record({ key: bytes }),
  argon2id: record({ m: number, t: number, p: number }),
  imported: record({ function: name, n: number, r: number, p: number, salt: bytes, length: number }),
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
  reset_ttl: long,
  session: long,
  session_idle: long,
  session_fresh: long,
});

export const keys = list(bytes);

const weakness = variant({
  too_short: record({ min_length: number }),
  common: null,
  guessable: record({ score: number, min_score: number }),
});

const verdict = result(null, weakness);
const password = record({ params: hashing, salt: bytes, hash: bytes });

const mail = record({ id: bytes, purpose: name, generation: bytes, locale: text, first_due: long, to: option(text) });
const lease = record({ mail: bytes, token: bytes });

export const input = variant({
  register: record({ address: text, verdict, client, locale: text }),
  activate: record({ address: text, code: text, client }),
  resend: record({ address: text, client }),
  deliver: record({ lease, key: text, mail, attempts: number, unknowns: number }),
  login: record({ address: text, client, device: option(text), agent: text }),
  authenticate: record({ token: text }),
  confirm: record({ token: text, client }),
  logout: record({ token: text }),
  logout_everywhere: record({ token: text }),
  forgot_password: record({ address: text, client }),
  reset_password: record({ address: text, token: text, verdict, client }),
  change_password: record({ token: text, verdict, client }),
  delete_account: record({ token: text, client }),
  change_address: record({ token: text, address: text, client }),
  confirm_address: record({ token: text, code: text, client }),
  administer: record({ address: text, account: option(bytes), action: name }),
  import: record({ address: text, locale: text, password, verified: Boolean, since: option(long) }),
});

const attempt = record({ generation: bytes, address: text, locale: text, password });

const moving = record({ address: text, generation: bytes, until: long });
const active = record({ attempt, id: bytes, since: long, blocked: Boolean, moving: option(moving) });

const row = record({
  status: variant({ vacant: null, pending: attempt, active }),
  last_mail: option(record({ due: long, interval: long, left: Boolean })),
  last_notice: option(long),
  expires: option(long),
});

const state = variant({ free: record({ next: long }), held: record({ token: bytes }) });
const waiting = record({ id: bytes, purpose: name, generation: bytes, state });

const session = record({
  id: bytes,
  account: bytes,
  generation: bytes,
  created: long,
  proven: long,
  seen: long,
  expires: long,
  agent: text,
});

const reply = variant({
  admit: variant({ admitted: null, limited: record({ retry_after: long }) }),
  random: bytes,
  find_account: record({ now: long, row: option(pair(long, row)), waiting: list(waiting) }),
  hash_password: record({ params: hashing, hash: bytes }),
  commit_account: name,
  put_code: null,
  redeem_code: name,
  send_mail: variant({ accepted: null, deferred: text, rejected: text }),
  settle_mail: name,
  find_session: record({ now: long, session: option(session), account: option(pair(text, row)) }),
  put_session: name,
});

/** An answer: `{"Ok": {"commit_account": "conflict"}}`, or a fault: `{"Err": "unknown"}`. */
export const answer = (json) =>
  "Ok" in json ? reply(json.Ok) : { tag: "fault", val: name(json.Err) };

/** Returns the name of a case, and its value or null. */
export function caseOf(json) {
  return typeof json === "string" ? [json, null] : Object.entries(json)[0];
}

export function toHex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (two) => parseInt(two, 16));
}

/** Converts any value that the component has returned to JSON. */
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
  const held = val === undefined ? null : held_plain(tag, val);
  if (tag === "ok") return { Ok: held };
  if (tag === "err") return { Err: held };
  return held === null ? snake(tag) : { [snake(tag)]: held };
}

const FREE = ["address", "key", "locale", "to", "code", "detail", "token", "device", "agent", "reset"];

/** Free text stays unchanged, unlike names. */
function held_plain(field, held) {
  return FREE.includes(field) && typeof held === "string" ? held : plain(held);
}

function camel(field) {
  return field.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}

function snake(word) {
  return word.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll("-", "_").toLowerCase();
}
