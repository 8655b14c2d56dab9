// A host that keeps everything in memory: `carryOut` is what every host must do. Orders and answers are in the scripts' JSON.
// A subclass adds what differs between Node (`register.js`) and a browser (`../playground/page.js`): `random(count)`, which
// returns bytes of a CSPRNG, and `hash(password, order)`, which returns the reply to a hash-password order.

import { toHex } from "./values.js";

const LEASE = 60_000_000; // microseconds until another worker may take over a mail

export class Host {
  constructor() {
    this.now = Date.now() * 1000; // microseconds: the stores' clock, moved by the user of the host
    this.rows = new Map(); // address key -> [version, row]
    this.outbox = new Map(); // address key and purpose -> leased mail, when it may be tried next, why it is dead
    this.slots = new Map();
    this.sessions = new Map(); // hash of a session's token -> session
    this.inbox = [];
  }

  /** Returns a copy, to restore later. */
  copy() {
    return Object.assign(new this.constructor(), structuredClone({ ...this }));
  }

  /** Carries an order out and returns the answer; the password stays outside the flow. */
  async carryOut(kind, order, password) {
    switch (kind) {
      case "admit":
        return ok(kind, "admitted"); // nobody else is here
      case "random":
        return ok(kind, toHex(this.random(32)));
      case "find_account":
        return ok(kind, this.find(order.key));
      case "hash_password":
        return password === undefined ? { Err: "not_done" } : ok(kind, await this.hash(password, order));
      case "commit_account":
        // What registers, activates and logs in changes one row, and ends no sessions.
        return order.changes.length > 1 || order.end !== null ? { Err: "not_done" } : ok(kind, this.commit(order.changes[0]));
      case "put_code":
        return ok(kind, this.putCode(order));
      case "redeem_code":
        return ok(kind, this.redeem(order));
      case "send_mail":
        this.inbox.unshift({ at: this.now, ...order });
        return ok(kind, "accepted");
      case "settle_mail":
        return ok(kind, this.settle(order));
      case "find_session":
        return ok(kind, this.findSession(order.token));
      case "put_session":
        return ok(kind, this.putSession(order));
      default:
        throw new Error(`this host does not know ${kind}`);
    }
  }

  find(key) {
    const owed = ["activation", "notice"].map((purpose) => this.outbox.get(place(key, purpose)));
    const waiting = owed.filter((one) => one && one.dead === null).map(({ leased, next, held }) => {
      const state = held && this.now < next ? { held: { token: leased.lease.token } } : { free: { next } };
      const { id, purpose, generation } = leased.mail;
      return { id, purpose, generation, state };
    });
    return { now: this.now, row: this.rows.get(key) ?? null, waiting };
  }

  commit({ key, expected, generation, waiting, until, row, mails }) {
    const found = this.find(key);
    const [version, stored] = found.row ?? [0, null];
    // Everything that the decision depends on must be unchanged.
    if (version !== expected || generationOf(stored) !== generation) return "conflict";
    if (JSON.stringify(found.waiting) !== JSON.stringify(waiting) || this.now > until) return "conflict";
    this.rows.set(key, [version + 1, row]);
    for (const { owe: mail, begin } of mails) {
      if (mail) {
        const leased = { lease: { mail: mail.id, token: "00".repeat(16) }, key, mail, attempts: 0, unknowns: 0 };
        this.outbox.set(place(key, mail.purpose), { leased, next: mail.first_due, held: false, dead: null });
      } else {
        const begun = [...this.outbox.values()].find(({ leased }) => leased.mail.id === begin.mail);
        begun.leased.unknowns = begin.unknowns;
      }
    }
    return "committed";
  }

  /** Leases a mail; it stays in the outbox while it is being sent. */
  lease(owed) {
    owed.leased.attempts += 1;
    owed.leased.lease.token = toHex(this.random(16));
    Object.assign(owed, { held: true, next: this.now + LEASE });
    return structuredClone(owed.leased);
  }

