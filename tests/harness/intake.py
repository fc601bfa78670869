"""An intake of its own for a test: real PostgreSQL and Redis, campaigns of the test, clients over its unix socket."""
import hashlib
import http.client
import json
import os
import socket
import threading
import uuid
from datetime import datetime, timedelta, timezone

from .edge import Upstream, Worker, make_keys, messages
from .openapi import check, check_answer
from .waiting import PATIENCE_S, await_condition

VIETNAM = timezone(timedelta(hours=7))
CAMPAIGN = """
code: {code}
name: {{vi: Thử, en: Test}}
opens_at: {opens_at}
closes_at: {closes_at}
versions:
  - version: 1
    holds_from: 2020-01-01T00:00:00+07:00
    description_characters_max: 100
    fields: {{required: [], offered: [title]}}
    person_key: phone
    duplicates: {{exact_scope: nation, near_scope: top, near_threshold: 0.72}}
    rate_limit: {{submissions: {limit}, seconds: {window}}}
    phases:
      - {{number: 1, name: {{vi: Một, en: One}}, starts_at: {opens_at}, ends_at: {closes_at}}}
"""
PAST, FUTURE = "2020-01-01T00:00:00+07:00", "2100-01-01T00:00:00+07:00"
UNITS = [(1, "VN", 0, 0, False), (2, "A", 1, 1, True), (3, "A1", 2, 2, True), (4, "B", 1, 1, True)]


