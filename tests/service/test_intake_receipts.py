"""Receipts: durable before acknowledged (law 1), and one receipt a key.

Would catch: a receipt for what is not there, a submission stored twice for one key, a repeat that gets another receipt or
is refused after the deadline, an outcome that is guessed, and a crash that loses what was acknowledged.
"""
import json
import threading

import pytest

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.intake import fields, together  # noqa: E402
from harness.pg_proxy import PgProxy  # noqa: E402
from harness.waiting import await_condition  # noqa: E402


def test_same_key_same_receipt(intake_world):
    intake = intake_world.start()
    first = intake.request(fields(1, benefit_vnd=1000), Idempotency_Key="a b~")
    assert first.status == 202
    whole = fields(1, benefit_vnd=1000)
    again = json.dumps(dict(reversed(whole.items()))).replace("1000", "1e3").replace("0900000001", "+84 900 000 001")
    for body in (whole, again):
        answer = intake.request(body, Idempotency_Key="a b~")
        assert (answer.status, answer.json()) == (202, first.json())
    assert intake_world.count() == 1 and intake_world.count("idempotency_key") == 1


def test_same_key_other_fields(intake_world):
    intake = intake_world.start()
    assert intake.submit(1, Idempotency_Key="a").status == 202
    for body in (fields(2), fields(1, title="x"), fields(1, phone="1"), {}):
        answer = intake.request(body, Idempotency_Key="a")
        assert (answer.status, answer.code()) == (409, "idempotency_key_used")
    assert intake.submit(3, Idempotency_Key="b").status == 202
    assert intake_world.count() == 2


def test_key_belongs_to_its_campaign(intake_world):
    intake_world.add_campaign(5, "other")
    intake = intake_world.start()
    assert intake.submit(1, Idempotency_Key="a").status == 202
    assert intake.submit(1, Idempotency_Key="a", campaign="other").status == 202
    assert intake_world.count() == 2


def test_repeat_after_the_deadline_and_over_the_limit(intake_world):
    """And when the unit takes no more: the original receipt, whatever has changed since."""
    intake_world.add_campaign(5, "soon", limit=1)
    intake = intake_world.start()
    first = intake.submit(1, campaign="soon", Idempotency_Key="a")
    assert first.status == 202
    intake_world.postgresql.query("UPDATE campaign SET source = replace(source, 'closes_at: 2100', 'closes_at: 2021') "
                                  "WHERE id = 5; UPDATE unit SET accepts_submissions = false WHERE campaign_id = 5; "
                                  "UPDATE reference_version SET version = version + 1")
    others = iter(range(2, 1000))
    await_condition(lambda: intake.submit(next(others), campaign="soon").status == 403, 5)
    again = intake.submit(1, campaign="soon", Idempotency_Key="a")
    assert (again.status, again.json()) == (202, first.json())
    assert intake.submit(2, campaign="soon", Idempotency_Key="a").status == 409


def test_refused_keeps_no_key(intake_world):
    intake = intake_world.start()
    assert intake.request(fields(1, title=5), Idempotency_Key="a").status == 422
    assert intake.submit(1, Idempotency_Key="a").status == 202


