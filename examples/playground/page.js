// The page: starts flows, shows each effect as it comes, takes a person's answer, and shows what the host keeps.

import { flows } from "auth-core";
import { Host } from "host";
import { replay } from "replay";
import { answer as toAnswer, caseOf, fromHex, input as toInput, plain, toHex } from "values";

const CLIENT = "192.0.2.7";

/** A host with a browser's random numbers and PBKDF2. */
class BrowserHost extends Host {
  random(count) {
    return crypto.getRandomValues(new Uint8Array(count));
  }

  async hash(password, { salt, params }) {
    if (!params.pbkdf2) throw new Error("this page hashes with PBKDF2 only");
    const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(password), "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt: fromHex(salt), iterations: params.pbkdf2.iterations };
    return { params, hash: toHex(new Uint8Array(await crypto.subtle.deriveBits(how, key, 256))) };
  }
}

/** For each effect its description, its class, and other replies than this host would give. */
const EFFECTS = {
  admit: {
    class: "write",
    about: "Count this request against the rate limit of its subject.",
    otherwise: { "over the limit": { Ok: { admit: { limited: { retry_after: 30_000_000 } } } } },
  },
  random: { class: "pure", about: "Draw 32 bytes: salt, generation and ids are derived from them.", otherwise: {} },
  find_account: {
    class: "read",
    about: "Read the row of this address, its mails, and the store's clock.",
    otherwise: { "no such account": (host) => ({ Ok: { find_account: { now: host.now, row: null, waiting: [] } } }) },
  },
  hash_password: {
    class: "pure",
    about: "Hash the password that the host keeps outside the flow. It is hashed whatever was found.",
    otherwise: {},
  },
  commit_account: {
    class: "write",
    about: "In one transaction: replace the row if it and its mails are unchanged, and enqueue the mail that is owed, or note that one is about to leave.",
    otherwise: { "somebody was faster": { Ok: { commit_account: "conflict" } } },
  },
  put_code: { class: "write", about: "Store the code's MAC for this lifetime, or remove it; only the mail contains the code itself.", otherwise: {} },
  redeem_code: {
    class: "write",
    about: "Count a try, then compare.",
    otherwise: { "no valid code": { Ok: { redeem_code: "missing" } }, "no tries left": { Ok: { redeem_code: "exhausted" } } },
  },
  send_mail: {
    class: "write",
    about: "Send one mail to one recipient.",
    otherwise: { "450 try later": { Ok: { send_mail: { deferred: "450 greylisted" } } }, "550 no such user": { Ok: { send_mail: { rejected: "550 no such user" } } } },
  },
  settle_mail: {
    class: "write",
    about: "End the lease and say what happens to the mail.",
    otherwise: { "the lease is lost": { Ok: { settle_mail: "lost" } } },
  },
  find_session: {
    class: "read",
    about: "Read the session of this token's hash, its account, and the store's clock: at the store that sessions are written to, or one that was ended counts for longer.",
    otherwise: { "no such session": (host) => ({ Ok: { find_session: { now: host.now, session: null, account: null } } }) },
  },
  put_session: {
    class: "write",
    about: "Open a session for an account that is active under its generation, touch one that is there, or end it.",
    otherwise: { "it is not there": { Ok: { put_session: "gone" } } },
  },
};

let host = new BrowserHost();
let rules = makeRules("hidden");
/** The flow that runs, the password that is kept outside it, and the steps so far. */
let run = null;

function makeRules(disclosure) {
  // Browsers have PBKDF2, but not scrypt, the default of the policy.
  const policy = { ...flows.defaultPolicy(), disclosure, hash: { tag: "pbkdf2", val: { iterations: 600_000 } } };
  return flows.Rules.create(policy, { tag: "owasp" }, [crypto.getRandomValues(new Uint8Array(32))]);
}

// ---- the run ----

function start(input, password) {
  run = { flow: flows.Flow.start(rules, toInput(input)), rules, password, steps: [], busy: false };
  take();
}

function take() {
  const ordered = run.flow.take();
  if (!ordered) {
    run.outcome = plain(run.flow.outcome());
    // The visitor keeps the token; the host has its hash.
    const opened = run.outcome.Ok?.disclosed.login?.logged_in;
    if (opened) form.token.value = opened.token;
    return;
  }
  const [kind, held] = caseOf(plain(ordered.effect));
  run.steps.push({ ticket: ordered.ticket, kind, order: held, snapshot: run.flow.snapshot(), before: host.copy() });
}

