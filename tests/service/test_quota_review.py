"""Reviews at quota: between an intake and a deduplication of the test, with a real PostgreSQL and Redis.

Would catch: a review that is made twice or not at all whatever is killed between commit, board and answer; two reviewers
who both believe to have decided; an original that falls without its copies; a total, person, phase, day or board that a
review leaves wrong; a decision that the log does not tell.
"""
import random
import uuid

import pytest

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness import books  # noqa: E402
from harness.edge import Upstream  # noqa: E402
from harness.reviews import outcome, review  # noqa: E402
from harness.waiting import await_condition  # noqa: E402
from test_quota import CAMPAIGN, COUNTED, DUPLICATE, REJECTED, World, load_campaign  # noqa: E402
from test_quota import redis_with_users  # noqa: E402, F401 pylint: disable=unused-import

UNDER_REVIEW, REVOKED = 1, 5
LAN, MINH = uuid.UUID(int=1), uuid.UUID(int=2)


class Desk:
    """The intake's end of reviews."""

    def __init__(self, world):
        self.world = world
        self.upstream = Upstream("ipc://" + world.directory.below("reviews-1"), "KIND_REVIEW_REQUESTED",
                                 world.keys["intake"])
        world.ends.append(self.upstream)

    def ready(self, instance="quota-1"):
        await_condition(lambda: self.upstream.has_worker(instance), 15, f"{instance} to be ready for reviews")

    def hand_out(self, *reviews, instance=None):
        return self.upstream.hand_out(list(reviews), instance)

    def outcomes(self, handed_out):
        ack = await_condition(lambda: self.upstream.ack(handed_out), 20, "the reviews to be answered")
        assert not ack.rejected, ack
        return [outcome(result) for result in ack.results]

    def ask(self, submission, act, token=LAN, **named):
        """(outcome's word, revision, status)"""
        return self.outcomes(self.hand_out(review(submission[0], act, token, **named)))[0]


@pytest.fixture
def world(postgresql, redis_with_users, run_directory, start_service):  # noqa: F811 pylint: disable=redefined-outer-name
    load_campaign(postgresql)
    whole = World(postgresql, redis_with_users, run_directory, start_service)
    whole.desk = Desk(whole)
    yield whole
    whole.close()


def start(world):
    world.start()
    world.desk.ready()


def statuses(world, *submissions):
    latest = {uuid.UUID(key): status for key, _, _, status, _ in books.latest_decisions(world.server, CAMPAIGN)}
    return [latest[one[0]] for one in submissions]


def expect_all(world):
    """Totals, days, people and board are what a recount gives, and each person's decision is in the log, once."""
    world.expect_exact()
    world.expect_board()
    sums = world.server.query(
        "SELECT t.unit_id, t.phase FROM unit_total t LEFT JOIN (SELECT unit_id, 0 AS phase, sum(counted) AS counted, "
        "sum(newcomers) AS people FROM unit_day GROUP BY 1 UNION ALL SELECT unit_id, phase, sum(counted), sum(people) "
        "FROM unit_day WHERE phase <> 0 GROUP BY 1, 2) d USING (unit_id, phase) "
        "WHERE (coalesce(d.counted, 0), coalesce(d.people, 0)) <> (t.counted, t.people)")
    assert sums == []
    assert world.server.query("SELECT sum(awarded) FROM unit_total")[0][0] in (0, None)
    untold = world.server.query(
        "SELECT submission_id, revision FROM (SELECT * FROM decision WHERE decided_by = 1) d FULL JOIN (SELECT * FROM "
        "audit_log WHERE act <> 'consequence') a USING (submission_id, revision) "
        "WHERE d.status IS DISTINCT FROM a.status_to OR d.decided_at IS DISTINCT FROM a.at")
    assert untold == []


