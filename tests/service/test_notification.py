"""The notification service with a real PostgreSQL and a real SMTP sink.

Would catch: a notice that is never sent, sent twice for one event, tried for ever or given up too early; a server that is
away and costs notices their attempts; a hint whose loss costs more than time; personal data in a log or in an error.
"""
import uuid

import pytest

pytest.importorskip("aiosmtpd.controller", reason="python3-aiosmtpd is not installed")
pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.edge import messages  # noqa: E402
from harness.notices import CAMPAIGN, NAME, REJECTED, World, assert_says_nothing_personal, key_pair  # noqa: E402
from harness.waiting import await_condition  # noqa: E402


@pytest.fixture
def world(postgresql, run_directory, start_service):
    whole = World(postgresql, run_directory, start_service)
    yield whole
    whole.close()


def test_tells_what_was_decided(world):
    world.sink.start()
    row = world.decide("+84901234567", REJECTED, "too_long description;required category", revision=2)
    service = world.start()
    world.await_state(row, 1)
    mail = world.sink.mail()
    assert mail["To"] == "+84901234567@sms.example.vn" and mail["From"] == "sangkien@example.vn"
    assert mail["Subject"] == "Sáng kiến của bạn không được chấp nhận"
    assert mail["Message-ID"].startswith("<" + uuid.UUID(row).hex)
    body = mail.get_content()
    assert "không được chấp nhận" in body and "was not accepted" in body
    assert body.index("Lý do") < body.index("Why")
    assert body.count("\n- ") == 4
    assert NAME not in body and "001099000001" not in body
    assert max(len(line) for line in world.sink.mails[0][1].split(b"\r\n")) <= 78
    assert service.metrics()["sangkien_notification_sent_total"] == 1
    assert_says_nothing_personal(service)


def test_a_hint_is_followed_at_once_and_acknowledged(world):
    world.sink.start()
    quota = world.start_quota()
    world.start(NOTIFICATION_POLL_MS="60000")
    await_condition(quota.has_worker, 10, "notification to be ready for hints")
    row = world.decide("+84900000001")
    hint = messages("submission").OutboxDue(outbox_id=uuid.UUID(row).bytes, campaign=CAMPAIGN).SerializeToString()
    batch = quota.hand_out([hint, b"\xff\xff junk"])
    world.await_state(row, 1, 10)
    ack = await_condition(lambda: quota.ack(batch))
    assert [(entry.index, entry.retry) for entry in ack.rejected] == [(1, False)]


def test_temporary_refusals_are_tried_again(world):
    world.sink.answers = {"+84900000001": ["451 4.7.1 greylisted", "450 busy"]}
    world.sink.start()
    row = world.decide("+84900000001")
    service = world.start()
    world.await_state(row, 1)
    assert world.row(row) == (1, 3, None)
    assert world.sink.phones() == ["+84900000001"]
    # It has no reasons, and leaves no gap where they would stand.
    assert "\n\n\n" not in world.sink.mail().get_content().replace("\r", "")
    assert service.metrics()["sangkien_notification_put_off_total"] == 2


def test_a_refusal_of_the_text_is_temporary_or_final_too(world):
    world.sink.before = "DATA"
    world.sink.answers = {"+84900000001": ["452 disk full"], "+84900000002": ["554 5.6.0 not this text"]}
    world.sink.start()
    first, second = world.decide("+84900000001"), world.decide("+84900000002")
    world.start()
    world.await_state(first, 1)
    world.await_state(second, 2)
    assert world.row(first)[1] == 2 and world.row(second)[1] == 1
    assert world.sink.phones() == ["+84900000001"]


def test_a_final_refusal_is_a_dead_letter_and_others_go_on(world):
    world.sink.answers = {"+84900000002": ["550 5.1.1 <+84900000002@sms.example.vn> no such user"]}
    world.sink.start()
    rows = [world.decide(f"+8490000000{i}") for i in range(1, 4)]
    service = world.start()
    for row, state in zip(rows, (1, 2, 1)):
        world.await_state(row, state)
    _, attempts, error = world.row(rows[1])
    assert attempts == 1 and "550" in error and "849" not in error
    assert sorted(world.sink.phones()) == ["+84900000001", "+84900000003"]
    assert service.metrics()["sangkien_notification_dead_total"] == 1
    assert len(service.log_events("notice_dead")) == 1
    assert_says_nothing_personal(service)


def test_attempts_are_bounded(world):
    world.sink.answers = {"+84900000001": ["451 later"] * 50}
    world.sink.start()
    row = world.decide("+84900000001")
    world.start(NOTIFICATION_ATTEMPTS="4")
    world.await_state(row, 2)
    assert world.row(row)[1] == 4


def test_a_server_that_is_away_costs_no_attempts(world):
    rows = [world.decide(f"+8490000000{i}") for i in range(5)]
    service = world.start(ready=False)
    await_condition(lambda: service.get("/readyz")[0] == 503 and "smtp" in service.get("/readyz")[1], 10, "smtp away")
    world.sink.start()
    for row in rows:
        world.await_state(row, 1)
        assert world.row(row)[1] == 1
    assert len(world.sink.phones()) == len(set(world.sink.phones())) == 5
    service.await_ready()
    world.sink.stop()
    last = world.decide("+84900000009")
    await_condition(lambda: service.get("/readyz")[0] == 503, 10, "smtp away again")
    assert world.row(last)[0] == 0
    world.sink.start()
    world.await_state(last, 1)
    assert world.row(last)[1] == 1