/** Answers the effect that waits. `how` is "done", "lost" (carried out, its answer lost), or an answer. */
async function answer(how) {
  const [current, step] = [run, run.steps.at(-1)];
  current.busy = true;
  show();
  try {
    const done = how === "done" || how === "lost" ? await host.carryOut(step.kind, step.order, current.password) : how;
    if (run !== current) return; // it was replaced meanwhile
    step.answer = how === "lost" ? { Err: "unknown" } : done;
    step.said = how === "lost" ? "carried out, but the answer was lost" : "";
    current.flow.answer(step.ticket, toAnswer(step.answer));
    take();
  } catch (error) {
    tell(error);
  } finally {
    current.busy = false;
    show();
  }
}

async function carryOutAll() {
  bad.hidden = true;
  while (run && !run.outcome && bad.hidden) await answer("done");
}

/** Takes answers back: restores the flow from its snapshot, and the stores. */
function takeBack(place) {
  const step = run.steps[place];
  host = step.before;
  run.flow = flows.Flow.restore(run.rules, step.snapshot);
  run.steps.length = place;
  delete run.outcome;
  take();
  show();
}

/** Answers again, to show that it is refused. */
function answerAgain(step) {
  const before = plain(run.flow.snapshot());
  try {
    run.flow.answer(step.ticket, toAnswer(step.answer));
  } catch (error) {
    const same = plain(run.flow.snapshot()) === before;
    step.refused = `refused: ${error.payload.tag}; the flow is ${same ? "unchanged, byte for byte" : "changed"}`;
  }
  show();
}

// ---- showing ----

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function button(text, act, attributes = {}) {
  return element("button", { type: "button", onclick: act, ...attributes }, text);
}

function time(micros) {
  return new Date(micros / 1000).toISOString().slice(0, 19).replace("T", " ");
}

function span(micros) {
  const seconds = micros / 1_000_000;
  const [unit, size] = [["d", 86_400], ["h", 3600], ["min", 60]].find(([, size]) => seconds >= size) ?? ["s", 1];
  return `${+(seconds / size).toFixed(1)} ${unit}`;
}

const TIMES = ["due", "first_due", "now", "since", "until", "expires", "last_notice", "created", "proven", "seen"];
const SPANS = ["interval", "lifetime", "retention", "period", "ttl", "after", "retry_after", "expires_in"];

function readable(field, value) {
  if (value === null) return "none";
  if (TIMES.includes(field)) return time(value);
  if (SPANS.includes(field)) return span(value);
  if (typeof value === "string" && /^[0-9a-f]{24,}$/.test(value)) return `${value.slice(0, 16)}…`;
  if (Array.isArray(value)) return value.map((item) => readable(field, item)).join(", ");
  if (typeof value === "object") {
    return Object.entries(value).map(([name, held]) => `${name.replaceAll("_", " ")} ${readable(name, held)}`).join(", ");
  }
  return String(value).replaceAll("_", " ");
}

const isRecord = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Returns the only item of a list of one record, other values as they are. */
const only = (value) => (Array.isArray(value) && value.length === 1 && isRecord(value[0]) ? value[0] : value);

/** Returns the fields of an order: a name and a text in each line, records indented, chains of single names joined. */
function fields(order) {
  const lines = Object.entries(order ?? {}).flatMap(([field, held]) => {
    let [label, value] = [field.replaceAll("_", " "), only(held)];
    while (isRecord(value) && Object.keys(value).length === 1) {
      [[field, held]] = Object.entries(value);
      label += ` · ${field.replaceAll("_", " ")}`;
      value = only(held);
    }
    const typed = ["code", "address", "to", "key"].includes(field) && typeof value === "string";
    const shown = isRecord(value) ? fields(value) : typed ? value : readable(field, value);
    return [element("dt", {}, label), element("dd", {}, shown)];
  });
  return lines.length ? element("dl", {}, ...lines) : null;
}

function card(step, place) {
  const { class: kindOf, about } = EFFECTS[step.kind];
  const title = element("h3", {}, step.kind.replaceAll("_", " "), " ",
    element("span", { class: `class ${kindOf}`, title: CLASSES[kindOf] }, kindOf),
    element("span", { class: "size" }, `snapshot: ${step.snapshot.length} bytes`));
  const waits = !step.answer;
  const item = element("li", { "data-kind": step.kind, class: waits ? "waits" : "" },
    title, element("p", { class: "about" }, about), fields(step.order));
  item.append(waits ? choices(step) : given(step, place));
  if (step.refused) item.append(element("p", { class: "refused" }, step.refused));
  return item;
}

const CLASSES = {
  pure: "no state is touched: drop it or repeat it",
  read: "state is read: drop it or repeat it",
  write: "state may change: finish it, and never repeat it",
};