def instant(moment):
    return moment.astimezone(VIETNAM).isoformat(timespec="microseconds")


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def check(self, path):
        """Is it answered as proto/openapi.yaml says?"""
        media_type = self.headers["Content-Type"]
        lines = media_type == "application/x-ndjson"
        check_answer("POST", path, self.status, media_type, "" if lines else self.json())
        for line in self.body.splitlines() if lines else ():
            check(json.loads(line), {"$ref": "#/components/schemas/BatchAnswer"}, "line")
        assert self.headers["X-Request-Id"]
        assert (self.status in (429, 503, 504)) == ("Retry-After" in self.headers)

    def code(self):
        return self.json()["code"]

    def errors(self):
        return [(error["field"], error["code"]) for error in self.json()["errors"]]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=PATIENCE_S):
        super().__init__("intake", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def fields(number=0, **changes):
    """A good submission of person `number`; a change to None leaves the field out."""
    whole = {"full_name": "Nguyễn Thị Hoà", "phone": f"09{number:08d}", "unit": "A", "block": "enterprise",
             "description": f"Cải tiến số {number}", **changes}
    return {name: value for name, value in whole.items() if value is not None}


class Intake:
    """One running instance and its clients."""

    def __init__(self, service, path):
        self.service, self.path = service, path

    def request(self, body, campaign="demo", what="submissions", headers=None, timeout=PATIENCE_S, **named):
        """`body`: a dict is sent as JSON, bytes as they are. Keywords are headers: idempotency_key="a"."""
        sent = {"Content-Type": "application/json" if what == "submissions" else "application/x-ndjson",
                "Accept-Language": "en", **(headers or {})}
        sent.update({name.replace("_", "-"): value for name, value in named.items()})
        connection = UnixConnection(self.path, timeout)
        try:
            data = body if isinstance(body, (bytes, str)) or not isinstance(body, dict) else json.dumps(body)
            connection.request("POST", f"/v1/campaigns/{campaign}/{what}",
                               data.encode() if isinstance(data, str) else data,
                               {name: value for name, value in sent.items() if value is not None})
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        answer.check(f"/v1/campaigns/{campaign}/{what}")
        return answer

    def review(self, code, act="count", reason="Đã xem xét", token=None, body=None, **named):
        """A review of that tracking code; `body` instead of a good one."""
        sent = {"Content-Type": "application/json", "Accept-Language": "en", **named}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        connection = UnixConnection(self.path)
        try:
            data = json.dumps({"decision": act, "reason": reason}) if body is None else body
            connection.request("POST", f"/v1/submissions/{code}/review", data.encode(), sent)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        answer.check("/v1/submissions/{tracking_code}/review")
        return answer

    def submit(self, number=0, **named):
        """A good submission of that person; named: campaign and headers."""
        return self.request(fields(number), **named)

    def batch(self, lines, token, campaign="demo", **named):
        """The answer's lines as objects."""
        body = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
        answer = self.request(body, campaign, "submissions:batch", Authorization=f"Bearer {token}", **named)
        assert answer.status == 200, answer.body
        return [json.loads(line) for line in answer.body.splitlines()]

    def raw(self, data, timeout=40):
        """What comes back to bytes of our own, to the end."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout)
            client.connect(self.path)
            client.sendall(data)
            received = b""
            while True:
                piece = client.recv(65536)
                received += piece
                if not piece or (b"\r\n\r\n" in received and b"Connection: close" not in received):
                    return received


class World:
    """Servers, keys and campaigns; start() gives an Intake."""

    def __init__(self, postgresql, redis_server, directory, start_service):
        self.postgresql, self.redis, self.directory = postgresql, redis_server, directory
        self._start_service = start_service
        self.keys_path = directory.below("keys")
        self.keys = make_keys(self.keys_path, ("intake", "validation", "quota"))
        self._make_key("person.key")
        self._make_key("sealing.public")
        self._ends = []
        for number, (code, opens_at, closes_at) in enumerate((("demo", PAST, FUTURE), ("past", PAST, "2021-01-01T00:00:00+07:00"),
                                                               ("future", "2099-01-01T00:00:00+07:00", FUTURE)), 1):
            self.add_campaign(number, code, opens_at, closes_at)

    def _make_key(self, name):
        with open(os.path.join(self.keys_path, name), "wb") as file:
            file.write(os.urandom(32))

    def add_campaign(self, number, code, opens_at=PAST, closes_at=FUTURE, limit=30, window=600, more=""):
        """`more`: YAML behind what every campaign here has."""
        source = CAMPAIGN.format(code=code, opens_at=opens_at, closes_at=closes_at, limit=limit, window=window) + more
        self.postgresql.query("INSERT INTO campaign (id, code, source, sha256) VALUES (%s, %s, %s, '')",
                              (number, code, source))
        for unit, name, level, parent, accepts in UNITS:
            self.postgresql.query("INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) "
                                  "VALUES (%s, %s, %s, %s, %s, %s, %s)", (number, unit, name, name, level, parent, accepts))
        self.postgresql.query("UPDATE reference_version SET version = version + 1")

    def add_token(self, role="officer", campaign=None, unit=None, expires="1 hour"):
        secret = uuid.uuid4().hex
        self.postgresql.query("WITH raised AS (UPDATE token_version SET version = version + 1) "
                              "INSERT INTO token (id, secret_hash, role, campaign_id, unit_id, expires_at) "
                              "VALUES (%s, %s, %s, %s, %s, now() + %s::interval)",
                              (str(uuid.uuid4()), hashlib.blake2b(secret.encode(), digest_size=32).digest(), role,
                               campaign, unit, expires))
        self.tokens_changed()
        return secret

    def tokens_changed(self):
        """Said to every intake, as the operators' tool does."""
        self.postgresql.query("UPDATE token_version SET version = version + 1")

    def start(self, instance="intake-1", ready=True, **settings):
        path = self.directory.below(instance + ".sock")
        service = self._start_service("intake", {
            "SANGKIEN_PG": self.postgresql.conninfo("sk_intake"), "SANGKIEN_KEYS": self.keys_path,
            "SANGKIEN_REDIS": self.redis.address, "INTAKE_REDIS_USER": "", "INTAKE_LISTEN": "unix:" + path,
            "INTAKE_EDGE": self.edge(instance), "INTAKE_REVIEWS": self.reviews(instance),
            "INTAKE_DECISIONS": "ipc://" + self.directory.below("quota-decisions-*"),
            "INTAKE_GREETING_MS": "0", "SANGKIEN_DRAIN_MS": "8000", **settings}, instance, ready)
        return Intake(service, path)

    def edge(self, instance="intake-1"):
        return "ipc://" + self.directory.below(instance + ".edge")

    def reviews(self, instance="intake-1"):
        return "ipc://" + self.directory.below(instance + ".reviews")

    def reviewer(self, instance="intake-1"):
        """A quota of the test that takes reviews."""
        worker = Worker(self.reviews(instance), "KIND_REVIEW_REQUESTED", self.keys["quota"], self.keys["intake"][0])
        self._ends.append(worker)
        return worker

    def validation(self, instance="intake-1", service="validation"):
        worker = Worker(self.edge(instance), "KIND_SUBMISSION_RECEIVED", self.keys[service], self.keys["intake"][0])
        self._ends.append(worker)
        return worker

    def quota(self):
        """Says decisions to every intake."""
        upstream = Quota("ipc://" + self.directory.below("quota-decisions-1"), "KIND_DECISION_REACHED", self.keys["quota"])
        self._ends.append(upstream)
        return upstream

    def count(self, table="submission"):
        return self.postgresql.query(f"SELECT count(*) FROM {table}")[0][0]

    def close(self):
        for end in self._ends:
            end.close()


class Quota(Upstream):
    """Tells every intake."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.workers = set()

    def _hear(self, wait_ms):
        while self.socket.poll(wait_ms):
            worker, frame = self.socket.recv_multipart()
            if self.wire.Envelope.FromString(frame).kind == self.wire.KIND_READY:
                self.workers.add(worker)
            wait_ms = 0

    def has_workers(self, count=1):
        self._hear(10)
        return len(self.workers) >= count

    def decide(self, ids, status=2, **named):
        message = messages("submission")
        bodies = [message.DecisionReached(id=number, revision=1, status=status, phase=1,
                                          decided_at=int(datetime.now().timestamp() * 1e6), **named).SerializeToString()
                  for number in ids]
        items = [self.wire.Item(attempt=1, body=body) for body in bodies]
        for worker in self.workers:
            self.socket.send_multipart([worker, self._envelope(self.kind, items=items).SerializeToString()])


def take(worker, count, deadline=15, acknowledge=True):
    """That many SubmissionReceived, acknowledged."""
    taken = []

    def enough():
        batch = worker.take()
        if batch is not None:
            taken.extend(messages("submission").SubmissionReceived.FromString(body) for body in batch[1])
            if acknowledge:
                worker.acknowledge(batch[0])
        return len(taken) >= count

    await_condition(enough, deadline, f"{count} submissions from intake")
    return taken


def together(calls):
    """Calls all at once, each in a thread; their results in order."""
    results = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(index, call):
        start.wait()
        results[index] = call()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
