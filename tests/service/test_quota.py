"""The quota service as a whole, between a deduplication and an intake of the test.

Would catch: a verdict counted twice or not at all whatever is killed between commit, board and answer; the wrong one of
several copies; a verdict from a stale index; a board that skips a gap, stays empty or stays wrong.
"""
import collections
import os
import random
import uuid

import psycopg2.extras
import pytest

from harness.process import BUILD, ROOT
from harness.redis_server import Redis
from harness.waiting import await_condition

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness import books  # noqa: E402
from harness.edge import Upstream, Worker, make_keys, messages  # noqa: E402

CAMPAIGN = 7
PARENTS = {1: 0, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3, 7: 4, 8: 4}
UNDER_REVIEW, COUNTED, REJECTED, DUPLICATE = 1, 2, 3, 4
SECOND = 1000000
RECEIVED_FROM = 1700000000 * SECOND
PASSWORD = "0123456789abcdef"
ACL = f"user quota on >{PASSWORD} ~board:* +@all -@admin -@dangerous"


def load_campaign(server, units=PARENTS):
    with open(os.path.join(ROOT, "deploy", "campaigns", "demo.yaml"), encoding="utf-8") as file:
        server.query("INSERT INTO campaign (id, code, source, sha256) VALUES (%s, 'demo', %s, '')",
                     (CAMPAIGN, file.read()))
    # Submissions are received in the first quarter of an hour of what is 5:13 on the 15th in Vietnam.
    server.query("INSERT INTO quota_round VALUES (%s, 1, 'Một', 'One', '2023-11-15', '2023-11-15'), "
                 "(%s, 2, 'Hai', 'Two', '2023-11-16', '2023-11-30')", (CAMPAIGN, CAMPAIGN))
    for unit, parent in units.items():
        server.query("INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) "
                     "VALUES (%s, %s, %s, %s, %s, %s, true)",
                     (CAMPAIGN, unit, f"U{unit}", f"Đơn vị {unit}", min(unit // 2, 4), parent))
    server.query("UPDATE reference_version SET version = version + 1")


class World:
    def __init__(self, server, redis_server, directory, start_service):
        self.server, self.redis_server, self.directory, self.start_service = \
            server, redis_server, directory, start_service
        self.client = redis_server.client()
        keys = directory.below("keys")
        self.keys = make_keys(keys, ("intake", "deduplication", "quota", "notification"))
        with open(os.path.join(keys, "redis-quota.password"), "w", encoding="ascii") as file:
            file.write(PASSWORD + "\n")
        self.settings = {"SANGKIEN_PG": server.conninfo("sk_quota"), "SANGKIEN_REDIS": redis_server.address,
                         "SANGKIEN_KEYS": keys, "QUOTA_UPSTREAM": "ipc://" + directory.below("deduplication-*"),
                         "QUOTA_REVIEWS": "ipc://" + directory.below("reviews-*"),
                         "QUOTA_REDIS_TIMEOUT_MS": "500", "QUOTA_CREDIT": "64"}
        self.ends, self.services, self.answered = [], {}, collections.Counter()
        self.random = random.Random(7)
        self.units, self.received_us = list(PARENTS), 10 ** 9
        self.upstream = Upstream("ipc://" + directory.below("deduplication-1"), "KIND_VERDICT_REACHED",
                                 self.keys["deduplication"])
        self.ends.append(self.upstream)
        self.intakes = {}

    def start(self, instance="quota-1", **settings):
        decisions = "ipc://" + self.directory.below("decisions-" + instance)
        settings = {**self.settings, "QUOTA_DECISIONS": decisions,
                    "QUOTA_EDGE": "ipc://" + self.directory.below("outbox-" + instance), **settings}
        self.services[instance] = self.start_service("quota", settings, instance=instance, ready=False)
        await_condition(lambda: self.upstream.has_worker(instance), 15, f"{instance} to be ready for work")
        self.services[instance].await_ready()
        if instance not in self.intakes:
            self.intakes[instance] = Worker(decisions, "KIND_DECISION_REACHED", self.keys["intake"],
                                            self.keys["quota"][0])
            self.ends.append(self.intakes[instance])
        return self.services[instance]

    def restart(self, instance, **settings):
        assert self.services[instance].process.wait(10) == -9
        self.upstream.forget(instance)
        return self.start(instance, **settings)

    # Submissions and verdicts ----------------------------------------------------------------------------------------
    def submissions(self, count, texts=None):
        """Stored ones, of random units, persons and times: [(id, unit, person, received_at, digest)]"""
        made = []
        for _ in range(count):
            text = self.random.randrange(texts) if texts else uuid.uuid4().int
            made.append((uuid.uuid4(), self.random.choice(self.units), bytes([self.random.randrange(9)]) * 16,
                         RECEIVED_FROM + self.random.randrange(self.received_us), text.to_bytes(16, "big")))
        connection = self.server.connect()
        with connection, connection.cursor() as cursor:
            psycopg2.extras.execute_values(
                cursor, "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, "
                "description, has_national_id) VALUES %s",
                [(str(key), CAMPAIGN, unit, received_at, person, b"", 1, digest.hex(), False)
                 for key, unit, person, received_at, digest in made],
                template="(%s, %s, %s, to_timestamp(0) + %s * interval '1 microsecond', %s, %s, %s, %s, %s)")
        connection.close()
        return made

    def verdict(self, submission, status=COUNTED, consulted=(), **fields):
        key, unit, person, received_at, digest = submission
        message = messages("submission")
        return message.VerdictReached(
            id=key.bytes, campaign=CAMPAIGN, unit=unit, received_at=received_at, person=person, rules_version=1,
            status=status, digest=digest if status != REJECTED else b"", sketch=b"sketch",
            reasons=[message.Reason(code="too_long", field="description")] if status == REJECTED else [],
            consulted=[message.ShardEpoch(shard=shard, epoch=epoch) for shard, epoch in consulted],
            **fields).SerializeToString()

    def hand_out(self, bodies, instance=None):
        return self.upstream.hand_out(bodies, instance)

    def settled(self, handed_out, deadline=15):
        """The acknowledgement."""
        return await_condition(lambda: self.upstream.ack(handed_out), deadline, "the batch to be acknowledged")

    def decide(self, submissions, instance=None):
        ack = self.settled(self.hand_out([self.verdict(one) for one in submissions], instance))
        assert not ack.rejected
        return ack

    def hear_decisions(self, instance="quota-1"):
        """What the intake of the test has been told: {id: how often}."""
        taken = self.intakes[instance].take()
        for body in taken[1] if taken else ():
            decision = messages("submission").DecisionReached.FromString(body)
            self.answered[uuid.UUID(bytes=decision.id)] += 1
        return self.answered

    # What must hold --------------------------------------------------------------------------------------------------
    def expect_exact(self):
        assert books.stored_totals(self.server, CAMPAIGN) == books.recount(self.server, CAMPAIGN)
        assert books.stored_rounds(self.server, CAMPAIGN) == books.recount_rounds(self.server, CAMPAIGN)

    def expect_board(self, deadline=10):
        """The board comes to be what a recount gives, at PostgreSQL's version."""
        def is_right():
            version = books.board_version(self.server, CAMPAIGN)
            return books.board(self.client, CAMPAIGN) == (version, books.expected_board(self.server, CAMPAIGN))
        await_condition(is_right, deadline, "the board to be right")

    def expect_earliest_of_copies(self, submissions):
        standing = {uuid.UUID(key) for key, _, _, status, _ in books.latest_decisions(self.server, CAMPAIGN)
                    if status in (1, COUNTED)}
        by_text = collections.defaultdict(list)
        for key, _, _, received_at, digest in submissions:
            by_text[digest].append((received_at, key))
        assert standing == {min(copies, key=lambda copy: (copy[0], copy[1].bytes))[1] for copies in by_text.values()}

    def decision_count(self):
        return self.server.query("SELECT count(*), count(DISTINCT submission_id) FROM decision")[0]

    def close(self):
        for end in self.ends:
            end.close()


@pytest.fixture
def redis_with_users():
    server = Redis(acl=[ACL]).start()
    yield server
    server.remove()


@pytest.fixture
def world(postgresql, redis_with_users, run_directory, start_service):
    load_campaign(postgresql)
    whole = World(postgresql, redis_with_users, run_directory, start_service)
    yield whole
    whole.close()


def test_same_verdict_ten_times_counts_once(world):
    world.start()
    await_condition(lambda: world.hear_decisions() is not None and world.intakes["quota-1"].take() is None)
    submissions = world.submissions(60)
    bodies = [world.verdict(one, REJECTED if number % 6 == 0 else COUNTED) for number, one in enumerate(submissions)]
    acks = [world.settled(world.hand_out(bodies)) for _ in range(10)]
    assert not any(ack.rejected for ack in acks)
    assert world.decision_count() == (60, 60)
    assert books.board_version(world.server, CAMPAIGN) == 1
    world.expect_exact()
    world.expect_board()
    # Each time intakes are told, because the time before they may have been away.
    await_condition(lambda: min(world.hear_decisions().get(one[0], 0) for one in submissions) >= 9, 10)


@pytest.mark.skipif("address" in BUILD, reason="the address sanitizer keeps what is freed")
def test_memory_does_not_grow_with_what_is_decided(world):
    service = world.start()
    submissions = world.submissions(4000)

    def decide_from(first, last):
        for at in range(first, last, 100):
            world.decide(submissions[at:at + 100])
        return service.process.resident_bytes()

    before = decide_from(0, 1000)
    assert decide_from(1000, 4000) - before < 3 * 2 ** 20


def test_malformed_verdicts_are_refused_alone(world):
    service = world.start()
    good, other = world.submissions(2)
    handed_out = world.hand_out([world.verdict(good), b"\xff\xff", world.verdict(other, status=5),
                                 world.verdict(other, status=DUPLICATE)])
    ack = world.settled(handed_out)
    assert [(one.index, one.retry) for one in ack.rejected] == [(1, False), (2, False), (3, False)]
    assert world.decision_count() == (1, 1)
    assert service.metrics()["sangkien_quota_verdicts_malformed_total"] == 3


def test_what_a_text_is_under_review_for_is_kept(world):
    """R18: with its first decision, once, in the order that the verdict has; of no other decision."""
    world.start()
    head, near, grey, copy = world.submissions(4)
    world.decide([head, near])
    candidates = [messages("submission").Resemblance(id=text[0].bytes, score=score) for text, score in ((near, 0.7), (head, 0.65))]
    named = {"duplicate_of": near[0].bytes, "score": 0.7, "candidates": candidates}
    verdicts = [world.verdict(grey, status=UNDER_REVIEW, **named), world.verdict(copy, status=DUPLICATE, **named)]
    for _ in range(2):
        assert not world.settled(world.hand_out(verdicts)).rejected
    rows = world.server.query("SELECT submission_id, place, resembles, score FROM candidate ORDER BY place")
    assert [(str(row[0]), row[1], str(row[2]), row[3]) for row in rows] == [
        (str(grey[0]), 1, str(near[0]), 0.7), (str(grey[0]), 2, str(head[0]), 0.65)]
    one = world.submissions(1)[0]
    bad = world.verdict(one, candidates=[messages("submission").Resemblance(id=b"short", score=0.7)])
    assert [item.retry for item in world.settled(world.hand_out([bad])).rejected] == [False]


def test_the_phase_that_came_with_a_verdict_holds(world):
    """R20: it is that of the rules that judged it, though this version of them is not known here (yet)."""
    world.start()
    named, unnamed = world.submissions(2)
    message = messages("submission").VerdictReached.FromString(world.verdict(named, has_phase=True, phase=2))
    message.rules_version = 99
    world.settled(world.hand_out([message.SerializeToString(), world.verdict(unnamed)]))
    phases = dict(world.server.query("SELECT submission_id, phase FROM decision"))
    assert phases == {str(named[0]): 2, str(unnamed[0]): 1}
    world.expect_exact()


def test_waits_for_a_campaign_that_others_knew_before(world):
    world.start()
    submission = world.submissions(1)[0]
    world.server.query("DELETE FROM unit WHERE campaign_id = %s AND id = 8", (CAMPAIGN,))
    world.server.query("UPDATE reference_version SET version = version + 1")
    await_condition(lambda: len(world.services["quota-1"].log_events("reference_loaded")) >= 2)
    handed_out = world.hand_out([world.verdict((submission[0], 8, *submission[2:]))])
    world.server.query("INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) "
                       "VALUES (%s, 8, 'U8', 'Đơn vị 8', 4, 4, true)", (CAMPAIGN,))
    world.server.query("UPDATE reference_version SET version = version + 1")
    assert not world.settled(handed_out).rejected
    assert world.decision_count() == (1, 1)


def test_two_instances_at_once(world):
    world.start("quota-1")
    world.start("quota-2")
    submissions = world.submissions(900, texts=200)
    handed_out = []
    for _ in range(3):
        world.random.shuffle(submissions)
        for at in range(0, len(submissions), 90):
            bodies = [world.verdict(one) for one in submissions[at:at + 90]]
            handed_out += [world.hand_out(bodies, "quota-1"), world.hand_out(bodies, "quota-2")]
    for one in handed_out:
        assert not world.settled(one, 60).rejected
    world.expect_exact()
    world.expect_earliest_of_copies(submissions)
    world.expect_board()
    assert world.server.query("SELECT deadlocks FROM pg_stat_database WHERE datname = 'sangkien'") == [(0,)]


def test_verdicts_of_a_passed_epoch_are_asked_again(world):
    service = world.start()
    world.server.query("INSERT INTO index_shard (shard, epoch) VALUES (0, 5), (1, 9)")
    current, stale, unknown = world.submissions(3)
    ack = world.settled(world.hand_out([world.verdict(current, consulted=[(0, 5), (1, 9)]),
                                        world.verdict(stale, consulted=[(0, 5), (1, 8)]),
                                        world.verdict(unknown, consulted=[(2, 1)])]))
    taken = [messages("submission").VerdictTaken.FromString(result) for result in ack.results]
    assert [one.ask_again for one in taken] == [False, True, True]
    assert service.metrics()["sangkien_quota_verdicts_fenced_total"] == 2
    assert world.decision_count() == (1, 1)
    world.expect_exact()


def test_a_near_duplicate_of_nothing_is_asked_again(world):
    world.start()
    original, duplicate = world.submissions(2)
    body = world.verdict(duplicate, DUPLICATE, duplicate_of=original[0].bytes, score=0.8)
    ack = world.settled(world.hand_out([body]))
    assert messages("submission").VerdictTaken.FromString(ack.results[0]).ask_again
    world.decide([original])
    world.settled(world.hand_out([body]))
    assert world.decision_count() == (2, 2)
    world.expect_exact()


@pytest.mark.parametrize("place", ["before-commit", "after-commit", "after-board", "after-answer"])
def test_killed_in_between(world, place):
    world.start()
    first, second = world.submissions(80, texts=30), world.submissions(40)
    world.decide(first)
    world.services["quota-1"].kill()
    world.restart("quota-1", SANGKIEN_FAILPOINT="quota-" + place)
    bodies = [world.verdict(one) for one in second]
    world.hand_out(bodies)
    world.restart("quota-1")
    handed_out = world.hand_out(bodies)
    assert not world.settled(handed_out).rejected
    assert world.decision_count()[1] == len(first) + len(second)
    world.expect_exact()
    world.expect_board()

    def told():
        """A decision made before the crash is told again with each verdict that comes again."""
        world.settled(world.hand_out(bodies))
        return all(one[0] in world.hear_decisions() for one in second)

    await_condition(told, 10, "intakes to be told")
    assert world.decision_count()[1] == len(first) + len(second)


def test_a_gap_is_never_shown_as_applied(world):
    world.start("quota-1", SANGKIEN_FAILPOINT="quota-after-commit")
    world.start("quota-2")
    lost, later = world.submissions(30), world.submissions(30)
    world.hand_out([world.verdict(one) for one in lost], "quota-1")
    assert world.services["quota-1"].process.wait(10) == -9
    assert books.board_version(world.server, CAMPAIGN) == 1
    right = {}
    seen = []

    def look():
        version, rows = books.board(world.client, CAMPAIGN)
        seen.append(version)
        if version == 2:
            right.update(rows)
        return version == 2

    world.decide(later, "quota-2")
    await_condition(look, 10, "the gap to be mended")
    assert set(seen) <= {0, 2}, "version 2 came without version 1"
    assert right == books.expected_board(world.server, CAMPAIGN)


def test_an_emptied_redis_is_filled_again(world):
    world.start()
    everything = []
    for _ in range(6):
        batch = world.submissions(50, texts=400)
        everything += batch
        world.client.flushall()
        world.decide(batch)
    world.expect_board()
    world.expect_exact()
    world.client.flushall()
    world.expect_board(5)
    # Nothing of earlier generations is left.
    generations = {key.decode().split(":")[2] for key in world.client.keys("board:*:g*:*")}
    await_condition(lambda: len({key.decode().split(":")[2] for key in world.client.keys("board:*:g*:*")}) == 1, 10,
                    f"one generation of {generations}")
    world.expect_earliest_of_copies(everything)


def test_an_older_board_that_came_back_is_replaced(world):
    world.start()
    world.decide(world.submissions(40))
    world.expect_board()
    old = {key: world.client.dump(key) for key in world.client.keys("board:*")}
    for _ in range(5):
        world.decide(world.submissions(20))
    world.client.flushall()
    for key, value in old.items():
        world.client.restore(key, 0, value, replace=True)
    world.expect_board()
    # And one of another history, ahead of PostgreSQL.
    world.client.hset(f"board:{{c{CAMPAIGN}}}:meta", "applied", 999)
    world.expect_board()
    assert world.services["quota-1"].log_events("board_of_another_history")


def test_goes_on_without_redis(world):
    world.start()
    world.decide(world.submissions(20))
    world.redis_server.stop()
    for _ in range(4):
        world.decide(world.submissions(20))
    await_condition(lambda: world.services["quota-1"].get("/readyz")[0] == 503)
    world.redis_server.start()
    world.client = world.redis_server.client()
    world.expect_board()
    world.services["quota-1"].await_ready()
    world.expect_exact()


def test_a_redis_that_hangs_holds_nothing_up(world):
    world.start()
    world.decide(world.submissions(20))
    world.client.execute_command("CLIENT", "PAUSE", "4000", "ALL")
    for _ in range(4):
        world.decide(world.submissions(20))
    world.expect_exact()
    world.expect_board(15)


def test_goes_on_after_a_crash_of_postgresql(world):
    world.start()
    submissions = world.submissions(400, texts=100)
    handed_out = [world.hand_out([world.verdict(one) for one in submissions[at:at + 50]]) for at in range(0, 400, 50)]
    world.server.stop(immediate=True)
    world.server.start()
    for one in handed_out:
        assert not world.settled(one, 30).rejected
    assert world.decision_count()[1] == 400
    world.expect_exact()
    world.expect_earliest_of_copies(submissions)
    world.expect_board()


def test_drains(world):
    service = world.start()
    handed_out = world.hand_out([world.verdict(one) for one in world.submissions(300)])
    assert service.stop() == 0
    ack = world.upstream.ack(handed_out)
    # Either it was decided and acknowledged, or it had not been taken yet.
    assert world.decision_count() == ((300, 300) if ack else (0, 0))
