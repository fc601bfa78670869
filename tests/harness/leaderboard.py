"""A leaderboard with the system of record and the boards written by hand, and a client that checks every answer."""
import hashlib
import http.client
import json
import socket
import uuid

from .openapi import check, check_answer
from .waiting import PATIENCE_S

CAMPAIGN = """
code: trial
name: {vi: Thử, en: Trial}
opens_at: 2022-01-08T00:00:00+07:00
closes_at: 2100-01-01T00:00:00+07:00
versions:
  - version: 3
    holds_from: 2022-01-01T00:00:00+07:00
    description_characters_max: 2000
    fields: {required: [national_id], offered: [kind, title, applied_on]}
    categories:
      - {code: worker, name: {vi: Công nhân, en: Worker}}
    kinds:
      - {code: technical, name: {vi: Kỹ thuật, en: Technical}}
    applied_window: {from: 2021-09-01, to: 2022-09-01}
    phases:
      - {number: 1, name: {vi: Đợt 1, en: Round 1}, starts_at: 2022-01-08T00:00:00+07:00, ends_at: 2022-06-01T00:00:00+07:00}
      - {number: 2, name: {vi: Đợt 2, en: Round 2}, starts_at: 2022-06-01T00:00:00+07:00, ends_at: 2100-01-01T00:00:00+07:00}
    person_key: national_id
    duplicates: {exact_scope: nation, near_scope: top, near_threshold: 0.72}
    target: 1000
    support: {vi: Gọi 1900, en: Call 1900}
"""
UNITS = [(1, 0, "VN", "Việt Nam", 0, False), (2, 1, "01", "Hà Nội", 1, False), (3, 1, "24", "Bắc Giang", 1, False),
         (4, 1, "25", "Phú Thọ", 1, False), (5, 1, "38", "Thanh Hóa", 1, False), (6, 2, "01.018", "Gia Lâm", 2, True),
         (7, 2, "01.001", "Ba Đình", 2, True)]
ID = 7
UNDER_REVIEW, COUNTED, REJECTED = 1, 2, 3


class World:
    """The system of record and the boards, written as quota writes them."""

    def __init__(self, postgresql, redis_server):
        self.postgresql, self.redis = postgresql, redis_server
        self.sql("TRUNCATE campaign, unit, quota_target, unit_total, unit_day, board, submission, decision CASCADE")
        self.sql("INSERT INTO campaign (id, code, source, sha256) VALUES (%s, 'trial', %s, %s)",
                 (ID, CAMPAIGN, hashlib.sha256(CAMPAIGN.encode()).digest()))
        for number, parent, code, name, level, accepts in UNITS:
            self.sql("INSERT INTO unit VALUES (%s, %s, %s, %s, %s, %s, 0, %s)",
                     (ID, number, code, name, level, parent, accepts))
        self.changed_reference()
        self.parents = {number: parent for number, parent, *_ in UNITS}

    def sql(self, statement, values=None):
        return self.postgresql.query(statement, values)

    def changed_reference(self):
        self.sql("UPDATE reference_version SET version = version + 1")

    def totals(self, version, rows, phase=0):
        """rows: {unit: (entered, counted, people)}"""
        for unit, (entered, counted, people) in rows.items():
            self.sql("INSERT INTO unit_total (campaign_id, unit_id, phase, entered, counted, rejected, people) "
                     "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (campaign_id, unit_id, phase) DO UPDATE SET "
                     "entered = excluded.entered, counted = excluded.counted, rejected = excluded.rejected, "
                     "people = excluded.people",
                     (ID, unit, phase, entered, counted, entered - counted, people))
        self.version(version)

    def version(self, version):
        self.sql("INSERT INTO board (campaign_id, version) VALUES (%s, %s) "
                 "ON CONFLICT (campaign_id) DO UPDATE SET version = excluded.version", (ID, version))

    def boards(self, version, rows, phase=0, generation=1):
        client = self.redis.client()
        pipe = client.pipeline(transaction=True)
        for unit, (entered, counted, people) in rows.items():
            pipe.hset(f"board:{{c{ID}}}:g{generation}:{self.parents[unit]}:{phase}", unit,
                      f"{version} {entered} {counted} {people} 0")
        pipe.hset(f"board:{{c{ID}}}:meta", mapping={"generation": generation, "applied": version})
        pipe.execute()

    def both(self, version, rows, phase=0):
        self.totals(version, rows, phase)
        self.boards(version, rows, phase)

    def submission(self, unit=6):
        """The id of a new one."""
        number = uuid.uuid4()
        self.sql("INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
                 "has_national_id) VALUES (%s, %s, %s, '2022-02-01T00:00:00Z', 'p', 's', 1, 'secret text', false)",
                 (str(number), ID, unit))
        return number

    def decide(self, number, revision, status, phase=1, reasons="", score=None):
        self.sql("INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
                 "reasons, score, decided_at) VALUES (%s, %s, %s, 6, %s, %s, 3, %s, %s, '2022-02-01T00:00:01Z')",
                 (str(number), revision, ID, status, phase, reasons, score))


class Client:
    def __init__(self, path):
        self.path = path

    def connect(self):
        connection = http.client.HTTPConnection("leaderboard", timeout=PATIENCE_S)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(PATIENCE_S)
        connection.sock.connect(self.path)
        return connection

    def get(self, path, headers=None, method="GET"):
        connection = self.connect()
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            answer.text = answer.read().decode()
            return answer
        finally:
            connection.close()

    def json(self, path, status=200, headers=None):
        answer = self.get(path, headers)
        assert answer.status == status, answer.text
        assert answer.headers["X-Request-Id"]
        value = json.loads(answer.text)
        check_answer("GET", path, status, answer.headers["Content-Type"], value)
        return value

    def board(self, query=""):
        return self.json("/v1/campaigns/trial/board" + query)


SCHEMAS = {"board": "Board", "change": "BoardChange", "status": "Status"}


class Events:
    """A stream of events, read one at a time."""

    def __init__(self, client, path, headers=None):
        self.connection = client.connect()
        self.connection.request("GET", path, headers=headers or {})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def next(self, timeout=PATIENCE_S):
        """(name, id, data); None at the end."""
        self.connection.sock.settimeout(timeout)
        fields = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                return None
            line = line.rstrip("\n")
            if not line and fields:
                data = json.loads(fields["data"])
                check(data, {"$ref": "#/components/schemas/" + SCHEMAS[fields["event"]]})
                return fields["event"], int(fields["id"]), data
            if line and not line.startswith(":"):
                name, value = line.split(": ", 1)
                fields[name] = value

    def close(self):
        self.connection.close()


def start_leaderboard(start_service, run_directory, world, **settings):
    """The service; `.client` asks it."""
    openapi = run_directory.below("openapi.yaml")
    with open(openapi, "w", encoding="utf-8") as file:
        file.write("openapi: 3.1.0\n")
    listen = run_directory.below("l.sock")
    service = start_service("leaderboard", {
        "SANGKIEN_PG": world.postgresql.conninfo("sk_leaderboard"), "SANGKIEN_REDIS": world.redis.address,
        "LEADERBOARD_LISTEN": "unix:" + listen, "LEADERBOARD_OPENAPI": openapi, **settings})
    service.client = Client(listen)
    return service