def test_each_act_moves_everything_once(world):
    start(world)
    submissions = world.submissions(20, texts=8)
    world.decide(submissions)
    refused = world.submissions(1)[0]
    world.settled(world.hand_out([world.verdict(refused, REJECTED)]))
    counted = next(one for one in submissions if statuses(world, one) == [COUNTED])
    assert world.desk.ask(counted, "revoke") == ("made", 2, REVOKED)
    expect_all(world)
    assert world.desk.ask(refused, "count") == ("made", 2, COUNTED)
    expect_all(world)
    assert world.desk.ask(refused, "reject") == ("made", 3, REJECTED)
    expect_all(world)
    rows = world.server.query("SELECT number, act, token_id, status_from, status_to, revision, reason FROM audit_log "
                              "WHERE submission_id = %s ORDER BY number", (str(refused[0]),))
    assert [row[1:] for row in rows] == [("count", str(LAN), REJECTED, COUNTED, 2, "Đã xem xét"),
                                         ("reject", str(LAN), COUNTED, REJECTED, 3, "Đã xem xét")]


def test_the_same_review_again_is_made_once(world):
    start(world)
    submission = world.submissions(1)[0]
    world.decide([submission])
    assert world.desk.ask(submission, "revoke", seen=1) == ("made", 2, REVOKED)
    version = books.board_version(world.server, CAMPAIGN)
    for _ in range(3):
        assert world.desk.ask(submission, "revoke", seen=1) == ("repeated", 2, REVOKED)
    assert world.desk.ask(submission, "revoke", MINH) == ("conflict", 2, REVOKED)
    assert books.board_version(world.server, CAMPAIGN) == version
    expect_all(world)


def test_of_two_reviewers_together_one_is_told_what_happened(world):
    """On two instances at the same time, a hundred times: always exactly one has decided."""
    start(world)
    world.start("quota-2")
    world.desk.ready("quota-2")
    submissions = world.submissions(30)
    world.decide(submissions, "quota-1")
    for submission in submissions:
        first = world.desk.hand_out(review(submission[0], "revoke", LAN, seen=1), instance="quota-1")
        second = world.desk.hand_out(review(submission[0], "reject", MINH, seen=1), instance="quota-2")
        both = world.desk.outcomes(first) + world.desk.outcomes(second)
        assert sorted(one[0] for one in both) == ["conflict", "made"], both
        made = next(one for one in both if one[0] == "made")
        assert both[0][1:] == both[1][1:] == made[1:], "the other one is told what stands"
    expect_all(world)
    assert world.server.query("SELECT count(*), max(number) FROM audit_log") == [(30, 30)]


def test_an_original_that_stops_counting_puts_its_copies_under_review(world):
    """Law 3; and a reviewer may count a duplicate."""
    start(world)
    submissions = world.submissions(5, texts=1)
    world.decide(submissions)
    submissions.sort(key=lambda one: (one[3], one[0].bytes))
    original, *copies = submissions
    assert statuses(world, *submissions) == [COUNTED] + [DUPLICATE] * 4
    assert world.desk.ask(copies[3], "count") == ("made", 2, COUNTED)
    expect_all(world)
    assert world.desk.ask(original, "revoke") == ("made", 2, REVOKED)
    assert statuses(world, *submissions) == [REVOKED] + [UNDER_REVIEW] * 3 + [COUNTED]
    expect_all(world)
    acts = world.server.query("SELECT act, count(*), count(DISTINCT token_id) FROM audit_log GROUP BY act ORDER BY act")
    assert acts == [("consequence", 3, 1), ("count", 1, 1), ("revoke", 1, 1)]


def test_copies_stand_behind_the_head_when_one_between_is_refused(world):
    """Of exact copies the earliest counts, though decided last; who gave way to it has a copy of its own behind it."""
    start(world)
    earliest, first, copy = sorted(world.submissions(3, texts=1), key=lambda one: (one[3], one[0].bytes))
    for one in (first, copy, earliest):
        world.decide([one])
    assert statuses(world, earliest, first, copy) == [COUNTED, DUPLICATE, DUPLICATE]
    assert world.desk.ask(first, "reject")[0] == "made"
    assert statuses(world, earliest, first, copy) == [COUNTED, REJECTED, DUPLICATE]
    named = world.server.query("SELECT duplicate_of FROM decision WHERE submission_id = %s ORDER BY revision DESC LIMIT 1",
                               (str(copy[0]),))
    assert named == [(str(earliest[0]),)]
    expect_all(world)
    assert world.desk.ask(earliest, "revoke")[0] == "made"
    assert statuses(world, earliest, first, copy) == [REVOKED, REJECTED, UNDER_REVIEW]
    expect_all(world)


