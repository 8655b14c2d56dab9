"""A host of the component in Python that keeps everything in one sqlite3 file and prints its mails.

    python host.py register ada@example.org
    python host.py activate ada@example.org 314159
    python host.py resend ada@example.org

The password comes from AUTH_PASSWORD or the terminal. `Host.carry_out` is what every host must do.
"""

import argparse
import getpass
import hashlib
import json
import os
import sqlite3
import sys
import time
import unicodedata

from auth_core import Core, Refused

SCHEMA = """
CREATE TABLE IF NOT EXISTS secrets (code_key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, generation BLOB, row TEXT NOT NULL, expires INTEGER);
CREATE TABLE IF NOT EXISTS outbox (
    key TEXT NOT NULL, purpose TEXT NOT NULL, mail TEXT NOT NULL, id BLOB NOT NULL, due INTEGER NOT NULL,
    token BLOB, leased_until INTEGER, attempts INTEGER NOT NULL DEFAULT 0, unknowns INTEGER NOT NULL DEFAULT 0, dead TEXT,
    PRIMARY KEY (key, purpose));
CREATE TABLE IF NOT EXISTS slots (slot BLOB PRIMARY KEY, tries INTEGER NOT NULL, forgotten INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS slot_mails (slot BLOB NOT NULL, mail BLOB NOT NULL, PRIMARY KEY (slot, mail));
CREATE TABLE IF NOT EXISTS codes (
    slot BLOB NOT NULL, mac BLOB NOT NULL, lease BLOB NOT NULL, expires INTEGER NOT NULL,
    redeemed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (slot, mac));
"""

# In microseconds. A mail is printed at once here; a host that sends mails renews the lease meanwhile.
LEASE = 60_000_000


def now():
    """Microseconds; this host's only clock is the store's."""
    return time.time_ns() // 1000


def to_text(value):
    """Writes a plain value as JSON; bytes become {"bytes": hex}."""
    return json.dumps(value, default=lambda data: {"bytes": data.hex()})


def from_text(text):
    def restored(found):
        return bytes.fromhex(found["bytes"]) if "bytes" in found else found

    return json.loads(text, object_hook=restored)


