// A host in Node, all in memory: registers an address, prints the mail, and activates the account with the typed
// code.
//
//     node register.js ada@example.org correct-horse-battery

import { randomBytes, scrypt } from "node:crypto";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { flows } from "auth-core";
import { Host } from "./host.js";
import { answer as toAnswer, caseOf, input as toInput, plain } from "./values.js";

const CLIENT = "192.0.2.7";

/** A host with Node's random numbers and scrypt. */
class NodeHost extends Host {
  random(count) {
    return randomBytes(count);
  }

  async hash(password, { salt, params }) {
    const { log2_n, r, p } = params.scrypt;
    const cost = { N: 2 ** log2_n, r, p, maxmem: 128 * r * (2 ** log2_n + p + 2) };
    const hash = await promisify(scrypt)(password, Buffer.from(salt, "hex"), 32, cost);
    return { params, hash: hash.toString("hex") };
  }
}

const host = new NodeHost();
// In production the key outlives the process: a retried mail draws its code from it.
const rules = flows.Rules.create(flows.defaultPolicy(), { tag: "owasp" }, [randomBytes(32)]);

/** Runs a flow to its end and returns its outcome; the password stays outside the flow. */
async function drive(start, password) {
  const flow = flows.Flow.start(rules, toInput(start));
  try {
    for (let ordered = flow.take(); ordered; ordered = flow.take()) {
      host.now = Date.now() * 1000;
      const [kind, order] = caseOf(plain(ordered.effect));
      flow.answer(ordered.ticket, toAnswer(await host.carryOut(kind, order, password)));
    }
    return plain(flow.outcome());
  } finally {
    flow[Symbol.dispose](); // wipes its hashes now, not when the garbage collector runs
  }
}

/** Leases each mail that is due and delivers it, as a worker does. */
async function deliver() {
  const due = [...host.outbox.values()].filter(({ next, dead }) => dead === null && next <= Date.now() * 1000);
  for (const owed of due) await drive({ deliver: host.lease(owed) });
  for (const { to, template } of host.inbox.splice(0)) {
    console.log(`mail to ${to}: ${template.activation?.code ?? "you have an account"}`);
  }
}

/** Returns the name of what the visitor may know. The event is for audit and metrics alone. */
function disclosed(outcome) {
  return outcome.Ok ? caseOf(caseOf(outcome.Ok.disclosed)[1])[0] : "try again";
}

const [address, typed, ...more] = process.argv.slice(2);
if (typed === undefined || more.length > 0) {
  console.error("usage: node register.js ADDRESS PASSWORD, then codes line by line");
  process.exit(2);
}
// The component has no tables for NFC, which makes every spelling of a password the same.
const password = typed.normalize("NFC");
try {
  // A real host estimates the password, at a bounded cost: docs/embedding.md.
  rules.judge(password, { score: 4, common: false });
} catch (error) {
  if (!error.payload) throw error;
  console.error(error.payload.tag === "weak" ? "the password is too weak" : error.payload.val);
  process.exit(1);
}
const registration = { address, verdict: { Ok: null }, client: CLIENT, locale: "en" };
console.log(disclosed(await drive({ register: registration }, password)));
await deliver();
for await (const code of createInterface({ input: process.stdin })) {
  try {
    console.log(disclosed(await drive({ activate: { address, code, client: CLIENT } }, password)));
  } catch (error) {
    if (error.payload?.field !== "code") throw error;
    console.log("a code has six digits");
  }
}