def test_a_sender_that_is_refused_is_no_notice_s_fault(world):
    world.sink.sender_answer = "550 5.7.1 not you"
    world.sink.start()
    row = world.decide("+84900000001")
    service = world.start(ready=False)
    await_condition(lambda: "sender 550" in service.get("/readyz")[1], 10, "the refusal in /readyz")
    assert world.row(row)[0] == 0
    world.sink.sender_answer = None
    world.await_state(row, 1)
    assert world.row(row)[1] == 1


def test_several_instances_send_each_notice_once(world):
    world.sink.start()
    phones = [f"+849{i:08d}" for i in range(300)]
    for phone in phones:
        world.decide(phone)
    services = [world.start(f"notification-{i}") for i in range(1, 4)]
    await_condition(lambda: world.server.query("SELECT count(*) FROM outbox WHERE state = 1") == [(300,)], 30, "300 sent")
    assert sorted(world.sink.phones()) == phones
    assert sum(service.metrics()["sangkien_notification_sent_total"] for service in services) == 300


def test_killed_between_sending_and_marking_it_is_sent_again_under_one_message_id(world):
    """At least once, said plainly: a server and a database cannot both be told at the same instant."""
    world.sink.start()
    row = world.decide("+84900000001")
    service = world.start(ready=False, SANGKIEN_FAILPOINT="notification-after-send")
    await_condition(lambda: not service.process.running(), 10, "the kill")
    assert world.row(row)[0] == 0 and len(world.sink.mails) == 1
    world.start("notification-2")
    world.await_state(row, 1)
    assert world.row(row)[1] == 2
    assert world.sink.mail(0)["Message-ID"] == world.sink.mail(1)["Message-ID"] and len(world.sink.mails) == 2


def test_what_can_never_be_written_is_a_dead_letter(world):
    world.sink.start()
    foreign = world.decide("+84900000001", reader=key_pair()[0])
    odd = world.decide("0900\r\nBcc: x@y")
    good = world.decide("+84900000003")
    world.start()
    world.await_state(foreign, 2)
    world.await_state(odd, 2)
    world.await_state(good, 1)
    assert "opened" in world.row(foreign)[2] and "phone" in world.row(odd)[2]
    assert world.sink.phones() == ["+84900000003"]


def test_postgresql_away_and_back(world):
    world.sink.start()
    service = world.start()
    world.server.stop(immediate=True)
    await_condition(lambda: service.get("/readyz")[0] == 503, 15, "not ready without PostgreSQL")
    world.server.start()
    row = world.decide("+84900000001")
    world.await_state(row, 1, 30)
    service.await_ready()


def test_drain_hands_back_what_was_not_tried(world):
    world.sink.answers = {"+84900000001": ["451 first"]}
    world.sink.start()
    for i in range(1, 200):
        world.decide(f"+849{i:08d}")
    service = world.start()
    await_condition(lambda: len(world.sink.mails) >= 5, 10, "some mails")
    assert service.process.stop() == 0
    sent = len(world.sink.mails)
    assert world.server.query("SELECT count(*) FROM outbox WHERE state = 1") == [(sent,)]
    # Tried were the one that was refused for now and, where the stop cut a mail short, that one; the rest was handed back.
    (tried,), = world.server.query("SELECT count(*) FROM outbox WHERE state = 0 AND attempts > 0")
    (late,), = world.server.query("SELECT count(*) FROM outbox WHERE state = 0 AND attempts = 0 AND next_at > now() + interval '1 s'")
    assert tried <= 2 and late == 0


def test_off_it_is_ready_and_leaves_the_outbox_alone(world):
    world.apply(CAMPAIGN, "demo")
    quota = world.start_quota()
    row = world.decide("+84900000001")
    world.start()
    await_condition(quota.has_worker, 10, "notification to be ready for hints")
    batch = quota.hand_out([messages("submission").OutboxDue(outbox_id=bytes(16)).SerializeToString()])
    assert not await_condition(lambda: quota.ack(batch)).rejected
    assert world.row(row) == (0, 0, None)


def test_a_dead_letter_that_is_sent_again_is_tried_as_a_new_one(world):
    world.sink.answers = {"+84900000001": ["451 later"] * 4}
    world.sink.start()
    row = world.decide("+84900000001")
    world.start(NOTIFICATION_ATTEMPTS="2")
    world.await_state(row, 2)
    # As `sangkien notices resend` does.
    again = "UPDATE outbox SET state = 0, forgiven = attempts, next_at = now() WHERE state = 2"
    world.server.query(again)
    world.await_state(row, 2)
    assert world.row(row)[1] == 4
    world.server.query(again)
    world.await_state(row, 1)
    assert world.row(row) == (1, 5, None) and world.sink.phones() == ["+84900000001"]


def test_a_claim_that_is_too_short_is_named(world):
    service = world.start(ready=False, NOTIFICATION_CLAIM_MS="2000")
    assert service.process.wait() == 78
    assert "NOTIFICATION_CLAIM_MS" in service.process.output()


def test_words_that_cannot_be_read_are_named(world):
    service = world.start(ready=False, NOTIFICATION_TEMPLATES=world.keys_path)
    assert service.process.wait() == 69
    assert "vi.yaml:1:" in service.process.output() and "en.yaml:1:" in service.process.output()
