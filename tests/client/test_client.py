"""Uses the service through a client that openapi-python-client made from the recorded document.

`cargo xtask test --only client` runs it and passes the paths of the server and the client: AUTH_HTTP_BIN, AUTH_CLIENT.
"""

import base64
import json
import os
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

import httpx

sys.path.insert(0, os.environ["AUTH_CLIENT"])

from auth_client import AuthenticatedClient, Client
from auth_client.api.accounts import activate, register, resend
from auth_client.api.health import livez, readyz
from auth_client.models import (
    Accepted,
    Activated,
    ActivateWithCode,
    ActivateWithCredentials,
    Health,
    Problem,
    Register,
    Resend,
)

DOCUMENT = json.loads((Path(__file__).parents[2] / "auth-http" / "openapi.json").read_text())
PASSWORD = "sehr sch\u00f6ne \u00c4pfel f\u00fcr m\u00fcde B\u00e4ren"
SETTINGS = {
    "AUTH_LISTEN": "127.0.0.1:0",
    "AUTH_DATABASE_URL": "sqlite::memory:",
    "AUTH_SCRYPT": "4,8,1",
    "AUTH_CLIENT_REQUESTS_PER_MINUTE": "0",
}


def until(what, look):
    """Asks repeatedly until there is a result, for a minute at most."""
    for _ in range(6000):
        if found := look():
            return found
        time.sleep(0.01)  # polling interval
    raise AssertionError(f"waited in vain for {what}")


def by_header(base, address, password, encoding):
    """Returns a client that sends Basic credentials in this encoding."""
    token = base64.b64encode(f"{address}:{password}".encode(encoding)).decode()
    return AuthenticatedClient(base_url=base, token=token, prefix="Basic")


class GeneratedClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTH_")}
        cls.server = subprocess.Popen(
            [os.environ["AUTH_HTTP_BIN"]], env=environment | SETTINGS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        cls.addClassCleanup(cls.stop)
        line = cls.server.stdout.readline().decode()
        cls.base = line.removeprefix("listening on ").strip()
        cls.client = Client(base_url=cls.base, raise_on_unexpected_status=True).__enter__()
        cls.addClassCleanup(cls.client.__exit__, None, None, None)

    @classmethod
    def stop(cls):
        cls.server.kill()
        cls.server.wait()
        cls.server.stdout.close()

    def registered(self, address, password=PASSWORD):
        answer = register.sync(client=self.client, body=Register(email=address, password=password))
        self.assertIsInstance(answer, Accepted)
        self.assertEqual((answer.code_ttl_seconds, answer.resend_after_seconds), (600, 60))
        return until("a code", lambda: self.code(address))

    def code(self, address):
        mails = httpx.get(f"{self.base}/dev/mailbox.json").json()["mails"]
        return next((mail["code"] for mail in mails if mail["to"] == address), None)

    def refused(self, answer, status, name):
        self.assertEqual(answer.status_code, status)
        self.assertIsInstance(answer.parsed, Problem)
        self.assertEqual((answer.parsed.status, answer.parsed.type_), (status, f"/problems/{name}"))
        self.assertEqual(answer.parsed.request_id, answer.headers["x-request-id"])

    def test_an_account_is_activated_with_credentials_in_the_body(self):
        code = self.registered("ada@example.org")
        wrong = f"{(int(code) + 1) % 1_000_000:06}"

        def ask(code, password=PASSWORD):
            body = ActivateWithCredentials(email="ada@example.org", password=password, code=code)
            return activate.sync_detailed(client=self.client, body=body)

        answer = ask(wrong)
        self.refused(answer, 401, "activation-refused")
        self.assertEqual(answer.headers["www-authenticate"], 'Body realm="auth"')
        self.refused(ask(code, password=PASSWORD[::-1]), 401, "activation-refused")
        self.refused(ask("12345"), 400, "invalid-request")
        self.assertEqual(ask("12345").parsed.errors[0].field, "code")
        self.assertIsInstance(ask(code).parsed, Activated)

    def test_an_account_is_activated_with_basic_in_either_encoding(self):
        for number, encoding in enumerate(["utf-8", "latin-1"]):
            address = f"user{number}@example.org"
            body = ActivateWithCode(code=self.registered(address))
            with by_header(self.base, address, PASSWORD[::-1], encoding) as wrong:
                answer = activate.sync_detailed(client=wrong, body=body)
                self.refused(answer, 401, "activation-refused")
                self.assertEqual(answer.headers["www-authenticate"], 'Basic realm="auth", charset="UTF-8"')
            with by_header(self.base, address, PASSWORD, encoding) as right:
                self.assertIsInstance(activate.sync(client=right, body=body), Activated, encoding)

    def test_every_other_operation_is_understood(self):
        answer = resend.sync(client=self.client, body=Resend(email="grace@example.org"))
        self.assertIsInstance(answer, Accepted)
        weak = Register(email="grace@example.org", password="weak")
        answer = register.sync_detailed(client=self.client, body=weak)
        self.refused(answer, 422, "weak-password")
        self.assertEqual(answer.parsed.errors[0].field, "password")
        for probe, message in [(livez, "alive"), (readyz, "ready")]:
            answer = probe.sync(client=self.client)
            self.assertIsInstance(answer, Health)
            self.assertEqual(answer.message, message)

    def test_patterns_are_what_the_service_does(self):
        schemas = DOCUMENT["components"]["schemas"]
        fields = schemas["ActivateWithCredentials"]["properties"]
        good = {"email": "ada@example.org", "password": PASSWORD, "code": "123456"}
        for field, values in {
            "email": ["ada", "ada@example.org ", " o'b.c+d-e@mail.example.org", "ada@b\u00fccher.example", "a@b", "a b@c.de"],
            "password": ["x", "a\u0007b", "a\u0085b", "\u00e4\U0001f40c ", ""],
            "code": ["123456", " 123 456 ", "123-456", "1-2-3-4-5-6", "-123456", "123456-", "12345!", "", "\uff11" * 6],
        }.items():
            about = fields[field]
            for value in values:
                fits = re.search(about["pattern"], value) and about["minLength"] <= len(value) <= about["maxLength"]
                body = ActivateWithCredentials(**good | {field: value})
                answer = activate.sync_detailed(client=self.client, body=body)
                self.assertEqual(bool(fits), answer.status_code != 400, f"{field}: {value!r}")


if __name__ == "__main__":
    unittest.main()