def test_a_verdict_that_comes_late_changes_nothing(world):
    start(world)
    submission, pending = world.submissions(2)
    body = world.verdict(submission)
    world.settled(world.hand_out([body]))
    assert world.desk.ask(submission, "reject") == ("made", 2, REJECTED)
    world.settled(world.hand_out([body]))
    assert statuses(world, submission) == [REJECTED]
    assert world.desk.ask(pending, "count")[0] == "undecided"
    world.settled(world.hand_out([world.verdict(pending)]))
    assert world.desk.ask(pending, "reject", seen=1) == ("made", 2, REJECTED)
    expect_all(world)


def test_malformed_and_expired_reviews(world):
    start(world)
    submission = world.submissions(1)[0]
    world.decide([submission])
    handed_out = world.desk.hand_out(b"\xff\xff", review(submission[0], "count", LAN)[:-30],
                                     review(submission[0], "reject", LAN, expires_s=-1))
    ack = await_condition(lambda: world.desk.upstream.ack(handed_out), 20)
    assert [(one.index, one.retry) for one in ack.rejected] == [(0, False), (1, False)]
    assert outcome(ack.results[2])[0] == "expired"
    assert statuses(world, submission) == [COUNTED]


@pytest.mark.parametrize("place", ["quota-before-commit", "quota-after-commit", "quota-after-board",
                                   "quota-before-review-answer"])
def test_killed_in_between_the_retry_gets_the_right_answer(world, place):
    start(world)
    submission = world.submissions(1)[0]
    world.decide([submission])
    world.services["quota-1"].kill()
    world.restart("quota-1", SANGKIEN_FAILPOINT=place)
    world.desk.upstream.forget("quota-1")
    world.desk.ready()
    asked = review(submission[0], "revoke", LAN, seen=1)
    world.desk.hand_out(asked)
    world.restart("quota-1")
    world.desk.upstream.forget("quota-1")
    world.desk.ready()
    word, revision, status = world.desk.outcomes(world.desk.hand_out(asked))[0]
    assert (word, revision, status) == ("made" if place == "quota-before-commit" else "repeated", 2, REVOKED)
    expect_all(world)
    assert world.server.query("SELECT count(*) FROM audit_log") == [(1,)]


@pytest.mark.parametrize("seed", [1])
def test_any_order_of_submissions_verdicts_and_reviews(world, seed):
    """The property: totals are a recount, each person counted once, whatever comes when, twice or from two instances."""
    chance = random.Random(seed)
    start(world)
    world.start("quota-2")
    world.desk.ready("quota-2")
    both = ("quota-1", "quota-2")
    everything, handed_out, asked, outcomes = [], [], [], []
    for _ in range(12):
        fresh = world.submissions(chance.randrange(1, 12), texts=15)
        everything += fresh
        bodies = [world.verdict(one, REJECTED if chance.random() < 0.2 else COUNTED)
                  for one in chance.sample(everything, min(len(everything), 10))]
        handed_out.append(world.hand_out(bodies, chance.choice(both)))
        asked += [world.desk.hand_out(*(
            review(chance.choice(everything)[0], chance.choice(("count", "reject", "revoke")),
                   chance.choice((LAN, MINH)), chance.choice(("một", "hai"))) for _ in range(3)), instance=instance)
            for instance in both]
        if len(asked) > 4:  # within the credit
            outcomes += world.desk.outcomes(asked.pop(0)) + world.desk.outcomes(asked.pop(0))
    handed_out.append(world.hand_out([world.verdict(one) for one in everything], "quota-1"))
    for one in handed_out:
        assert not world.settled(one, 60).rejected
    outcomes += [one for left in asked for one in world.desk.outcomes(left)]
    made = [one for one in outcomes if one[0] == "made"]
    assert len(made) == world.server.query("SELECT count(*) FROM audit_log WHERE act <> 'consequence'")[0][0] > 0
    expect_all(world)
