"""Replays every script of auth-core/scripts: AUTH_COMPONENT=auth-core.wasm python -m unittest."""

import json
import os
import re
import unittest
from ipaddress import ip_address
from pathlib import Path

from auth_core import Core, Refused

SCRIPTS = Path(__file__).parents[2] / "auth-core" / "scripts"
BYTES = re.compile(r"(?:[0-9a-f]{32}){1,2}")


def plain(value):
    """Converts a script's JSON to plain values: there bytes are hexadecimal, addresses of clients text."""
    match value:
        case dict():
            return {
                name: ip_address(item).packed if name == "client" else plain(item) for name, item in value.items()
            }
        case list():
            return [plain(item) for item in value]
        case str() if BYTES.fullmatch(value):
            return bytes.fromhex(value)
        case _:
            return value


def result(value):
    if "Err" in value:
        return "err", plain(value["Err"])
    # There an outcome stands below its flow, and the worker's is an event alone.
    ((flow, outcome),) = plain(value["Ok"]).items()
    disclosed, event = (None, outcome) if isinstance(outcome, str) else (outcome["disclosed"], outcome["event"])
    return "ok", {"disclosed": flow if disclosed is None else {flow: disclosed}, "event": event}


def case(value):
    """A case without a value is its name."""
    return next(iter(value)) if list(value.values()) == [None] else value


def answer(value):
    return case(plain(value["Ok"])) if "Ok" in value else {"fault": value["Err"]}


def flow_input(value):
    ((flow, given),) = plain(value).items()
    if password := given.get("verdict"):
        given["verdict"] = ("ok", None) if "Ok" in password else ("err", password["Err"])
    return {flow: given}


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.core = Core(os.environ["AUTH_COMPONENT"])

    def test_every_script_is_the_same_in_python(self):
        scripts = sorted(SCRIPTS.glob("*.json"))
        self.assertGreaterEqual(len(scripts), 100)
        for path in scripts:
            with self.subTest(path.name):
                self.replay(json.loads(path.read_text()))

    def replay(self, script):
        core = self.core
        rules = core.rules(plain(script["policy"]), "owasp", plain(script["code_keys"]))
        flow = core.start(rules, flow_input(script["input"]))
        for step in script["steps"]:
            self.assertIsNone(flow.outcome())
            with flow:
                snapshot = flow.snapshot()
            flow = core.restore(rules, snapshot)
            ticket, effect = flow.take()
            self.assertEqual(effect, case(plain(step["order"])))
            self.assertIsNone(flow.take(), "an order is taken once")
            flow.answer(ticket, answer(step["answer"]))
            before = flow.snapshot()
            with self.assertRaises(Refused) as refused:
                flow.answer(ticket, answer(step["answer"]))
            self.assertEqual(refused.exception.args[0], "already_answered")
            self.assertEqual(flow.snapshot(), before, "a refused answer changes nothing")
        with flow:
            self.assertEqual(flow.outcome(), result(script["outcome"]))
            self.assertEqual(flow.snapshot().hex(), script["snapshot"])
        rules.drop(core.store)

    def test_what_cannot_be_is_refused_by_field(self):
        core = self.core
        for change, field in [
            ({"code_tries": 0}, "code-tries"),
            ({"code_ttl": 1}, "code-ttl"),
            ({"client_requests_per_minute": 0}, "client-requests-per-minute"),
            ({"hash": {"pbkdf2": {"iterations": 1000}}}, "hash"),
        ]:
            with self.assertRaises(Refused) as refused:
                core.rules(core.default_policy() | change, "owasp", [bytes(32)])
            self.assertEqual(refused.exception.args[0]["field"], field)
        rules = core.rules(core.default_policy(), "owasp", [bytes(32)])
        for flow, field in [
            ({"resend": {"address": "ada", "client": bytes(4)}}, "address"),
            ({"resend": {"address": "ada@example.org", "client": bytes(5)}}, "client"),
            ({"activate": {"address": "ada@example.org", "code": "12x", "client": bytes(4)}}, "code"),
        ]:
            with self.assertRaises(Refused) as refused:
                core.start(rules, flow)
            self.assertEqual(refused.exception.args[0]["field"], field)
        with self.assertRaises(Refused) as refused:
            core.restore(rules, b"nothing")
        self.assertEqual(refused.exception.args[0], "format")

    def test_extensions_answer_no_other_effect(self):
        core = self.core
        rules = core.rules(core.default_policy(), "owasp", [bytes(32)])
        with core.start(rules, {"resend": {"address": "ada@example.org", "client": bytes(4)}}) as flow:
            ticket, effect = flow.take()
            self.assertIn("admit", effect)
            for answer in ["unsupported", {"extension": b"anything"}]:
                with self.assertRaises(Refused) as refused:
                    flow.answer(ticket, answer)
                self.assertEqual(refused.exception.args[0], {"wrong_kind": "admit"})
            flow.answer(ticket, {"admit": "admitted"})

    def test_passwords_are_judged(self):
        core = self.core
        rules = core.rules(core.default_policy(), "owasp", [bytes(32)])
        core.judge(rules, "correct horse", {"score": 4, "common": False})
        for password, estimate, why in [
            ("", {"score": 4, "common": False}, {"unusable": "a password must have at least one character"}),
            ("short", {"score": 4, "common": False}, {"weak": {"too_short": {"min_length": 8}}}),
            ("password1", {"score": 4, "common": True}, {"weak": "common"}),
            ("correct horse", {"score": 1, "common": False}, {"weak": {"guessable": {"score": 1, "min_score": 3}}}),
        ]:
            with self.assertRaises(Refused) as refused:
                core.judge(rules, password, estimate)
            self.assertEqual(refused.exception.args[0], why)


if __name__ == "__main__":
    unittest.main()
