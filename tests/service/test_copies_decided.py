"""Signers, index owners and quota together, several of each: what becomes of copies when things are killed.

Would catch: a copy that counts beside its original, none of them that counts, a later received one that counts instead
of the earlier (law 3), a chain of duplicates that ends nowhere, a verdict of an owner that is gone (epochs), and less
quality through the service than over a file.
"""
import json
import os
import random
import runpy
import uuid

import psycopg2.extras
import pytest

from harness.process import ROOT
from harness.redis_server import Redis
from harness.waiting import await_condition

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.edge import Upstream, make_keys, messages  # noqa: E402

DATA = os.path.join(ROOT, "..", "shared", "data", "dedup")
TRUTH = os.path.join(DATA, "dev.jsonl")
CAMPAIGN, UNIT, SHARDS = 1, 2, 2
RECEIVED_FROM = 1700000000000000
COUNTED, DUPLICATE, UNDER_REVIEW = 2, 4, 1
BATCH = 40
PASSWORD = "0123456789abcdef"
ACL = f"user quota on >{PASSWORD} ~board:* +@all -@admin -@dangerous"
NEWEST = ("SELECT DISTINCT ON (submission_id) submission_id, status, duplicate_of, score FROM decision "
          "ORDER BY submission_id, revision DESC")


class World:
    def __init__(self, server, redis_server, directory, start_service):
        self.server, self.directory, self.start_service = server, directory, start_service
        self.keys_path = directory.below("keys")
        self.keys = make_keys(self.keys_path, ("intake", "validation", "deduplication", "quota", "notification"))
        self.common = {"SANGKIEN_KEYS": self.keys_path, "DEDUPLICATION_SHARDS": str(SHARDS)}
        with open(os.path.join(self.keys_path, "redis-quota.password"), "w", encoding="ascii") as file:
            file.write(PASSWORD + "\n")
        self.redis = redis_server.address
        self.services, self.bodies = {}, {}
        self.validation = Upstream("ipc://" + directory.below("validation-1"), "KIND_SUBMISSION_VALIDATED",
                                   self.keys["validation"])
        self.load_campaign()

    def load_campaign(self):
        with open(os.path.join(ROOT, "deploy", "campaigns", "demo.yaml"), encoding="utf-8") as file:
            self.server.query("INSERT INTO campaign (id, code, source, sha256) VALUES (1, 'demo', %s, '')", (file.read(),))
        self.server.query(
            "INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) VALUES "
            "(1, 1, 'VN', 'Gốc', 0, 0, false), (1, 2, 'A', 'A', 1, 1, true); "
            "UPDATE reference_version SET version = version + 1")

    def start(self, name):
        below = self.directory.below
        kind, number = name.rsplit("-", 1)
        pg = self.server.conninfo("sk_quota" if kind == "quota" else "sk_deduplication")
        settings = {
            "sign": {"DEDUPLICATION_ROLE": "sign", "DEDUPLICATION_UPSTREAM": "ipc://" + below("validation-*"),
                     "DEDUPLICATION_EDGE": "ipc://" + below("verdicts-" + number),
                     "DEDUPLICATION_ASK": "ipc://" + below("asks-" + number), "DEDUPLICATION_LEASE_MS": "1000"},
            "index": {"DEDUPLICATION_ROLE": "index", "DEDUPLICATION_SHARD": number,
                      "DEDUPLICATION_ASKERS": "ipc://" + below("asks-*")},
            "quota": {"SANGKIEN_REDIS": self.redis, "QUOTA_UPSTREAM": "ipc://" + below("verdicts-*"),
                      "QUOTA_REVIEWS": "ipc://" + below("reviews-*"),
                      "QUOTA_DECISIONS": "ipc://" + below("decisions-" + number),
                      "QUOTA_EDGE": "ipc://" + below("outbox-" + number)},
        }[kind]
        self.services[name] = self.start_service("quota" if kind == "quota" else "deduplication",
                                                 {**self.common, "SANGKIEN_PG": pg, **settings}, instance=name, ready=False)

    def start_all(self):
        for name in ("index-0", "index-1", "quota-1", "quota-2", "sign-1", "sign-2"):
            self.start(name)
        for name, service in self.services.items():
            service.await_ready(30)
            assert not name.startswith("sign") or await_condition(lambda name=name: self.validation.has_worker(name))
        return self

    def kill(self, name):
        self.services[name].kill()
        self.validation.forget(name)
        self.start(name)
        self.services[name].await_ready(30)
        if name.startswith("sign"):
            await_condition(lambda: self.validation.has_worker(name), 15, name)

    def store(self, texts, received):
        """Ids in the order given; `received`: the instant of each."""
        message = messages("submission")
        ids = [uuid.UUID(int=(number << 88) | random.getrandbits(88)) for number in range(len(texts))]
        rows = [(str(number), CAMPAIGN, UNIT, at, number.bytes, b"", 1, text, False)
                for number, at, text in zip(ids, received, texts)]
        connection = self.server.connect()
        with connection, connection.cursor() as cursor:
            psycopg2.extras.execute_values(
                cursor, "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
                "has_national_id) VALUES %s", rows,
                template="(%s, %s, %s, to_timestamp(0) + %s * interval '1 microsecond', %s, %s, %s, %s, %s)")
        connection.close()
        for number, at, text in zip(ids, received, texts):
            self.bodies[number] = message.SubmissionValidated(rules_version=1, submission=message.SubmissionReceived(
                id=number.bytes, campaign=CAMPAIGN, unit=UNIT, received_at=at, person=number.bytes,
                fields=message.Fields(description=text.encode()))).SerializeToString()
        return ids

    def undecided(self):
        decided = {uuid.UUID(row[0]) for row in self.server.query("SELECT DISTINCT submission_id FROM decision")}
        return [number for number in self.bodies if number not in decided]

    def hand_out(self, ids, signer):
        return [self.validation.hand_out([self.bodies[one] for one in ids[at:at + BATCH]], signer)
                for at in range(0, len(ids), BATCH)]

    def decide_all(self, deadline=90):
        """As the sweeper: what has no decision is handed out again."""
        for _ in range(20):
            left = self.undecided()
            if not left:
                return
            self.hand_out(left, "sign-1")
            try:
                await_condition(lambda: not self.undecided(), deadline / 20)
            except AssertionError:
                pass
        assert not self.undecided(), f"{len(self.undecided())} without a decision"

    def decisions(self):
        """{id: (status, duplicate_of)}"""
        return {uuid.UUID(number): (status, original and uuid.UUID(original))
                for number, status, original, _ in self.server.query(NEWEST)}


