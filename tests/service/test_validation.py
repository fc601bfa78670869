"""The validation service as a whole, between an intake and a deduplication of the test.

Would catch: a submission lost, judged by the wrong rules or handed on without its reasons; poison that goes round;
a service that is ready without its reference data, grows without bound, or cannot be ended.
"""
import os
import uuid
from datetime import datetime

import pytest

from harness.process import ROOT
from harness.waiting import await_condition

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.edge import Upstream, Worker, make_keys, messages  # noqa: E402

CAMPAIGNS = {1: "demo", 2: "01-trieu-sang-kien"}
UNIT = 2


def micros(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000000)


NOW = micros("2025-01-01T00:00:00+07:00")


def load_campaigns(server):
    for number, code in CAMPAIGNS.items():
        with open(os.path.join(ROOT, "deploy", "campaigns", code + ".yaml"), encoding="utf-8") as file:
            server.query("INSERT INTO campaign (id, code, source, sha256) VALUES (%s, %s, %s, '')",
                         (number, code, file.read()))
        server.query("INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) VALUES "
                     "(%s, 1, 'VN', 'Gốc', 0, 0, false), (%s, 2, 'A', 'A', 1, 1, true)", (number, number))
    server.query("UPDATE reference_version SET version = version + 1")


class World:
    def __init__(self, server, directory, start_service):
        self.server, self.directory, self.start_service = server, directory, start_service
        keys_path = directory.below("keys")
        self.keys = make_keys(keys_path, ("intake", "validation", "deduplication", "quota"))
        self.edge = "ipc://" + directory.below("validation-1")
        self.settings = {"SANGKIEN_PG": server.conninfo("sk_validation"), "SANGKIEN_KEYS": keys_path,
                         "VALIDATION_UPSTREAM": "ipc://" + directory.below("intake-*"), "VALIDATION_EDGE": self.edge}
        self.ends = []
        self.intake = self.service = None

    def start(self, **settings):
        self.intake = Upstream("ipc://" + self.directory.below("intake-1"), "KIND_SUBMISSION_RECEIVED",
                               self.keys["intake"])
        self.ends.append(self.intake)
        self.service = self.start_service("validation", {**self.settings, **settings}, ready=False)
        await_condition(self.intake.has_worker, 15, "validation to be ready for work")
        self.service.await_ready()
        return self.service

    def worker(self, service="deduplication"):
        worker = Worker(self.edge, "KIND_SUBMISSION_VALIDATED", self.keys[service], self.keys["validation"][0])
        self.ends.append(worker)
        return worker

    def close(self):
        for end in self.ends:
            end.close()


@pytest.fixture
def world(postgresql, run_directory, start_service):
    load_campaigns(postgresql)
    whole = World(postgresql, run_directory, start_service)
    yield whole
    whole.close()


def submission(campaign=1, unit=UNIT, received_at=NOW, **fields):
    message = messages("submission")
    filled = {"description": "Dùng xe đẩy có bánh xoay để chuyển khuôn".encode(), "authors": 1, "lead_author": True, "block": 1,
              **fields}
    return message.SubmissionReceived(id=uuid.uuid4().bytes, campaign=campaign, unit=unit, received_at=received_at,
                                      person=bytes(16), fields=message.Fields(**filled)).SerializeToString()


def take_validated(worker, count):
    """That many handed on, acknowledged."""
    taken = []

    def enough():
        batch = worker.take()
        if batch is not None:
            taken.extend(messages("submission").SubmissionValidated.FromString(body) for body in batch[1])
            worker.acknowledge(batch[0])
        return len(taken) >= count

    await_condition(enough, 15, f"{count} submissions from validation")
    assert len(taken) == count
    return taken


def reasons(validated):
    return [(reason.code, reason.field) for reason in validated.reasons]


def test_judges_and_hands_on(world):
    world.start()
    worker = world.worker()
    day = (datetime(2023, 1, 1) - datetime(1970, 1, 1)).days
    whole = {"has_national_id": True, "category": b"union_officer", "has_applied_on": True, "applied_on": day,
             "has_recognized_on": True, "recognized_on": day}
    batch = [submission(),
             submission(2, received_at=micros("2022-05-31T23:59:59.999999+07:00"), **whole),
             submission(2, received_at=micros("2022-06-01T00:00:00+07:00"), **whole),
             submission(2, description="ế".encode() * 2001, ip_protected=True)]
    handed_out = world.intake.hand_out(batch)
    first, before, after, bad = take_validated(worker, 4)
    assert not await_condition(lambda: world.intake.ack(handed_out)).rejected
    assert reasons(first) == [] and first.submission.SerializeToString() == batch[0]
    # The same submission a moment earlier falls under the earlier window.
    assert before.rules_version == 1 and reasons(before) == [("outside_window", "applied_on"),
                                                             ("outside_window", "recognized_on")]
    assert after.rules_version == 2 and reasons(after) == []
    assert reasons(bad) == [("required", "national_id"), ("required", "category"), ("too_long", "description"),
                            ("required", "applied_on"), ("not_recognised", "recognized_on"),
                            ("ip_protected", "ip_protected")]
    counts = world.service.metrics()
    assert counts['sangkien_validation_submissions_total{result="valid"}'] == 2
    assert counts['sangkien_validation_submissions_total{result="refused"}'] == 2


