#!/usr/bin/python3
"""A stand-in for Mailpit: keeps the latest mails in memory, answers the part of Mailpit's HTTP
interface that a test reads, and shows the mails on one page. `readyz` as argument asks a
running one whether it is ready."""

import html
import json
import os
import re
import secrets
import signal
import sys
import threading
import urllib.request
from datetime import datetime, timezone
from email import message_from_bytes, policy
from email.utils import getaddresses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

SMTP_PORT, HTTP_PORT = 1025, 8025
MOST_MAILS = 500  # Mailpit's own default

mails = []  # newest first; replaced, never changed, so that readers need no lock
lock = threading.Lock()


def addresses(message, header):
    found = getaddresses(message.get_all(header, []))
    return [{"Name": name, "Address": address} for name, address in found if address]


def text_of(message, kind):
    part = message.get_body((kind,))
    return part.get_content() if part else ""


def parsed(envelope):
    raw = envelope.original_content
    message = message_from_bytes(raw, policy=policy.default)
    sender = addresses(message, "From")
    to, cc = addresses(message, "To"), addresses(message, "Cc")
    named = {one["Address"] for one in to + cc}
    # Who is named by the envelope alone is a blind copy.
    bcc = [{"Name": "", "Address": address} for address in envelope.rcpt_tos if address not in named]
    date = message["Date"]
    sent_at = date.datetime if date else None
    text = text_of(message, "plain")
    page = text_of(message, "html")
    return {
        "ID": secrets.token_urlsafe(16),
        "MessageID": str(message["Message-ID"] or "").strip("<> "),
        "Read": False,
        "From": sender[0] if sender else {"Name": "", "Address": envelope.mail_from or ""},
        "To": to,
        "Cc": cc,
        "Bcc": bcc,
        "ReplyTo": addresses(message, "Reply-To"),
        "ReturnPath": envelope.mail_from or "",
        "Subject": str(message["Subject"] or ""),
        "Created": datetime.now(timezone.utc).isoformat(),
        "Date": sent_at.isoformat() if sent_at else "",
        "Tags": [],
        "Text": text,
        "HTML": page,
        "Size": len(raw),
        "Attachments": [],
        "Inline": [],
        "Raw": raw,
        "Headers": {name: message.get_all(name) for name in message.keys()},
    }


class Catcher:
    """Takes any mail for anybody, as a catcher should."""

    async def handle_DATA(self, _server, _session, envelope):
        global mails
        mail = parsed(envelope)
        with lock:
            mails = [mail, *mails][:MOST_MAILS]
        print(f"[smtpd] received {mail['ID']} for {', '.join(envelope.rcpt_tos)}", flush=True)
        return f"250 2.0.0 Ok: queued as {mail['ID']}"


def summary(mail):
    left_out = {"Text", "HTML", "Raw", "Headers", "Inline", "ReturnPath", "Date"}
    short = {name: value for name, value in mail.items() if name not in left_out}
    snippet = " ".join((mail["Text"] or re.sub("<[^>]*>", " ", mail["HTML"])).split())
    return short | {"Attachments": 0, "Snippet": snippet[:250]}


def listing(query):
    start = int(query.get("start", ["0"])[0])
    limit = int(query.get("limit", ["50"])[0])
    shown = [summary(mail) for mail in mails[start : start + limit]]
    total = len(mails)
    return {
        "total": total,
        "unread": total,
        "count": len(shown),
        "messages_count": total,
        "messages_unread": total,
        "start": start,
        "tags": [],
        "messages": shown,
    }


