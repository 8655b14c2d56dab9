"""Uses the host as a person does: AUTH_COMPONENT=auth-core.wasm python -m unittest."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PASSWORD = "correct horse battery staple"


class AsAPerson(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.database = str(Path(folder.name) / "auth.sqlite3")

    def host(self, *arguments, password=PASSWORD, fails=False):
        command = [sys.executable, Path(__file__).with_name("host.py"), "--database", self.database, *arguments]
        ran = subprocess.run(
            command, env=os.environ | {"AUTH_PASSWORD": password}, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(ran.returncode != 0, fails, ran.stderr)
        return ran.stdout + ran.stderr

    def test_an_account_is_registered_and_activated(self):
        out = self.host("register", "Ada@Example.org")
        self.assertIn("disclosed: accepted", out)
        self.assertIn("To: Ada@example.org", out)
        (code,) = re.findall(r"'code': '(\d{6})'", out)
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        self.assertIn("disclosed: refused", self.host("activate", "ada@example.org", wrong))
        self.assertIn("disclosed: refused", self.host("activate", "ada@example.org", code, password=PASSWORD[::-1]))
        activated = self.host("activate", "ada@example.org", code)
        self.assertIn("disclosed: {'activated': {'id': ", activated)
        self.assertEqual(self.host("activate", "ada@example.org", code), activated, "the reply was lost")
        self.assertIn("disclosed: accepted", self.host("resend", "ada@example.org"))

    def test_tries_are_counted(self):
        (code,) = re.findall(r"'code': '(\d{6})'", self.host("register", "ada@example.org"))
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        for _ in range(5):
            self.assertIn("disclosed: refused", self.host("activate", "ada@example.org", wrong))
        self.assertIn("disclosed: refused", self.host("activate", "ada@example.org", code), "no try is left")

    def test_a_password_is_the_same_in_every_spelling(self):
        out = self.host("register", "ada@example.org", password="caf\u00e9 au lait de Lyon")
        (code,) = re.findall(r"'code': '(\d{6})'", out)
        out = self.host("activate", "ada@example.org", code, password="cafe\u0301 au lait de Lyon")
        self.assertIn("disclosed: {'activated': ", out)

    def test_what_cannot_be_is_refused(self):
        self.assertIn("address", self.host("register", "ada", fails=True))
        self.assertIn("too_short", self.host("register", "ada@example.org", password="short", fails=True))
        self.assertIn("code", self.host("activate", "ada@example.org", "12", fails=True))


if __name__ == "__main__":
    unittest.main()
