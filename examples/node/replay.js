// Replays scripts: every order must be the same as in every other host, with a snapshot and a restore at each.

import { flows } from "auth-core";
import { answer, input, keys, plain, policy } from "./values.js";

function same(what, found, expected) {
  const [left, right] = [sorted(found), sorted(expected)];
  if (left !== right) throw new Error(`${what} is ${left}, not ${right}`);
}

function sorted(json) {
  const order = (_, value) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return JSON.stringify(json, order);
}

/** In scripts a case without a value has a null. */
function effect(order) {
  const [[kind, held]] = Object.entries(order);
  return held === null ? kind : order;
}

/** In scripts an outcome stands below its flow, and the worker's is an event alone. */
function outcome(ended) {
  if (!ended.Ok) return ended;
  const [[flow, came]] = Object.entries(ended.Ok);
  const { disclosed, event } = typeof came === "string" ? { disclosed: null, event: came } : came;
  return { Ok: { disclosed: disclosed === null ? flow : { [flow]: disclosed }, event } };
}

/** Replays one script; throws if anything differs. */
export function replay(script) {
  const rules = flows.Rules.create(policy(script.policy), { tag: "owasp" }, keys(script.code_keys));
  let flow = flows.Flow.start(rules, input(script.input));
  for (const step of script.steps) {
    same("an outcome", flow.outcome(), undefined);
    flow = flows.Flow.restore(rules, flow.snapshot());
    const { ticket, effect: taken } = flow.take();
    same("the order", plain(taken), effect(step.order));
    same("a second one", flow.take(), undefined);
    flow.answer(ticket, answer(step.answer));
    const before = plain(flow.snapshot());
    let refused;
    try {
      flow.answer(ticket, answer(step.answer));
    } catch (error) {
      refused = error.payload;
    }
    same("the second answer", refused?.tag, "already-answered");
    same("the flow", plain(flow.snapshot()), before);
  }
  same("what waits", flow.take(), undefined);
  same("the outcome", plain(flow.outcome()), outcome(script.outcome));
  same("the snapshot", plain(flow.snapshot()), script.snapshot);
}