@pytest.fixture
def world(postgresql, run_directory, start_service):
    redis = Redis([ACL]).start()
    whole = World(postgresql, redis, run_directory, start_service)
    yield whole
    whole.validation.close()
    redis.remove()


def head_of(decisions, number):
    """An original that gave way to an earlier copy leaves a link behind it."""
    links = 0
    while decisions[number][0] == DUPLICATE:
        number, links = decisions[number][1], links + 1
        assert links < len(decisions), "a circle of duplicates"
    return number


def assert_chains_end(decisions):
    for number in decisions:
        assert decisions[head_of(decisions, number)][0] in (COUNTED, UNDER_REVIEW)


def test_of_copies_the_earliest_counts_whatever_is_killed(world):
    source = random.Random(3)
    letters = "abcdefghiklmnopqrstuvxy"

    def prose(words):
        return " ".join("".join(source.choice(letters) for _ in range(4)) for _ in range(words))

    originals = [prose(60) for _ in range(120)]
    texts = [source.choice(originals) for _ in range(900)]
    received = [RECEIVED_FROM + source.randrange(10 ** 9) for _ in texts]  # not the order of arrival
    world.start_all()
    ids = world.store(texts, received)
    for place, name in enumerate(("index-0", "sign-1", "quota-1", "index-1", "sign-2", "index-0")):
        part = ids[place * 150:(place + 1) * 150]
        world.hand_out(part[:75], "sign-1")
        world.hand_out(part[75:], "sign-2")
        world.kill(name)
    world.decide_all()
    decisions = world.decisions()
    assert_chains_end(decisions)
    earliest = {}
    for number, text, at in zip(ids, texts, received):
        earliest[text] = min(earliest.get(text, (at, number.bytes)), (at, number.bytes))
    wanted = {uuid.UUID(bytes=number) for _, number in earliest.values()}
    assert {number for number, (status, _) in decisions.items() if status != DUPLICATE} == wanted


@pytest.mark.skipif(not os.path.exists(TRUTH), reason="there is no ../shared/data/dedup")
def test_quality_through_the_service(world):
    """The labelled texts in order of arrival, in batches to two signers by turns, over two shards, from a cold start."""
    with open(TRUTH, encoding="utf-8") as file:
        truth = [json.loads(line) for line in file]
    world.start_all()
    ids = world.store([one["text"] for one in truth], [RECEIVED_FROM + place for place in range(len(truth))])
    for at in range(0, len(ids), 2 * BATCH):
        handed_out = world.hand_out(ids[at:at + BATCH], "sign-1") + world.hand_out(ids[at + BATCH:at + 2 * BATCH], "sign-2")
        await_condition(lambda handed_out=handed_out: all(world.validation.ack(one) for one in handed_out), 30)
    await_condition(lambda: not world.undecided(), 60, "every text to be decided")
    decisions = world.decisions()
    assert_chains_end(decisions)
    names = {number: one["id"] for number, one in zip(ids, truth)}
    answers = [{"id": names[number],
                "duplicate_of": names[head_of(decisions, number)] if decisions[number][0] == DUPLICATE else None}
               for number in ids]
    score = runpy.run_path(os.path.join(DATA, "score.py"))["score"](truth, answers)
    figures = {name: score[name] for name in ("precision", "recall", "f1", "macro_recall", "fp", "fn", "hn_fp")}
    print(figures)
    assert score["f1"] >= 0.985 and score["precision"] >= 0.99 and score["macro_recall"] >= 0.96, figures