function choices(step) {
  const disabled = run.busy;
  const { class: kindOf, otherwise } = EFFECTS[step.kind];
  const others = Object.entries(otherwise).map(([text, reply]) =>
    button(text, () => answer(typeof reply === "function" ? reply(host) : reply), { disabled }));
  return element("div", { class: "buttons" },
    button("Carry out", () => answer("done"), { class: "primary", disabled, "data-does": "done" }),
    ...others,
    button("Fail: nothing happened", () => answer({ Err: "not_done" }), { class: "fails", disabled, "data-does": "not_done" }),
    kindOf === "write" ? button("Carry out, lose the answer", () => answer("lost"), { class: "fails", disabled, "data-does": "lost" }) : null,
    button("Carry out the rest", carryOutAll, { disabled, "data-does": "all" }));
}

function given(step, place) {
  const fault = "Err" in step.answer;
  const reply = typeof step.answer.Ok === "string" ? "done" : Object.values(step.answer.Ok ?? {})[0];
  const text = step.said || (fault ? `fault: ${readable("", step.answer.Err)}` : readable("", reply));
  return element("div", { class: fault ? "answer fault" : "answer" },
    element("span", {}, "answered "), !fault && isRecord(reply) ? element("div", {}, fields(reply)) : element("code", {}, text),
    element("span", { class: "again" },
      button("take back", () => takeBack(place), { class: "small", disabled: run.busy, "data-does": "take_back" }),
      button("answer again", () => answerAgain(step), { class: "small", disabled: run.busy, "data-does": "again" })));
}

function outcome() {
  const ended = run.outcome;
  if (ended.Err) {
    return element("li", { class: "outcome broken", "data-outcome": "broken" }, element("h3", {}, "Failed"),
      element("p", { class: "about" }, `${readable("", ended.Err.kind)} failed (${readable("", ended.Err.fault)}), and nothing was decided. A server answers 503; the visitor may send the same request again.`));
  }
  const { disclosed: told, event } = ended.Ok;
  const [flow, disclosed] = typeof told === "string" ? [told, null] : Object.entries(told)[0];
  return element("li", { class: "outcome", "data-outcome": event }, element("h3", {}, "Outcome"),
    element("div", { class: "told" },
      element("div", {}, element("small", {}, disclosed === null ? "nobody waits for it" : "disclosed to the visitor"), isRecord(disclosed) ? fields(disclosed) : element("code", {}, disclosed === null ? flow : readable("", disclosed))),
      element("p", {}, element("small", {}, "for audit and metrics only"), element("code", {}, readable("", event)))));
}

function kept(title, note, entries, none) {
  return element("div", { class: "kept" }, element("h3", {}, title, element("span", {}, note)),
    ...(entries.length ? entries : [element("p", { class: "none" }, none)]));
}

function entry(...children) {
  return element("div", { class: "entry" }, ...children);
}

function accounts() {
  return [...host.rows].map(([key, [version, row]]) => {
    const status = typeof row.status === "string" ? row.status : Object.keys(row.status)[0];
    const attempt = row.status.pending ?? row.status.active?.attempt;
    return entry(element("strong", {}, key), " ", element("span", { class: `state ${status}` }, status),
      fields({ version, ...(row.status.active ? { id: row.status.active.id } : {}), ...(attempt ? { address: attempt.address, generation: attempt.generation } : {}), expires: row.expires }));
  });
}

function inbox() {
  return host.inbox.map(({ at, to, template }) => template.activation
    ? entry(element("span", {}, `to ${to}, ${time(at)}`), element("div", { class: "buttons" },
        element("span", { class: "code" }, template.activation.code), button("type it", () => typeCode(template.activation.code), { class: "small" })))
    : entry(element("span", {}, `to ${to}, ${time(at)}: you have an account, and somebody has tried to register it`)));
}

function outbox() {
  return [...host.outbox.values()].map((owed) => {
    const { leased, next, dead } = owed;
    const due = next <= host.now;
    const note = dead !== null ? `given up: ${dead}` : due ? "due" : `due in ${span(next - host.now)}`;
    const disabled = !due || dead !== null || Boolean(run && !run.outcome);
    return entry(element("span", {}, `${leased.mail.purpose} for ${leased.key}, ${note}`), element("div", { class: "buttons" },
      button("Deliver", () => deliver(owed), { class: "small", disabled, "data-does": "deliver" })));
  });
}

