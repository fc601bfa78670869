"""From the receipt to the decision: the window, the sweeper, Prefer: wait, poison.

Would catch: a committed submission that nobody ever decides, a backlog sent twice or out of bounds, a stage that is down
and stops intake, a decision lost on its way to whom it was promised, and poison that goes round for ever.
"""
import threading
import uuid
from collections import Counter
from itertools import count

import pytest

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.edge import messages  # noqa: E402
from harness.intake import fields, take, together  # noqa: E402
from harness.waiting import await_condition  # noqa: E402


def decide(world, ids, status=2, revision=1):
    """As quota writes it, without its totals."""
    connection = world.postgresql.connect()
    with connection, connection.cursor() as cursor:
        for number in ids:
            cursor.execute("INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
                           "decided_at) VALUES (%s, %s, 1, 2, %s, 1, 1, now())", (str(uuid.UUID(bytes=number)), revision, status))
    connection.close()


def metric(intake, name):
    return intake.service.metrics()["sangkien_intake_" + name]


def test_message_says_what_was_submitted(intake_world):
    intake = intake_world.start()
    worker = intake_world.validation()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    receipt = intake.request(fields(1, national_id="123456789", category="c", title="t", applied_on="1970-01-03",
                                    benefit_vnd=7, authors=2, lead_author=False, evidence_url="https://a.vn"),
                             traceparent=trace).json()
    message = take(worker, 1)[0]
    assert uuid.UUID(bytes=message.id) == uuid.UUID(receipt["id"])
    assert (message.campaign, message.unit, len(message.person)) == (1, 2, 16)
    got = message.fields
    assert (got.block, got.category, got.title, got.description.decode()) == (1, b"c", b"t", "Cải tiến số 1")
    assert got.has_applied_on and got.applied_on == 2 and not got.has_recognized_on
    assert got.has_benefit_vnd and got.benefit_vnd == 7 and got.authors == 2 and not got.lead_author
    assert got.evidence_url == b"https://a.vn" and got.has_national_id
    for secret in (b"123456789", b"900000001", "Hoà".encode()):
        assert secret not in message.SerializeToString()


def test_one_and_the_same_message_again(intake_world):
    """What the sweeper reads from PostgreSQL is what was sent the first time."""
    intake = intake_world.start(INTAKE_LEASE_MS="1000")
    worker = intake_world.validation()
    intake.request(fields(1, category="c", kind="k", title="t", applied_on="2021-03-01", recognized_on="2021-03-02",
                          recognized_by="r", benefit_vnd=5, benefit_social="s", evidence_url="https://a.vn", ip_protected=True,
                          authors=3, lead_author=False, accepted_on="2021-03-03", national_id="123456789"))
    first = take(worker, 1)[0]
    again = take(worker, 1)[0]
    assert again.SerializeToString() == first.SerializeToString()


def test_waits_for_the_verdict(intake_world):
    intake = intake_world.start()
    worker, quota = intake_world.validation(), intake_world.quota()
    await_condition(quota.has_workers)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(intake.submit(1, Prefer="respond-async, wait=10")))
    thread.start()
    number = take(worker, 1)[0].id
    message = messages("submission")
    quota.decide([number], status=3, reasons=[message.Reason(code="required", field="title"), message.Reason(code="duplicate")],
                 similar=[0.5])
    thread.join()
    answer = answers[0]
    assert answer.status == 200
    status = answer.json()
    assert uuid.UUID(status["id"]).bytes == number and status["status"] == "rejected"
    assert [(reason["code"], reason["field"]) for reason in status["reasons"]] == [("required", "title"), ("duplicate", None)]
    assert status["campaign"] == "demo" and status["unit"] == "A" and status["similar"] == [{"score": 0.5}]
    assert [change["status"] for change in status["history"]] == ["received", "rejected"]
    assert status["status_url"].endswith(status["tracking_code"]) and status["received_at"] and status["decided_at"]
    await_condition(lambda: metric(intake, "window_submissions") == 0)


def test_waits_no_longer_than_asked(intake_world):
    intake = intake_world.start()
    answer = intake.submit(1, Prefer="wait=1")
    assert answer.status == 202 and set(answer.json()) == {"id", "tracking_code", "received_at", "status_url"}
    assert intake.submit(2, Prefer="wait=0").status == 202


def test_repeat_that_waits_is_told_the_verdict(intake_world):
    intake = intake_world.start()
    worker, quota = intake_world.validation(), intake_world.quota()
    await_condition(quota.has_workers)
    first = intake.submit(1, Idempotency_Key="a").json()
    number = take(worker, 1)[0].id
    # Decided while the repeat waits.
    calls = threading.Thread(target=lambda: answers.append(intake.submit(1, Idempotency_Key="a", Prefer="wait=10")))
    answers = []
    calls.start()
    await_condition(lambda: metric(intake, "replayed_submissions_total") == 1)
    decide(intake_world, [number])
    quota.decide([number])
    calls.join()
    assert answers[0].status == 200 and answers[0].json()["status"] == "counted"
    # Decided before: at once, and the newest revision.
    decide(intake_world, [number], status=5, revision=2)
    later = intake.submit(1, Idempotency_Key="a", Prefer="wait=10")
    assert later.status == 200 and later.json()["status"] == "revoked"
    assert later.json()["id"] == answers[0].json()["id"] == first["id"]
    assert intake.submit(1, Idempotency_Key="a").json() == first