def page():
    """Everything of a mail is escaped: it comes from anybody."""
    rows = []
    for mail in mails:
        to = ", ".join(one["Address"] for one in mail["To"] + mail["Bcc"])
        link = f"/view/{mail['ID']}.txt"
        rows.append(
            f"<article><h2>{html.escape(mail['Subject'])}</h2>"
            f"<p>To: {html.escape(to)} &middot; {mail['Created'][:19].replace('T', ' ')} UTC"
            f" &middot; <a href='{link}'>text</a></p>"
            f"<pre>{html.escape(mail['Text'] or mail['HTML'])}</pre></article>"
        )
    body = "".join(rows) or "<p>No mail yet.</p>"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Mails</title>"
        "<meta http-equiv=refresh content=5>"
        "<style>body{font:16px sans-serif;max-width:50em;margin:2em auto}"
        "article{border-top:1px solid #aaa}pre{white-space:pre-wrap}</style>"
        f"<h1>Mails ({len(mails)})</h1>{body}</html>"
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, kind, body):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def found(self, name):
        """Mailpit takes `latest` for an ID."""
        if name == "latest":
            return mails[0] if mails else None
        return next((mail for mail in mails if mail["ID"] == name), None)

    def do_GET(self):
        url = urlsplit(self.path)
        path = url.path
        try:
            if path in ("/livez", "/readyz"):
                self.answer(200, "text/plain", "ok")
            elif path == "/":
                self.answer(200, "text/html; charset=utf-8", page())
            elif path == "/api/v1/messages":
                self.json(listing(parse_qs(url.query)))
            elif of := re.fullmatch(r"/api/v1/message/([^/]+)(/headers|/raw)?|/view/([^/.]+)\.txt", path):
                self.one(self.found(of[1] or of[3]), of[2], of[3])
            else:
                self.answer(404, "text/plain; charset=utf-8", "404 page not found")
        except ValueError:
            self.answer(400, "text/plain; charset=utf-8", "bad request")

    def one(self, mail, part, view):
        if not mail:
            self.answer(404, "text/plain; charset=utf-8", "Message not found")
        elif view:
            self.answer(200, "text/plain; charset=utf-8", mail["Text"])
        elif part == "/raw":
            self.answer(200, "text/plain; charset=utf-8", mail["Raw"])
        elif part == "/headers":
            self.json(mail["Headers"])
        else:
            self.json({name: value for name, value in mail.items() if name not in ("Raw", "Headers")})

    def do_DELETE(self):
        """Without a body all mails, else those whose IDs it lists."""
        global mails
        if urlsplit(self.path).path != "/api/v1/messages":
            self.answer(404, "text/plain; charset=utf-8", "404 page not found")
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        ids = json.loads(body or b"{}").get("IDs")
        with lock:
            mails = [mail for mail in mails if ids and mail["ID"] not in ids]
        self.answer(200, "text/plain", "ok")

    def json(self, value):
        self.answer(200, "application/json", json.dumps(value))

    def log_message(self, *_):
        """Every look into the mailbox in the log would hide what matters."""


def accept_any(_server, _session, _envelope, _mechanism, _data):
    return AuthResult(success=True)


def login():
    """As in Mailpit, a login is taken only when told, and without TLS only when told too."""
    if not os.environ.get("MP_SMTP_AUTH_ACCEPT_ANY"):
        return {}
    insecure = bool(os.environ.get("MP_SMTP_AUTH_ALLOW_INSECURE"))
    return {"authenticator": accept_any, "auth_require_tls": not insecure}


def main():
    if sys.argv[1:] == ["readyz"]:
        with urllib.request.urlopen(f"http://127.0.0.1:{HTTP_PORT}/readyz", timeout=5) as answer:
            sys.exit(answer.status != 200)
    smtp = Controller(Catcher(), hostname="0.0.0.0", port=SMTP_PORT, **login())
    smtp.start()
    print(f"[smtpd] starting on 0.0.0.0:{SMTP_PORT} (no encryption)", flush=True)
    web = ThreadingHTTPServer(("", HTTP_PORT), Handler)

    def stop(*_):
        threading.Thread(target=web.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"[http] accessible via http://localhost:{HTTP_PORT}/", flush=True)
    web.serve_forever()
    smtp.stop()


if __name__ == "__main__":
    main()
