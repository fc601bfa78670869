"""POST /v1/submissions/{code}/review at intake, with a quota of the test.

Would catch: a review by who may not, or of what is not there; one that is said to be made while quota is away, or to have
failed while nobody knows; one that waits for ever; a conflict that does not say what happened.
"""
import threading
import time
import uuid

import pytest

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.edge import messages  # noqa: E402
from harness.intake import fields  # noqa: E402
from harness.waiting import await_condition  # noqa: E402

COUNTED, DUPLICATE, REVOKED = 2, 4, 5


@pytest.fixture
def desk(intake_world):
    """An intake with a submission in A1 that was decided, and a reviewer's token over all."""
    return Desk(intake_world)


class Desk:
    def __init__(self, world):
        self.world = world
        self.intake = world.start()
        self.token = world.add_token("reviewer")
        self.code, self.id = self.submit("A1")
        self.decide(self.id)
        await_condition(lambda: self.review(token=self.token).status != 401, 10, "the token to be known")

    def submit(self, unit="A1"):
        receipt = self.intake.request(fields(uuid.uuid4().int % 10 ** 8, unit=unit, description=uuid.uuid4().hex)).json()
        return receipt["tracking_code"], uuid.UUID(receipt["id"])

    def decide(self, key, status=COUNTED, revision=1):
        self.world.postgresql.query(
            "INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
            "decided_at) VALUES (%s, %s, 1, 3, %s, 1, 1, now())", (str(key), revision, status))

    def review(self, act="revoke", code=None, **named):
        return self.intake.review(code or self.code, act, **{"token": self.token, **named})

    def open_quota(self):
        """A quota that answers each review by what `outcome` says of it; the reviews it got."""
        worker, self.got, self.outcome = self.world.reviewer(), [], None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(worker,), daemon=True)
        self.thread.start()
        await_condition(lambda: self.review(reason="Thử nối").status == 200, 15, "quota to be heard")
        self.got.clear()

    def _serve(self, worker):
        message = messages("submission")
        while not self.stopped.is_set():
            batch = worker.take()
            if batch is None:
                continue
            asked = [message.ReviewRequested.FromString(body) for body in batch[1]]
            self.got += asked
            results = [self.answer(message, one) for one in asked]
            if None not in results:
                worker.acknowledge(batch[0], results=[result.SerializeToString() for result in results])

    def answer(self, message, asked):
        made = {"outcome": message.REVIEW_OUTCOME_MADE, "revision": asked.seen + 1, "status": asked.status,
                "decided_by": 1, "decided_at": int(time.time() * 1e6), "phase": 1}
        change = self.outcome(asked) if self.outcome else {}
        return None if change is None else message.ReviewTaken(**{**made, **change})

    def close(self):
        if hasattr(self, "stopped"):
            self.stopped.set()
            self.thread.join()


@pytest.fixture
def quota(desk):
    desk.open_quota()
    yield desk
    desk.close()


def test_answered_by_what_quota_made(quota):
    answer = quota.review("revoke", reason=" Gửi  nhầm\tđơn vị ")
    assert answer.status == 200
    body = answer.json()
    assert (body["status"], body["revision"], body["unit"], body["phase"]) == ("revoked", 2, "A1", 1)
    assert [step["status"] for step in body["history"]] == ["received", "counted", "revoked"]
    assert (body["tracking_code"], body["decided_at"]) == (quota.code, body["history"][-1]["at"])
    asked = quota.got[-1]
    (token_id,), = quota.world.postgresql.query("SELECT id FROM token WHERE role = 'reviewer'")
    assert (asked.id, asked.token) == (quota.id.bytes, uuid.UUID(token_id).bytes)
    assert (asked.status, asked.seen, asked.reason.decode()) == (REVOKED, 1, "Gửi  nhầm đơn vị")
    assert 0 < asked.expires_at / 1e6 - time.time() < 60


def test_who_may_not(quota):
    world = quota.world
    good, other = world.add_token("reviewer", 1, 2), world.add_token("reviewer", 1, 4)
    unscoped = {"officer": world.add_token("officer"), "operator": world.add_token("operator")}
    elsewhere, late = world.add_token("reviewer", 2, 2), world.add_token("reviewer", expires="3 seconds")
    revoked = world.add_token("reviewer")
    await_condition(lambda: quota.review(token=revoked).status == 200, 10, "the tokens to be known")
    assert quota.review(token=good).status == 200
    assert (quota.review(token=None).status, quota.review(token="x").status) == (401, 401)
    for token in (other, elsewhere, *unscoped.values()):
        answer = quota.review(token=token)
        assert (answer.status, answer.code()) == (403, "out_of_scope")
    world.postgresql.query("UPDATE token SET revoked_at = now() WHERE id = (SELECT id FROM token ORDER BY created_at DESC "
                           "LIMIT 1)")
    world.tokens_changed()
    await_condition(lambda: quota.review(token=revoked).status == 401, 10, "the revoked token to be refused")
    await_condition(lambda: quota.review(token=late).status == 401, 10, "the expired token to be refused")