def test_a_decision_whose_telling_was_lost_is_found(intake_world):
    """No quota is connected, as in the moment of its restart: whoever waits is answered from PostgreSQL."""
    intake = intake_world.start()
    worker = intake_world.validation()
    numbers, answers = count(1), []

    def told():
        thread = threading.Thread(target=lambda: answers.append(intake.submit(next(numbers), Prefer="wait=10")))
        thread.start()
        decide(intake_world, [take(worker, 1)[0].id])
        thread.join()
        return answers[-1].status == 200 and answers[-1].json()["status"] == "counted"
    await_condition(told, what="an answer with the verdict")


def test_a_decision_is_told_to_every_instance(intake_world):
    """Each frees its own, and answers whoever waits with it for what another has under way."""
    one, two = intake_world.start("intake-1"), intake_world.start("intake-2")
    worker, quota = intake_world.validation("intake-1"), intake_world.quota()
    await_condition(lambda: quota.has_workers(2))
    assert one.submit(1, Idempotency_Key="a").status == 202 and two.submit(2).status == 202
    answers = []
    thread = threading.Thread(target=lambda: answers.append(two.submit(1, Idempotency_Key="a", Prefer="wait=10")))
    thread.start()
    await_condition(lambda: metric(two, "replayed_submissions_total") == 1)
    quota.decide([take(worker, 1)[0].id])
    thread.join()
    assert answers[0].status == 200
    await_condition(lambda: metric(one, "window_submissions") == 0)
    assert metric(two, "window_submissions") == 1


def test_window_bounds_what_is_under_way(intake_world):
    """Validation away: receipts as ever, no more than the window under way, the rest fed as it frees, each sent once."""
    intake = intake_world.start(INTAKE_WINDOW="100", INTAKE_LEASE_MS="1000")
    token = intake_world.add_token()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    assert {answer["status"] for answer in intake.batch([fields(n % 50) for n in range(1500)], token)} == {202}
    await_condition(lambda: metric(intake, "window_submissions") == 100)
    await_condition(lambda: metric(intake, "pending_submissions") >= 1401, 60)
    worker, quota = intake_world.validation(), intake_world.quota()
    await_condition(quota.has_workers)
    seen = Counter()

    def all_decided():
        batch = worker.take()
        if batch is not None:
            ids = [messages("submission").SubmissionReceived.FromString(body).id for body in batch[1]]
            seen.update(ids)
            assert len(ids) <= 100
            worker.acknowledge(batch[0])
            decide(intake_world, ids)
            quota.decide(ids)
        quota.has_workers()
        return len(seen) == 1501

    await_condition(all_decided, 60)
    assert set(seen.values()) == {1}
    await_condition(lambda: metric(intake, "window_submissions") == 0 and metric(intake, "pending_submissions") == 0, 20)


def test_what_found_no_room_does_not_wait_for_its_age(intake_world):
    """The window is full for a moment: the rest goes out as it frees, long before the lease looks after it."""
    intake = intake_world.start(INTAKE_WINDOW="100", INTAKE_LEASE_MS="3600000")
    token = intake_world.add_token()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    assert {answer["status"] for answer in intake.batch([fields(n % 50) for n in range(999)], token)} == {202}
    worker, quota = intake_world.validation(), intake_world.quota()
    await_condition(quota.has_workers)
    seen = Counter()
    while len(seen) < 1000:
        ids = [message.id for message in take(worker, 1)]
        seen.update(ids)
        decide(intake_world, ids)
        quota.decide(ids)
    assert set(seen.values()) == {1}
    await_condition(lambda: metric(intake, "window_submissions") == 0)


def test_is_ready_when_it_can_hear_decisions(intake_world):
    """Who asks to wait for a verdict, or reviews, right after the start would be told too late else."""
    intake = intake_world.start(INTAKE_GREETING_MS="600000", ready=False)

    words = ("no quota is connected yet", "no quota takes reviews yet")

    def lacks(*lacking):
        status, text = intake.service.get("/readyz")
        return status == 503 and tuple(word for word in words if word in text) == lacking
    await_condition(lambda: lacks(*words), what="neither")
    intake_world.quota()
    await_condition(lambda: lacks(words[1]), what="reviews alone")
    reviewer = intake_world.reviewer()
    await_condition(lambda: reviewer.take() is None and intake.service.get("/readyz")[0] == 200, what="intake to be ready")


def test_nothing_is_forgotten_by_a_crash(intake_world):
    """Committed, handed to nobody, and the instance is killed: the next one feeds it."""
    intake = intake_world.start(INTAKE_LEASE_MS="1000")
    for number in range(5):
        assert intake.submit(number).status == 202
    intake.service.kill()
    intake.service.start()
    worker = intake_world.validation()
    assert len({message.id for message in take(worker, 5, 20)}) == 5