class Host:
    def __init__(self, component, database):
        self.core = Core(component)
        # Each effect is one transaction of its own.
        self.db = sqlite3.connect(database, isolation_level=None)
        self.db.executescript(SCHEMA)
        if self.db.execute("SELECT 1 FROM secrets").fetchone() is None:
            # Threat: a reader of the codes' MACs could try all codes. In production store the key elsewhere.
            self.db.execute("INSERT INTO secrets VALUES (?)", [os.urandom(32)])
        (key,) = self.db.execute("SELECT code_key FROM secrets").fetchone()
        self.rules = self.core.rules(self.core.default_policy(), "owasp", [key])

    def drive(self, start, password=None):
        """Runs a flow to its end and returns its result; `password` stays outside it."""
        with self.core.start(self.rules, start) as flow:
            while ordered := flow.take():
                ticket, effect = ordered
                try:
                    answer = self.carry_out(effect, password)
                except sqlite3.Error:
                    # It was rolled back, or its commit may have happened.
                    answer = {"fault": "unknown"}
                flow.answer(ticket, answer)
            return flow.outcome()

    def carry_out(self, effect, password):
        match effect:
            case "random":
                return {"random": os.urandom(32)}
            case {"admit": _}:
                return {"admit": "admitted"}  # there is only one client
            case {"find_account": {"key": key}}:
                return {"find_account": self.find(key)}
            case {"hash_password": {"salt": salt, "params": {"scrypt": cost} as params}} if password is not None:
                n, r, p = 2 ** cost["log2_n"], cost["r"], cost["p"]
                digest = hashlib.scrypt(
                    password.encode(), salt=salt, n=n, r=r, p=p, dklen=32, maxmem=129 * n * r + 1024 * p
                )
                return {"hash_password": {"params": params, "hash": digest}}
            case {"commit_account": {"changes": [change]}}:  # what registers and activates changes one row
                with self.transaction():
                    return {"commit_account": self.commit(change)}
            case {"put_code": order}:
                with self.transaction():
                    self.put_code(order)
                return "put_code"
            case {"redeem_code": order}:
                with self.transaction():
                    return {"redeem_code": self.redeem(**order)}
            case {"send_mail": mail}:
                print(f"To: {mail['to']}\n{mail['template']}\n")
                return {"send_mail": "accepted"}
            case {"settle_mail": order}:
                with self.transaction():
                    return {"settle_mail": self.settle(**order)}
            # The password is lost, this host does not have the function, or it has no sessions.
            case {"hash_password": _} | {"commit_account": _} | {"find_session": _} | {"put_session": _}:
                return {"fault": "not_done"}
            case _:
                return "unsupported"

    def transaction(self):
        self.db.execute("BEGIN IMMEDIATE")
        return self.db

    def find(self, key):
        with self.db:
            self.db.execute("BEGIN")  # row and mails belong to the same moment
            return self.read(key)

    def read(self, key):
        stored = self.db.execute("SELECT version, row FROM accounts WHERE key = ?", [key]).fetchone()
        mails = "SELECT mail, due, token, leased_until FROM outbox WHERE key = ? AND dead IS NULL ORDER BY purpose"
        clock = now()

        def state(due, token, leased_until):
            if token is None:
                return {"free": {"next": due}}
            return {"held": {"token": token}} if clock < leased_until else {"free": {"next": leased_until}}

        return {
            "now": clock,
            "row": stored and [stored[0], from_text(stored[1])],
            "waiting": [
                {name: mail[name] for name in ("id", "purpose", "generation")} | {"state": state(*lease)}
                for mail, *lease in ((from_text(mail), *lease) for mail, *lease in self.db.execute(mails, [key]))
            ],
        }

    def commit(self, change):
        key, row = change["key"], change["row"]
        found = self.read(key)
        version, stored = found["row"] or (0, {"status": "vacant"})
        # Everything that the decision depends on must be unchanged. Versions start again after a deletion, so the
        # generation is compared as well.
        if (
            (version, generation(stored["status"])) != (change["expected"], change["generation"])
            or found["waiting"] != change["waiting"]
            or found["now"] > change["until"]
        ):
            return "conflict"
        self.db.execute(
            "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)",
            [key, change["expected"] + 1, generation(row["status"]), to_text(row), row["expires"]],
        )
        for mail_change in change["mails"]:
            match mail_change:
                case {"owe": mail}:
                    self.db.execute(
                        "INSERT OR REPLACE INTO outbox (key, purpose, mail, id, due) VALUES (?, ?, ?, ?, ?)",
                        [key, mail["purpose"], to_text(mail), mail["id"], mail["first_due"]],
                    )
                case {"begin": {"mail": mail, "unknowns": unknowns}}:
                    self.db.execute("UPDATE outbox SET unknowns = ? WHERE id = ?", [unknowns, mail])
        return "committed"

    def put_code(self, order):
        slot, mac, forgotten = order["slot"], order["mac"], now() + order["retention"]
        self.db.execute("INSERT OR IGNORE INTO slots VALUES (?, 0, ?)", [slot, forgotten])
        self.db.execute("UPDATE slots SET forgotten = ? WHERE slot = ?", [forgotten, slot])
        self.db.execute("DELETE FROM codes WHERE slot = ? AND expires <= ?", [slot, now()])
        expires = now() + order["lifetime"]
        known = self.db.execute("SELECT lease FROM codes WHERE slot = ? AND mac = ?", [slot, mac]).fetchone()
        if known is None:
            insert = "INSERT INTO codes (slot, mac, lease, expires) VALUES (?, ?, ?, ?)"
            self.db.execute(insert, [slot, mac, order["lease"], expires])
        elif not order["ends"] or known[0] == order["lease"]:  # otherwise another worker is sending the mail again
            update = "UPDATE codes SET lease = ?, expires = ? WHERE slot = ? AND mac = ?"
            self.db.execute(update, [order["lease"], expires, slot, mac])
        # A mail refills the tries once, however often it is retried; a mail that did not leave, never.
        if order["lifetime"]:
            added = self.db.execute("INSERT OR IGNORE INTO slot_mails VALUES (?, ?)", [slot, order["mail"]])
            if added.rowcount:
                self.db.execute("UPDATE slots SET tries = ? WHERE slot = ?", [order["tries"], slot])
            self.keep_newest("slot_mails", slot, order["mails"])
        self.db.execute("DELETE FROM codes WHERE slot = ? AND expires <= ?", [slot, now()])
        # One more than are valid: the newest may be removed.
        self.keep_newest("codes", slot, order["newest"] + 1)

    def keep_newest(self, table, slot, count):
        self.db.execute(
            f"DELETE FROM {table} WHERE slot = ?1 AND rowid NOT IN"
            f" (SELECT rowid FROM {table} WHERE slot = ?1 ORDER BY rowid DESC LIMIT ?2)",
            [slot, count],
        )

    def redeem(self, slot, newest, macs):
        good = "SELECT mac, redeemed FROM codes WHERE slot = ? AND expires > ? ORDER BY rowid DESC LIMIT ?"
        codes = dict(self.db.execute(good, [slot, now(), newest]))
        if not codes:
            return "missing"
        found = next((mac for mac in macs if mac in codes), None)
        if found is not None and codes[found]:
            return "redeemed"  # again: no try is counted
        counted = self.db.execute("UPDATE slots SET tries = tries - 1 WHERE slot = ? AND tries > 0", [slot])
        if not counted.rowcount:
            return "exhausted"
        if found is None:
            return "wrong"
        self.db.execute("UPDATE codes SET redeemed = 1 WHERE slot = ? AND mac = ?", [slot, found])
        return "redeemed"

    def settle(self, lease, settlement):
        held = [lease["mail"], lease["token"]]
        match settlement:
            case "sent" | "superseded":
                change, values = "DELETE FROM outbox", []
            case {"retry": {"after": after, "unknowns": unknowns}}:
                change = "UPDATE outbox SET token = NULL, due = ?, unknowns = ?"
                values = [now() + after, unknowns]
            case {"dead": {"detail": detail}}:
                change, values = "UPDATE outbox SET token = NULL, dead = ?", [detail]
        settled = self.db.execute(f"{change} WHERE id = ? AND token = ?", values + held)
        return "settled" if settled.rowcount else "lost"

    def deliver(self):
        """Leases the mails that are due and delivers them. Each start of this program is a worker."""
        free = "dead IS NULL AND (token IS NULL OR leased_until <= ?1)"
        due = f"SELECT key, mail, attempts, unknowns FROM outbox WHERE due <= ?1 AND {free} ORDER BY due"
        for key, mail, attempts, unknowns in self.db.execute(due, [now()]).fetchall():
            mail, token = from_text(mail), os.urandom(16)
            leased = self.db.execute(
                f"UPDATE outbox SET token = ?2, leased_until = ?3, attempts = attempts + 1 WHERE id = ?4 AND {free}",
                [now(), token, now() + LEASE, mail["id"]],
            )
            if not leased.rowcount:
                continue  # another worker was faster
            lease = {"mail": mail["id"], "token": token}
            leased = {"lease": lease, "key": key, "mail": mail, "attempts": attempts + 1, "unknowns": unknowns}
            match self.drive({"deliver": leased}):
                case ("err", broken):
                    print(f"the mail stays until its lease expires, then it is retried: {broken}", file=sys.stderr)

    def purge(self):
        """Deletes expired rows."""
        self.db.execute("DELETE FROM accounts WHERE expires <= ?", [now()])
        self.db.execute("DELETE FROM slots WHERE forgotten <= ?", [now()])
        for table in ["codes", "slot_mails"]:
            self.db.execute(f"DELETE FROM {table} WHERE slot NOT IN (SELECT slot FROM slots)")


