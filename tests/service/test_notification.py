"""The notification service with a real PostgreSQL and a real SMTP sink.

Would catch: a notice that is never sent, sent twice for one event, tried for ever or given up too early; a server that is
away and costs notices their attempts; a hint whose loss costs more than time; personal data in a log or in an error.
"""
import base64
import ctypes
import email
import email.policy
import os
import socket
import threading
import uuid

import pytest

from harness.process import ROOT
from harness.waiting import await_condition

Controller = pytest.importorskip("aiosmtpd.controller", reason="python3-aiosmtpd is not installed").Controller
pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.edge import Upstream, make_keys, messages  # noqa: E402

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
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
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


class World:
    def __init__(self, server, directory, start_service):
        self.server, self.directory, self.start_service = server, directory, start_service
        keys_path = directory.below("keys")
        self.keys = make_keys(keys_path, ("quota", "notification"))
        self.reader, secret = key_pair()
        with open(os.path.join(keys_path, "sealing.secret"), "wb") as file:
            file.write(secret)
        with open(os.path.join(ROOT, "deploy", "campaigns", "demo.yaml"), encoding="utf-8") as file:
            server.query("INSERT INTO campaign (id, code, source, sha256) VALUES (%s, 'demo', %s, '')",
                         (CAMPAIGN, file.read()))
        server.query("INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) VALUES "
                     "(%s, 1, 'VN', 'Gốc', 0, 0, false), (%s, 2, 'A', 'A', 1, 1, true)", (CAMPAIGN, CAMPAIGN))
        server.query("UPDATE reference_version SET version = version + 1")
        self.sink = Sink()
        self.quota = None
        self.settings = {
            "SANGKIEN_PG": server.conninfo("sk_notification"), "SANGKIEN_KEYS": keys_path,
            "NOTIFICATION_UPSTREAM": "ipc://" + directory.below("quota-outbox-*"),
            "NOTIFICATION_SMTP_URL": self.sink.url, "NOTIFICATION_SMTP_FROM": "sangkien@example.vn",
            "NOTIFICATION_SMTP_TO": "{phone}@sms.example.vn", "NOTIFICATION_SMTP_TLS": "0",
            "NOTIFICATION_POLL_MS": "100", "NOTIFICATION_RETRY_LEAST_MS": "10", "NOTIFICATION_RETRY_MOST_MS": "50",
            "NOTIFICATION_SMTP_TIMEOUT_MS": "1000", "NOTIFICATION_CLAIM_MS": "3000"}

    def start(self, instance=None, ready=True, **settings):
        return self.start_service("notification", {**self.settings, **settings}, instance, ready)

    def start_quota(self):
        self.quota = Upstream("ipc://" + self.directory.below("quota-outbox-1"), "KIND_OUTBOX_DUE", self.keys["quota"])
        return self.quota

    def decide(self, phone, status=COUNTED, reasons="", revision=1, reader=None, state=0):
        """A submission with that decision and its row in the outbox; gives the row's id."""
        submission, row = uuid.uuid4(), uuid.uuid4()
        connection = self.server.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
                "has_national_id) VALUES (%s, %s, 2, now(), '', %s, 1, 'x', true)",
                (str(submission), CAMPAIGN, seal(reader or self.reader, submission, phone)))
            for number in range(1, revision + 1):
                cursor.execute(
                    "INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
                    "reasons, decided_at) VALUES (%s, %s, %s, 2, %s, 0, 1, %s, now())",
                    (str(submission), number, CAMPAIGN, status if number == revision else 1,
                     reasons if number == revision else ""))
            cursor.execute(
                "INSERT INTO outbox (id, campaign_id, submission_id, event, channel, event_key, state) "
                "VALUES (%s, %s, %s, 'verdict', 'smtp', %s, %s)",
                (str(row), CAMPAIGN, str(submission), f"verdict:{submission}:{revision}", state))
        connection.close()
        return str(row)

    def row(self, row):
        """(state, attempts, last_error)"""
        return self.server.query("SELECT state, attempts, last_error FROM outbox WHERE id = %s", (row,))[0]

    def await_state(self, row, state, deadline=15):
        await_condition(lambda: self.row(row)[0] == state, deadline, f"state {state}, it is {self.row(row)}")

    def close(self):
        self.sink.stop()
        if self.quota is not None:
            self.quota.close()


@pytest.fixture
def world(postgresql, run_directory, start_service):
    whole = World(postgresql, run_directory, start_service)
    yield whole
    whole.close()


def assert_says_nothing_personal(service):
    text = service.process.output()
    assert "+849" not in text and NAME not in text and base64.b64encode(NAME.encode()).decode() not in text


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
    services = [world.start(f"notification-{i}", NOTIFICATION_BATCH="7") for i in range(1, 4)]
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
    service = world.start(NOTIFICATION_BATCH="500")
    await_condition(lambda: len(world.sink.mails) >= 5, 10, "some mails")
    assert service.process.stop() == 0
    sent = len(world.sink.mails)
    assert world.server.query("SELECT count(*) FROM outbox WHERE state = 1") == [(sent,)]
    # Tried were the one that was refused for now and, where the stop cut a mail short, that one; the rest was handed back.
    (tried,), = world.server.query("SELECT count(*) FROM outbox WHERE state = 0 AND attempts > 0")
    (late,), = world.server.query("SELECT count(*) FROM outbox WHERE state = 0 AND attempts = 0 AND next_at > now() + interval '1 s'")
    assert tried <= 2 and late == 0


def test_off_it_is_ready_and_leaves_the_outbox_alone(world):
    quota = world.start_quota()
    row = world.decide("+84900000001")
    world.start(NOTIFICATION_SMTP_URL="")
    await_condition(quota.has_worker, 10, "notification to be ready for hints")
    batch = quota.hand_out([messages("submission").OutboxDue(outbox_id=bytes(16)).SerializeToString()])
    assert not await_condition(lambda: quota.ack(batch)).rejected
    assert world.row(row) == (0, 0, None)


@pytest.mark.parametrize("settings, code, word", [
    ({"NOTIFICATION_SMTP_TO": "no address"}, 69, "NOTIFICATION_SMTP_TO"),
    ({"NOTIFICATION_SMTP_FROM": "a@b\r\nBcc: c@d"}, 69, "NOTIFICATION_SMTP_FROM"),
    ({"NOTIFICATION_SMTP_URL": "http://127.0.0.1/"}, 69, "NOTIFICATION_SMTP_URL"),
    ({"NOTIFICATION_SMTP_USER": "me", "NOTIFICATION_SMTP_PASSWORD_FILE": "/nowhere"}, 69, "PASSWORD_FILE"),
    ({"NOTIFICATION_CLAIM_MS": "2000"}, 78, "NOTIFICATION_CLAIM_MS"),
])
def test_a_setting_that_cannot_work_is_named(world, settings, code, word):
    service = world.start(ready=False, **settings)
    assert service.process.wait() == code
    assert word in service.process.output()