function sessions() {
  return [...host.sessions].map(([token, session]) => entry(element("strong", {}, `${token.slice(0, 12)}…`), " ",
    element("span", { class: "state active" }, host.now < session.expires ? "open" : "over"),
    fields({ account: session.account, seen: session.seen, expires: session.expires })));
}

function slots() {
  return [...host.slots].map(([name, slot]) => entry(element("strong", {}, `${name.slice(0, 12)}…`), fields({
    tries: slot.tries,
    codes: slot.codes.map((code) => `${code.mac.slice(0, 8)}… ${code.redeemed ? "redeemed" : host.now < code.expires ? `for ${span(code.expires - host.now)}` : "expired"}`),
  })));
}

function show() {
  document.getElementById("now").textContent = time(host.now);
  const cards = run ? run.steps.map(card) : [];
  if (run?.outcome) cards.push(outcome());
  if (!run) cards.push(element("li", { class: "empty" }, "Nothing runs. Let a visitor ask for something."));
  document.getElementById("steps").replaceChildren(...cards);
  document.getElementById("kept").replaceChildren(
    kept("Inbox", "what was sent", inbox(), "no mail yet"),
    kept("Outbox", "mails that are owed", outbox(), "no mail is owed"),
    kept("Accounts", "one row per address", accounts(), "no accounts yet"),
    kept("Sessions", "hashes, never tokens", sessions(), "nobody has logged in"),
    kept("Codes", "MACs, never codes", slots(), "none yet"));
  const waiting = document.querySelector("li.waits, li.outcome");
  waiting?.scrollIntoView({ block: "nearest" });
}

// ---- the person ----

const form = document.getElementById("ask");
const bad = form.querySelector(".bad");

function showFields() {
  for (const field of form.querySelectorAll("[data-for]")) field.hidden = !field.dataset.for.includes(form.flow.value);
}

function typeCode(code) {
  form.flow.value = "activate";
  form.code.value = code;
  showFields();
}

async function ask(event) {
  event.preventDefault();
  if (run?.busy) return;
  bad.hidden = true;
  const { flow, address, password, code, score, token } = Object.fromEntries(new FormData(form));
  const all = event.submitter?.value === "all";
  try {
    const inputs = {
      register: () => ({ register: { address, verdict: judge(password, Number(score)), client: CLIENT, locale: "en" } }),
      activate: () => ({ activate: { address, code: code.trim(), client: CLIENT } }),
      resend: () => ({ resend: { address, client: CLIENT } }),
      login: () => ({ login: { address, client: CLIENT, device: null, agent: "playground" } }),
      authenticate: () => ({ authenticate: { token } }),
      logout: () => ({ logout: { token } }),
    };
    const hashes = ["register", "activate", "login"].includes(flow);
    start(inputs[flow](), hashes ? password.normalize("NFC") : undefined);
  } catch (error) {
    tell(error);
    return;
  }
  show();
  if (all) await carryOutAll();
}

/** Shows an error, with the component's message if it has one. */
function tell(error) {
  const { field, message, tag, val } = error.payload ?? { message: String(error) };
  bad.textContent = tag ? `password: ${val}` : [field, message].filter(Boolean).join(": ");
  bad.hidden = false;
}

/** Returns the policy's verdict on a password; the flow refuses a weak one after it has counted the request. */
function judge(password, score) {
  try {
    rules.judge(password.normalize("NFC"), { score, common: false });
    return { Ok: null };
  } catch (error) {
    if (error.payload?.tag !== "weak") throw error;
    return { Err: plain(error.payload.val) };
  }
}

function deliver(owed) {
  start({ deliver: host.lease(owed) }, undefined);
  show();
}

form.addEventListener("submit", ask);
form.addEventListener("change", showFields);
document.getElementById("disclosure").addEventListener("change", (event) => {
  // A hash that still computes for the earlier run finds it replaced.
  rules = makeRules(event.target.value);
  host = new BrowserHost();
  run = null;
  show();
});
document.getElementById("clock").addEventListener("click", (event) => {
  if (!event.target.value) return;
  host.now += Number(event.target.value) * 1_000_000;
  show();
});
document.getElementById("replay").addEventListener("click", () => document.getElementById("scripts").click());
document.getElementById("scripts").addEventListener("change", async (event) => {
  const told = document.getElementById("replayed");
  let replayed = 0;
  for (const file of event.target.files) {
    try {
      replay(JSON.parse(await file.text()));
    } catch (error) {
      told.textContent = `${file.name}: ${error.message}`;
      return;
    }
    replayed += 1;
  }
  told.textContent = `${replayed} scripts replayed, all the same`;
});

showFields();
show();
document.documentElement.dataset.ready = "yes";