def test_refuses_poison_alone(world):
    world.start()
    worker = world.worker()
    handed_out = world.intake.hand_out([submission(), b"\xff\xff\xff", submission()])
    assert len(take_validated(worker, 2)) == 2
    rejected = await_condition(lambda: world.intake.ack(handed_out)).rejected
    assert [(item.index, item.retry) for item in rejected] == [(1, False)]


def test_campaign_applied_a_moment_ago(world):
    """Known to intake already, loaded here within two seconds: waited for, not refused."""
    world.start()
    worker = world.worker()
    path = os.path.join(ROOT, "deploy", "campaigns", "75-nghin-sang-kien.yaml")
    with open(path, encoding="utf-8") as file:
        handed_out = world.intake.hand_out([submission(3)])
        world.server.query("INSERT INTO campaign (id, code, source, sha256) VALUES (3, 'late', %s, ''); "
                           "INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) "
                           "VALUES (3, 1, 'VN', 'Gốc', 0, 0, false), (3, 2, 'A', 'A', 1, 1, true); "
                           "UPDATE reference_version SET version = version + 1", (file.read(),))
    assert len(take_validated(worker, 1)) == 1
    assert not await_condition(lambda: world.intake.ack(handed_out)).rejected


def test_gives_back_what_it_does_not_know(world):
    world.start()
    handed_out = world.intake.hand_out([submission(99)])
    rejected = await_condition(lambda: world.intake.ack(handed_out), 10).rejected
    assert [(item.index, item.retry) for item in rejected] == [(0, True)]


def test_keeps_no_more_than_its_window(world):
    """Deduplication away: what does not fit the window stays intake's."""
    world.start(VALIDATION_WINDOW="3")
    handed_out = [world.intake.hand_out([submission(), submission()]) for _ in range(3)]
    await_condition(lambda: world.intake.ack(handed_out[0]))
    await_condition(lambda: world.service.metrics()["sangkien_validation_kept_batches"] == 2)
    assert world.intake.ack(handed_out[1]) is None and world.intake.ack(handed_out[2]) is None
    assert len(take_validated(world.worker(), 6)) == 6
    for batch in handed_out:
        await_condition(lambda batch=batch: world.intake.ack(batch))


def test_quarantines_what_deduplication_refuses(world):
    world.start()
    worker = world.worker()
    body = submission()
    world.intake.hand_out([body])
    batch = await_condition(worker.take, 15, "the batch")
    worker.acknowledge(batch[0], [(0, "no text of any kind", False)])
    rows = await_condition(lambda: world.server.query("SELECT submission_id, stage, reason FROM quarantine"))
    number = messages("submission").SubmissionReceived.FromString(body).id
    assert rows == [(str(uuid.UUID(bytes=number)), "deduplication", "no text of any kind")]


def test_admits_deduplication_alone(world):
    world.start()
    stranger = world.worker("quota")
    world.intake.hand_out([submission()])
    friend = world.worker()
    assert len(take_validated(friend, 1)) == 1
    assert stranger.take() is None


def test_ready_only_with_what_it_needs(world):
    """No intake: waits and says so. PostgreSQL away afterwards: it has what it needs in memory."""
    service = world.start_service("validation", world.settings, ready=False)

    def says_upstream():
        status, text = service.get("/readyz")
        return status == 503 and "upstream" in text

    await_condition(says_upstream)
    intake = Upstream("ipc://" + world.directory.below("intake-1"), "KIND_SUBMISSION_RECEIVED", world.keys["intake"])
    world.ends.append(intake)
    await_condition(intake.has_worker)
    service.await_ready()
    world.server.stop(immediate=True)
    intake.hand_out([submission()])
    assert len(take_validated(world.worker(), 1)) == 1


def test_drains(world):
    service = world.start()
    worker = world.worker()
    handed_out = world.intake.hand_out([submission()])
    batch = await_condition(worker.take, 15, "the batch")
    service.process.send(15)
    await_condition(lambda: "draining" in service.process.output())
    assert service.process.running()
    worker.acknowledge(batch[0])
    assert service.process.wait(10) == 0
    assert world.intake.ack(handed_out) is not None
