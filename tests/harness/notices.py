"""The notification service's world: a campaign that tells, what quota would have written, and sinks to tell into."""
import base64
import ctypes
import email
import email.policy
import http.server
import json
import os
import threading
import uuid

import pytest

from .ports import free_port
from .process import ROOT
from .waiting import await_condition

Controller = pytest.importorskip("aiosmtpd.controller", reason="python3-aiosmtpd is not installed").Controller
pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from .edge import Upstream, make_keys  # noqa: E402

SODIUM = ctypes.CDLL("libsodium.so.23")
NAME = "Nguyễn Thị Bí Mật"
CAMPAIGN = 1
REJECTED, COUNTED = 3, 2


def key_pair():
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    SODIUM.crypto_box_keypair(public, secret)
    return public.raw, secret.raw


def seal(reader, submission, phone):
    """As common/domain/sealed.h says."""
    fields = b"".join(len(field).to_bytes(2, "big") + field for field in (NAME.encode(), phone.encode(), b"001099000001"))
    plain = submission.bytes + fields
    public, secret = key_pair()
    nonce, box = os.urandom(24), ctypes.create_string_buffer(len(plain) + 16)
    SODIUM.crypto_box_easy(box, plain, ctypes.c_ulonglong(len(plain)), nonce, reader, secret)
    return b"\x01" + public + nonce + box.raw


class Sink:
    """An SMTP server that keeps what it takes. `answers[phone]`: what to say to it first, one after the other;
    `before`: "RCPT" or "DATA", at which of them it is said."""

    def __init__(self):
        self.port = free_port()
        self.mails, self.answers, self.before = [], {}, "RCPT"
        self.sender_answer = None
        self.lock = threading.Lock()
        self.controller = None

    def start(self):
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()
        return self

    def stop(self):
        if self.controller is not None:
            self.controller.stop()
            self.controller = None

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"

    def _answer(self, address, stage):
        with self.lock:
            words = self.answers.get(address.split("@")[0], [])
            return words.pop(0) if words and self.before == stage else None

    async def handle_MAIL(self, _server, _session, envelope, address, options):
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        answer = self._answer(address, "RCPT")
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):
        answer = self._answer(envelope.rcpt_tos[0], "DATA")
        if answer:
            return answer
        with self.lock:
            self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 taken"

    def phones(self):
        with self.lock:
            return [recipients[0].split("@")[0] for recipients, _ in self.mails]

    def mail(self, index=0):
        with self.lock:
            return email.message_from_bytes(self.mails[index][1], policy=email.policy.default)