def test_what_is_not_there(quota):
    asked = len(quota.got)
    last = quota.code[-1]
    typo = quota.review(code=quota.code[:-1] + ("0" if last != "0" else "1"))
    assert (typo.status, typo.code()) == (404, "not_found")
    code, key = quota.submit()
    quota.world.postgresql.query("DELETE FROM submission WHERE id = %s", (str(key),))
    gone = quota.review(code=code)
    assert (gone.status, gone.code()) == (404, "not_found")
    early = quota.review(code=quota.submit()[0])
    assert (early.status, early.code()) == (409, "not_decided_yet")
    assert len(quota.got) == asked


@pytest.mark.parametrize("body,expected", [
    ("{", 400), ('{"decision":"count","decision":"count","reason":"x"}', 400),
    ("{}", [("decision", "required"), ("reason", "required")]),
    ('{"decision":"award","reason":"x"}', [("decision", "invalid")]),
    ('{"decision":1,"reason":"x"}', [("decision", "invalid")]),
    ('{"decision":"count","reason":"  "}', [("reason", "required")]),
    ('{"decision":"count","reason":"x","more":1}', [("more", "unknown_field")]),
    ('{"decision":"count","reason":"x","revision":0}', [("revision", "invalid")]),
    ('{"decision":"count","reason":"' + "ệ" * 501 + '"}', [("reason", "too_long")]),
])
def test_what_is_no_review(desk, body, expected):
    answer = desk.review(body=body)
    if expected == 400:
        assert answer.status == 400
    else:
        assert answer.status == 422 and sorted(answer.errors()) == sorted(expected)


def test_500_characters_and_a_revision_are_taken(quota):
    reason = "ệ" * 500
    answer = quota.review(body='{"decision":"count","reason":"' + reason + '","revision":7}')
    assert answer.status == 200
    assert (quota.got[-1].seen, quota.got[-1].reason.decode()) == (7, reason)


def test_a_conflict_says_what_happened(quota):
    message = messages("submission")
    quota.outcome = lambda asked: {"outcome": message.REVIEW_OUTCOME_CONFLICT, "status": COUNTED, "revision": 3}
    answer = quota.review()
    assert (answer.status, answer.code()) == (409, "already_decided")
    current = answer.json()["current"]
    assert (current["status"], current["revision"], current["decided_by"]) == ("counted", 3, "reviewer")


def test_a_repeat_is_answered_as_the_first_time(quota):
    message = messages("submission")
    quota.decide(quota.id, REVOKED, 2)
    quota.outcome = lambda asked: {"outcome": message.REVIEW_OUTCOME_REPEATED, "revision": 2}
    answer = quota.review()
    assert answer.status == 200 and answer.json()["revision"] == 2
    assert [step["status"] for step in answer.json()["history"]] == ["received", "counted", "revoked"]


def test_without_quota_nothing_is_begun(desk):
    answer = desk.review()
    assert (answer.status, answer.code()) == (503, "unavailable")


def test_without_postgresql_nothing_is_begun(own_intake_world):
    desk = Desk(own_intake_world)
    desk.open_quota()
    own_intake_world.postgresql.stop(immediate=True)
    answer = desk.review()
    assert (answer.status, answer.code()) == (503, "unavailable") and desk.got == []
    own_intake_world.postgresql.start()
    await_condition(lambda: desk.review().status == 200, 20, "PostgreSQL to be found again")
    desk.close()


def test_quota_that_does_not_answer_is_an_unknown_outcome(quota):
    quota.outcome = lambda asked: None
    answer = quota.review()
    assert (answer.status, answer.code()) == (504, "outcome_unknown")
    message = messages("submission")
    # Given up by quota: after a loss of PostgreSQL nobody knows either.
    quota.outcome = lambda asked: {"outcome": message.REVIEW_OUTCOME_NOT_NOW}
    assert quota.review().status == 504


def test_a_quota_that_comes_back_in_time_answers(quota):
    """Killed between commit and answer: the next one gets the review again and knows it."""
    asked = []

    def first_time_silent(review):
        asked.append(review)
        return None if len(asked) == 1 else {}

    quota.outcome = first_time_silent
    done = []
    thread = threading.Thread(target=lambda: done.append(quota.review()))
    thread.start()
    await_condition(lambda: asked, 10, "the review to be handed out")
    quota.close()
    other = quota.world.reviewer()
    message = messages("submission")

    def taken():
        batch = other.take()
        if batch is not None:
            again = message.ReviewRequested.FromString(batch[1][0])
            assert again == asked[0]
            other.acknowledge(batch[0], results=[quota.answer(message, again).SerializeToString()])
        return done
    await_condition(taken, 15, "the review to be answered")
    thread.join()
    assert done[0].status in (200, 504)