def generation(status):
    match status:
        case {"pending": attempt} | {"active": {"attempt": attempt}}:
            return attempt["generation"]
        case "vacant":
            return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("command", choices=["register", "resend", "activate"])
    arguments.add_argument("address")
    arguments.add_argument("code", nargs="?", default="")
    arguments.add_argument("--component", default=os.environ.get("AUTH_COMPONENT", "auth-core.wasm"))
    arguments.add_argument("--database", default="auth.sqlite3")
    given = arguments.parse_args()

    host = Host(given.component, given.database)
    host.purge()
    who = {"address": given.address, "client": bytes([127, 0, 0, 1])}
    password = None
    if given.command != "resend":
        password = os.environ.get("AUTH_PASSWORD") or getpass.getpass()
        # The component has no tables for NFC, which makes every spelling of a password the same.
        password = unicodedata.normalize("NFC", password)
    try:
        if given.command == "register":
            # A real host estimates the password, at a bounded cost: docs/embedding.md.
            host.core.judge(host.rules, password, {"score": 4, "common": False})
            start = {"register": who | {"verdict": ("ok", None), "locale": "en"}}
        elif given.command == "activate":
            start = {"activate": who | {"code": given.code}}
        else:
            start = {"resend": who}
        result = host.drive(start, password)
    except Refused as refused:
        raise SystemExit(f"refused: {refused.args[0]}") from None
    match result:
        case ("ok", outcome):
            # Only the operator may see the event: it reveals who has an account.
            (disclosed,) = outcome["disclosed"].values()
            print(f"disclosed: {disclosed}")
        case ("err", broken):
            raise SystemExit(f"try again: {broken}")
    host.deliver()


if __name__ == "__main__":
    main()