  putCode({ slot: name, mail, mails, lease, ends, mac, lifetime, tries, newest }) {
    const slot = this.slots.get(name) ?? { codes: [], tries: 0, mails: [] };
    const alive = () => slot.codes.filter((code) => this.now < code.expires);
    slot.codes = alive();
    const expires = this.now + lifetime;
    const known = slot.codes.find((code) => code.mac === mac);
    if (!known) slot.codes.push({ mac, lease, expires, redeemed: false });
    else if (!ends || known.lease === lease) Object.assign(known, { lease, expires });
    if (lifetime > 0 && !slot.mails.includes(mail)) {
      slot.tries = tries; // once for each mail
      slot.mails = [...slot.mails, mail].slice(-mails);
    }
    // One more than are valid: the newest may be removed.
    slot.codes = alive().slice(-newest - 1);
    this.slots.set(name, slot);
  }

  redeem({ slot: name, newest, macs }) {
    const slot = this.slots.get(name);
    const good = slot?.codes.filter((code) => this.now < code.expires).slice(-newest) ?? [];
    if (good.length === 0) return "missing";
    const match = good.find((code) => macs.includes(code.mac));
    if (match?.redeemed) return "redeemed"; // again: no try is counted
    if (slot.tries === 0) return "exhausted";
    slot.tries -= 1; // before the visitor learns anything
    if (!match) return "wrong";
    match.redeemed = true;
    return "redeemed";
  }

  /** Returns the session of a token's hash and the account that it is of. */
  findSession(token) {
    const session = this.sessions.get(token) ?? null;
    return { now: this.now, session, account: session && this.account(session.account) };
  }

  /** Returns the address key and the row of an account. */
  account(id) {
    const [key, [, row]] = [...this.rows].find(([, [, row]]) => row.status.active?.id === id) ?? [null, []];
    return key && [key, row];
  }

  putSession({ token, change: { open, touch } }) {
    const stored = this.sessions.get(token);
    if (open) {
      if (stored) return "done"; // the reply to an earlier order may have been lost
      const { session, replaces, newest } = open;
      const active = this.account(session.account)?.[1].status.active;
      // A new password, a block or a deletion has come first.
      if (!active || active.blocked || active.attempt.generation !== session.generation) return "gone";
      if (replaces !== null && !this.sessions.delete(replaces)) return "gone";
      this.sessions.set(token, session);
      const own = [...this.sessions].filter(([, one]) => one.account === session.account);
      own.sort(([, one], [, other]) => other.created - one.created);
      for (const [oldest] of own.slice(newest)) this.sessions.delete(oldest);
      return "done";
    }
    if (touch) {
      if (!stored || stored.seen >= touch.seen) return "gone";
      this.sessions.set(token, { ...stored, ...touch });
      return "done";
    }
    return this.sessions.delete(token) ? "done" : "gone";
  }

  settle({ lease, settlement }) {
    const [where, owed] = [...this.outbox].find(([, { leased }]) => leased.mail.id === lease.mail) ?? [];
    // A newer mail has replaced it, or another worker has it.
    if (!owed?.held || owed.leased.lease.token !== lease.token) return "lost";
    owed.held = false;
    if (settlement.retry) {
      owed.leased.unknowns = settlement.retry.unknowns;
      owed.next = this.now + settlement.retry.after;
    } else if (settlement.dead) {
      owed.dead = settlement.dead.detail; // for the operator to see
    } else {
      this.outbox.delete(where);
    }
    return "settled";
  }
}

function ok(kind, reply) {
  return { Ok: reply === undefined ? kind : { [kind]: reply } };
}

function place(key, purpose) {
  return `${key} ${purpose}`;
}

function generationOf(row) {
  const status = row?.status;
  return status?.pending?.generation ?? status?.active?.attempt.generation ?? null;
}