class Web:
    """An HTTP server that keeps what it is sent and answers as it is told: `answer` is a function of the number of requests
    so far and the handler; it gives (status, headers, body), or does as it likes and gives None."""

    def __init__(self, answer=lambda number, handler: (200, {}, b"ok")):
        self.requests, self.lock, self.answer = [], threading.Lock(), answer
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with outer.lock:
                    outer.requests.append((self.command, self.path, dict(self.headers.items()), body))
                    number = len(outer.requests)
                answer = outer.answer(number, self)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # a client that went away
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def seen(self):
        with self.lock:
            return list(self.requests)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class World:
    def __init__(self, server, directory, start_service):
        self.server, self.directory, self.start_service = server, directory, start_service
        keys_path = directory.below("keys")
        self.keys = make_keys(keys_path, ("quota", "notification"))
        self.reader, secret = key_pair()
        with open(os.path.join(keys_path, "sealing.secret"), "wb") as file:
            file.write(secret)
        self.keys_path = keys_path
        self.sink, self.web = Sink(), None
        with open(os.path.join(ROOT, "deploy", "campaigns", "demo.yaml"), encoding="utf-8") as file:
            self.demo = file.read()
        self.apply(CAMPAIGN, "demo", self.mail_channel())
        self.quota = None
        self.settings = {
            "SANGKIEN_PG": server.conninfo("sk_notification"), "SANGKIEN_KEYS": keys_path,
            "NOTIFICATION_UPSTREAM": "ipc://" + directory.below("quota-outbox-*"),
            "NOTIFICATION_TEMPLATES": os.path.join(ROOT, "deploy", "notices"),
            "NOTIFICATION_POLL_MS": "100", "NOTIFICATION_RETRY_LEAST_MS": "10", "NOTIFICATION_RETRY_MOST_MS": "50",
            "NOTIFICATION_TIMEOUT_MS": "1000", "NOTIFICATION_CLAIM_MS": "3000"}

    def mail_channel(self, name="smtp"):
        return {"name": name, "kind": "smtp", "url": self.sink.url, "from": "sangkien@example.vn",
                "to": "{phone}@sms.example.vn", "cleartext": True}

    def apply(self, number, code, *channels, **notices):
        """A campaign with these channels, anew or changed; without any nobody is told of anything."""
        source = self.demo.replace("code: demo", "code: " + code)
        if channels:
            told = {"channels": channels, "send": {"verdict": channels[0]["name"]}, **notices}
            source += "\nnotices: " + json.dumps(told)  # YAML too
        self.server.query("INSERT INTO campaign (id, code, source, sha256) VALUES (%s, %s, %s, '') ON CONFLICT (id) DO UPDATE "
                          "SET source = excluded.source", (number, code, source))
        self.server.query("INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) VALUES "
                          "(%s, 1, 'VN', 'Gốc', 0, 0, false), (%s, 2, 'A', 'Công đoàn A', 1, 1, true) ON CONFLICT DO NOTHING",
                          (number, number))
        self.server.query("UPDATE reference_version SET version = version + 1")

    def secret(self, name, text, mode=0o400):
        path = os.path.join(self.keys_path, f"gateway-{name}.secret")
        if os.path.exists(path):
            os.unlink(path)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)

    def start(self, instance=None, ready=True, **settings):
        return self.start_service("notification", {**self.settings, **settings}, instance, ready)

    def start_quota(self):
        self.quota = Upstream("ipc://" + self.directory.below("quota-outbox-1"), "KIND_OUTBOX_DUE", self.keys["quota"])
        return self.quota

    def decide(self, phone, status=COUNTED, reasons="", revision=1, reader=None, state=0,
               campaign=CAMPAIGN, channel="smtp", event="verdict"):
        """A submission with that decision and its row in the outbox; gives the row's id."""
        submission, row = uuid.uuid4(), uuid.uuid4()
        connection = self.server.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
                "has_national_id) VALUES (%s, %s, 2, now(), '', %s, 1, 'x', true)",
                (str(submission), campaign, seal(reader or self.reader, submission, phone)))
            for number in range(1, revision + 1 if event == "verdict" else 1):
                cursor.execute(
                    "INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
                    "reasons, decided_at) VALUES (%s, %s, %s, 2, %s, 0, 1, %s, now())",
                    (str(submission), number, campaign, status if number == revision else 1,
                     reasons if number == revision else ""))
            cursor.execute(
                "INSERT INTO outbox (id, campaign_id, submission_id, event, channel, event_key, state) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (str(row), campaign, str(submission), event, channel, f"{event}:{submission}:{revision}", state))
        connection.close()
        return str(row)

    def row(self, row):
        """(state, attempts, last_error)"""
        return self.server.query("SELECT state, attempts, last_error FROM outbox WHERE id = %s", (row,))[0]

    def await_state(self, row, state, deadline=15):
        await_condition(lambda: self.row(row)[0] == state, deadline, f"state {state}, it is {self.row(row)}")

    def close(self):
        self.sink.stop()
        if self.web is not None:
            self.web.stop()
        if self.quota is not None:
            self.quota.close()


def assert_says_nothing_personal(service):
    text = service.process.output()
    assert "+849" not in text and NAME not in text and base64.b64encode(NAME.encode()).decode() not in text