def test_another_instance_takes_the_role_over(intake_world):
    one = intake_world.start("intake-1", INTAKE_LEASE_MS="1000")
    await_condition(lambda: metric(one, "sweeper_epoch") == 1)
    two = intake_world.start("intake-2", INTAKE_LEASE_MS="1000")
    assert one.submit(1).status == 202
    assert metric(two, "sweeper_epoch") == 0
    one.service.kill()
    await_condition(lambda: metric(two, "sweeper_epoch") == 2, 15)
    worker = intake_world.validation("intake-2")
    assert len(take(worker, 1, 20)) == 1


def test_lost_behind_the_worker(intake_world):
    """Acknowledged and then lost: sent again after the lease; one that is decided without our hearing of it is let go."""
    intake = intake_world.start(INTAKE_LEASE_MS="1000")
    worker = intake_world.validation()
    for number in range(3):
        assert intake.submit(number).status == 202
    ids = [message.id for message in take(worker, 3)]
    decide(intake_world, ids[:2])
    assert take(worker, 1, 10)[0].id == ids[2]
    await_condition(lambda: metric(intake, "window_submissions") == 1)
    assert metric(intake, "redispatched_submissions_total") >= 1


def test_not_decided_is_sent_again_soon(intake_world):
    """A verdict of an older epoch (status 0) does not wait for the lease."""
    intake = intake_world.start()
    worker, quota = intake_world.validation(), intake_world.quota()
    await_condition(quota.has_workers)
    assert intake.submit(1).status == 202
    number = take(worker, 1)[0].id
    quota.decide([number], status=0)
    assert take(worker, 1, 5)[0].id == number


def test_poison_goes_to_quarantine(intake_world):
    intake = intake_world.start(INTAKE_LEASE_MS="1000")
    worker = intake_world.validation()
    assert intake.submit(1).status == 202
    batch = await_condition(worker.take)
    worker.acknowledge(batch[0], [(0, "cannot be read", False)])
    rows = await_condition(lambda: intake_world.postgresql.query("SELECT stage, reason, attempts FROM quarantine"))
    assert rows == [("intake", "cannot be read", 1)]
    await_condition(lambda: metric(intake, "window_submissions") == 0)
    # It stays there, and is fed again when an operator lets it go.
    await_condition(lambda: metric(intake, "pending_submissions") == 0)
    intake_world.postgresql.query("UPDATE quarantine SET released_at = now()")
    again = await_condition(worker.take, 15)
    worker.acknowledge(again[0], [(0, "still not", False)])
    await_condition(lambda: intake_world.postgresql.query(
        "SELECT reason, attempts, released_at FROM quarantine") == [("still not", 2, None)])


def test_asks_again_of_a_stage_that_stands_still_only_a_little(intake_world):
    """Nothing is decided for many leases: probes, not the whole window again and again."""
    intake = intake_world.start(INTAKE_LEASE_MS="1000")
    token = intake_world.add_token()
    worker = intake_world.validation()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    intake.batch([fields(n % 50) for n in range(499)], token)
    seen = Counter(message.id for message in take(worker, 500))
    for message in take(worker, 64 * 3, 20):
        seen[message.id] += 1
    assert sum(seen.values()) <= 500 + 64 * 5
    assert metric(intake, "window_submissions") == 500


def test_depth_and_age_are_also_of_what_a_worker_holds(intake_world):
    """A worker that has taken all and finishes nothing: a figure of what waits alone would show nothing (issue: depth and age of
    the oldest undecided by stage)."""
    intake = intake_world.start()
    worker, batches = intake_world.validation(), []
    edge = lambda name: metric(intake, f'edge_{name}{{edge="intake"}}')  # noqa: E731

    def holds(leased, depth, oldest_ms):
        batch = worker.take()  # says READY too, or it would be taken for gone
        if batch is not None:
            batches.append(batch[0])
        return edge("leased_items") == leased and edge("depth_items") == depth and edge("oldest_ms") >= oldest_ms
    for number in range(3):
        assert intake.submit(number).status == 202
    await_condition(lambda: holds(3, 3, 1000), what="three with the worker, for a second")
    assert edge("waiting_items") == 0
    assert intake.submit(3).status == 202
    await_condition(lambda: holds(4, 4, 2000), what="four, the oldest older still")

    def finished():
        holds(0, 0, 0)
        for batch in batches:
            worker.acknowledge(batch)
        return edge("depth_items") == 0 and edge("oldest_ms") == 0
    await_condition(finished, what="nothing to be left")


def test_admits_validation_alone(intake_world):
    intake = intake_world.start()
    stranger = intake_world.validation(service="quota")
    assert intake.submit(1).status == 202
    friend = intake_world.validation()
    assert len(take(friend, 1)) == 1
    assert stranger.take() is None


def test_many_at_once(intake_world):
    """Group commit: fewer commits than submissions, each with its own receipt."""
    intake = intake_world.start()
    answers = together([lambda number=number: intake.submit(number) for number in range(60)])
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 60 and intake_world.count() == 60
    assert metric(intake, "commits_total") < 60
    assert metric(intake, "accepted_submissions_total") == 60