@pytest.mark.parametrize("instances", [1, 2])
def test_one_key_at_once(intake_world, instances):
    """Many with one new key at the same time: one row, one receipt for all; of other fields 409."""
    intakes = [intake_world.start(f"intake-{number}") for number in range(1, instances + 1)]
    for attempt in range(5):
        calls = [lambda intake=intakes[n % instances]: intake.submit(attempt, Idempotency_Key=f"race{attempt}") for n in range(12)]
        answers = together(calls)
        assert {answer.status for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert intake_world.count() == attempt + 1
    answers = together([lambda n=n: intakes[0].submit(20 + n, Idempotency_Key="other") for n in range(8)])
    assert sorted(answer.status for answer in answers) == [202] + [409] * 7
    # Whoever kept nothing is not counted against the limit.
    assert [intakes[0].submit(0).status for _ in range(30)].count(202) == 29


def test_connection_lost_at_commit(intake_world):
    """The answer to COMMIT is lost: what is found on a new connection is the answer."""
    proxy = PgProxy(intake_world.postgresql, intake_world.directory)
    intake = intake_world.start(SANGKIEN_PG=proxy.conninfo("sk_intake"))
    proxy.on_commit = "drop_after"
    answer = intake.submit(1, Idempotency_Key="a")
    assert proxy.cut == 1 and answer.status == 202
    assert intake_world.postgresql.query("SELECT id::text FROM submission") == [(answer.json()["id"],)]
    proxy.on_commit = "drop_before"
    answer = intake.submit(2, Idempotency_Key="b")
    assert proxy.cut == 2 and answer.status == 503 and answer.headers["Retry-After"]
    assert intake_world.count() == 1
    assert intake.submit(2, Idempotency_Key="b").status == 202
    assert intake.service.metrics()["sangkien_intake_unknown_outcomes_total"] == 2
    proxy.close()


def test_outcome_that_cannot_be_learnt(own_intake_world):
    """COMMIT waits for a replica that is not there: 504, and the repeat with the same key finds the original."""
    world = own_intake_world
    intake = world.start(INTAKE_WRITERS="1")
    assert intake.submit(1, Idempotency_Key="a").status == 202
    replicas(world, "nowhere")
    answer = intake.submit(2, Idempotency_Key="b")
    assert (answer.status, answer.code()) == (504, "outcome_unknown")
    replicas(world, "")
    assert intake.submit(1, Idempotency_Key="a").status == 202
    again = await_condition(lambda: settled(intake.submit(2, Idempotency_Key="b")), 15)
    assert world.count() == 2
    assert again.json()["id"] in {row[0] for row in world.postgresql.query("SELECT id::text FROM submission")}


def test_a_repeat_of_what_no_standby_has_gets_no_receipt(own_intake_world):
    """Catches: the receipt of a row that can be seen because somebody cancelled the wait for its standby (fault 7)."""
    world = own_intake_world
    intake = world.start(INTAKE_WRITERS="1")
    assert intake.submit(1, Idempotency_Key="a").status == 202
    replicas(world, "nowhere")
    stop = threading.Event()

    def cancel():
        while not stop.wait(0.05):
            world.postgresql.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", user="postgres")

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    statuses = [intake.submit(2, Idempotency_Key="b").status for _ in range(2)]
    assert statuses == [504, 504], statuses
    assert world.count() == 2, "it can be seen"
    replicas(world, "")
    stop.set()
    thread.join()
    assert await_condition(lambda: settled(intake.submit(2, Idempotency_Key="b")), 30)
    assert world.count() == 2


def settled(answer):
    return answer if answer.status == 202 else None


def replicas(world, names):
    connection = world.postgresql.connect()
    connection.autocommit = True
    connection.cursor().execute("SET synchronous_commit = local")
    connection.cursor().execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    connection.cursor().execute("SELECT pg_reload_conf()")
    connection.close()
    await_condition(lambda: world.postgresql.query("SHOW synchronous_standby_names")[0][0] == names)


@pytest.mark.parametrize("what", ["intake", "postgresql"])
def test_crash_loses_no_receipt(own_intake_world, what):
    """kill -9 of the one, an immediate stop of the other, under load: every receipt given is there afterwards."""
    world = own_intake_world
    intake = world.start()
    receipts, statuses, stop = [], [], threading.Event()

    def client(number):
        sent = 0
        while not stop.is_set():
            try:
                answer = intake.submit(number * 1000 + sent // 20, Idempotency_Key=f"{number}-{sent}")
            except OSError:
                continue
            statuses.append(answer.status)
            if answer.status == 202:
                receipts.append((f"{number}-{sent}", answer.json()["id"]))
                sent += 1

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    await_condition(lambda: len(receipts) > 50, 20)
    if what == "intake":
        intake.service.kill()
        intake.service.start()
    else:
        world.postgresql.stop(immediate=True)
        world.postgresql.start()
    before = len(receipts)
    await_condition(lambda: len(receipts) > before + 50, 30)
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {202, 503, 504}
    stored = {row[0] for row in world.postgresql.query("SELECT id::text FROM submission")}
    keys = dict(world.postgresql.query("SELECT key, submission_id::text FROM idempotency_key"))
    assert {number for _, number in receipts} <= stored
    assert all(keys[key] == number for key, number in receipts)
    assert set(keys.values()) == stored  # one row a key


def test_drains(intake_world):
    """SIGTERM: what is under way is finished and answered, and the process ends with 0."""
    intake = intake_world.start()
    calls = [lambda number=number: intake.submit(number) for number in range(20)]
    done = []
    threads = [threading.Thread(target=lambda call=call: done.append(attempt(call))) for call in calls]
    for thread in threads:
        thread.start()
    await_condition(lambda: len(done) > 3)
    assert intake.service.stop() == 0
    for thread in threads:
        thread.join()
    assert {status for status in done if status is not None} == {202}
    assert intake_world.count() == done.count(202)


def attempt(call):
    """Its status; None where the door was closed already."""
    try:
        return call().status
    except OSError:
        return None


def test_a_receipt_is_told_of_where_the_campaign_says_so(intake_world):
    """In the submission's own transaction: one row a submission, none for a repeat, none where it is off."""
    intake_world.postgresql.query("TRUNCATE outbox")
    intake_world.add_campaign(5, "telling", more="""
notices:
  channels:
    - {name: sms, kind: http, url: 'https://gate.example.vn/', form: {to: '{phone}'}}
  send: {receipt: sms}
""")
    intake = intake_world.start()
    told = [intake.submit(number, campaign="telling", Idempotency_Key=str(number)) for number in (1, 2, 1)]
    assert [answer.status for answer in told] == [202] * 3
    assert intake.submit(3).status == 202
    rows = intake_world.postgresql.query("SELECT submission_id::text, campaign_id, event, channel, event_key, state FROM outbox")
    assert sorted(rows) == sorted((answer.json()["id"], 5, "receipt", "sms", "receipt:" + answer.json()["id"], 0)
                                  for answer in told[:2])
