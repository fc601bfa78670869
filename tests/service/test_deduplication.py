"""The deduplication service as a whole, signers and index owners, between a validation and a quota of the test.

Would catch: a copy that is not found, or named against the order of arrival; a verdict without the epochs it rests on;
an index that answers before it is whole, or that a restart changes; a submission lost or made poison while an owner
or PostgreSQL is away.
"""
import os
import random
import uuid

import pytest

from harness.process import ROOT
from harness.waiting import await_condition

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.edge import Upstream, Worker, make_keys, messages  # noqa: E402

COUNTED, REJECTED, DUPLICATE, UNDER_REVIEW = 2, 3, 4, 1
CAMPAIGN = 1
PROVINCE_A, PROVINCE_B, IN_A, ALSO_IN_A = 2, 3, 4, 5
NOW = 1735664400000000
SYLLABLES = [a + b for a in ("tr", "ng", "kh", "th", "nh", "c", "l", "m", "v", "đ", "b", "s", "ph", "gi", "q", "x")
             for b in ("ảng", "iệu", "uyên", "ách", "ôi", "ong", "ấp", "inh", "ươi", "ẻ", "ạt", "ùng", "ó", "ây")]


def prose(source, words=120):
    return " ".join(source.choice(SYLLABLES) for _ in range(words))


def edited(source, text, share=0.06):
    return " ".join(source.choice(SYLLABLES) if source.random() < share else word for word in text.split())


def load_campaign(server):
    with open(os.path.join(ROOT, "deploy", "campaigns", "01-trieu-sang-kien.yaml"), encoding="utf-8") as file:
        server.query("INSERT INTO campaign (id, code, source, sha256) VALUES (1, '01-trieu-sang-kien', %s, '')",
                     (file.read(),))
    server.query("INSERT INTO unit (campaign_id, id, code, name, level, parent_id, accepts_submissions) VALUES "
                 "(1, 1, 'VN', 'Gốc', 0, 0, false), (1, 2, 'A', 'A', 1, 1, true), (1, 3, 'B', 'B', 1, 1, true), "
                 "(1, 4, 'A1', 'A1', 2, 2, true), (1, 5, 'A2', 'A2', 2, 2, true); "
                 "UPDATE reference_version SET version = version + 1")


class World:
    """`shards` owners, one signer, and both neighbours: a validation that hands out, a quota that decides."""

    def __init__(self, server, directory, start_service, shards=1):
        self.server, self.directory, self.start_service, self.shards = server, directory, start_service, shards
        keys = directory.below("keys")
        self.keys = make_keys(keys, ("validation", "deduplication", "quota"))
        self.common = {"SANGKIEN_PG": server.conninfo("sk_deduplication"), "SANGKIEN_KEYS": keys,
                       "DEDUPLICATION_SHARDS": str(shards)}
        self.edge = "ipc://" + directory.below("deduplication-1")
        self.ends, self.owners = [], {}
        self.source, self.clock = random.Random(7), NOW
        self.signer = self.validation = self.quota = None

    def start_owner(self, shard, ready=True):
        settings = {**self.common, "DEDUPLICATION_ROLE": "index", "DEDUPLICATION_SHARD": str(shard),
                    "DEDUPLICATION_ASKERS": "ipc://" + self.directory.below("sign-*")}
        name = f"deduplication-index-{shard}"
        self.owners[shard] = self.start_service("deduplication", settings, instance=name, ready=ready)
        return self.owners[shard]

    def start(self, owners=True, **settings):
        self.validation = Upstream("ipc://" + self.directory.below("validation-1"), "KIND_SUBMISSION_VALIDATED",
                                   self.keys["validation"])
        self.ends.append(self.validation)
        settings = {**self.common, "DEDUPLICATION_ROLE": "sign", "DEDUPLICATION_EDGE": self.edge,
                    "DEDUPLICATION_UPSTREAM": "ipc://" + self.directory.below("validation-*"),
                    "DEDUPLICATION_ASK": "ipc://" + self.directory.below("sign-1"), **settings}
        self.signer = self.start_service("deduplication", settings, ready=False)
        self.quota = Worker(self.edge, "KIND_VERDICT_REACHED", self.keys["quota"], self.keys["deduplication"][0])
        self.ends.append(self.quota)
        if owners:
            for shard in range(self.shards):
                self.start_owner(shard)
        await_condition(self.validation.has_worker, 15, "the signer to be ready for work")
        if owners:
            self.signer.await_ready()
        return self

    def close(self):
        for end in self.ends:
            end.close()

    # A submission from its row to its verdict ---------------------------------------------------------------------------
    def validated(self, text, unit=IN_A, person=None, reasons=(), ruling=None, received_at=None):
        """Stored as intake stores it, and the message that validation hands on."""
        message = messages("submission")
        self.clock += 1000
        number, person = uuid.UUID(int=(self.clock - NOW) << 88 | self.source.getrandbits(88)), person or os.urandom(16)
        received_at = received_at or self.clock
        self.server.query(
            "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
            "has_national_id) VALUES (%s, %s, %s, 'epoch'::timestamptz + %s * interval '1 microsecond', %s, '', 1, %s, "
            "false)", (str(number), CAMPAIGN, unit, received_at, person, text))
        received = message.SubmissionReceived(id=number.bytes, campaign=CAMPAIGN, unit=unit, received_at=received_at,
                                              person=person, fields=message.Fields(description=text.encode()))
        return message.SubmissionValidated(
            submission=received, rules_version=1, ruling=message.Ruling(**ruling) if ruling else None,
            reasons=[message.Reason(code=code, field=field) for code, field in reasons])

    def hand_out(self, *submissions):
        return self.validation.hand_out([one.SerializeToString() for one in submissions])

    def verdicts(self, count, acknowledge=True):
        """By id, in the order they came."""
        taken = {}

        def enough():
            batch = self.quota.take()
            if batch is not None:
                for body in batch[1]:
                    verdict = messages("submission").VerdictReached.FromString(body)
                    taken[verdict.id] = verdict
                if acknowledge:
                    self.quota.acknowledge(batch[0])
            return len(taken) >= count

        await_condition(enough, 15, f"{count} verdicts")
        return taken

    def decide(self, verdict, status=None):
        """As quota stores it: a decision, and the signature."""
        number = str(uuid.UUID(bytes=verdict.id))
        duplicate_of = str(uuid.UUID(bytes=verdict.duplicate_of)) if verdict.duplicate_of else None
        self.server.query(
            "INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
            "duplicate_of, score, decided_at) SELECT %s, coalesce(max(revision), 0) + 1, %s, %s, %s, 1, 1, %s, %s, now() "
            "FROM decision WHERE submission_id = %s",
            (number, CAMPAIGN, verdict.unit, status or verdict.status, duplicate_of, verdict.score, number))
        if verdict.digest:
            self.server.query(
                "INSERT INTO signature (submission_id, campaign_id, scope, exact_scope, received_at, digest, sketch, "
                "snapshot) VALUES (%s, %s, %s, %s, 'epoch'::timestamptz + %s * interval '1 microsecond', %s, %s, %s) "
                "ON CONFLICT DO NOTHING", (number, CAMPAIGN, verdict.near_scope, verdict.scope, verdict.received_at,
                                           verdict.digest, b"" if verdict.covered else verdict.sketch,
                                           verdict.snapshot))

    def judge(self, text, decide=True, **facts):
        """One submission all the way; its verdict."""
        submission = self.validated(text, **facts)
        self.hand_out(submission)
        verdict = self.verdicts(1)[submission.submission.id]
        if decide:
            self.decide(verdict)
        return verdict


@pytest.fixture(params=[1, 3], ids=["one_shard", "three_shards"])
def world(request, postgresql, run_directory, start_service):
    load_campaign(postgresql)
    whole = World(postgresql, run_directory, start_service, request.param)
    yield whole
    whole.close()


@pytest.fixture
def lone_world(postgresql, run_directory, start_service):
    load_campaign(postgresql)
    whole = World(postgresql, run_directory, start_service)
    yield whole
    whole.close()


def test_copies_are_named(world):
    world.start()
    source = world.source
    text, person = prose(source), os.urandom(16)
    first = world.judge(text, person=person)
    assert (first.status, list(first.reasons), first.duplicate_of) == (COUNTED, [], b"")
    assert len(first.digest) == 16 and 0 < len(first.sketch) <= 256
    assert (first.scope, first.near_scope) == (0, PROVINCE_A)
    assert {(word.shard, word.epoch) for word in first.consulted} == {(shard, 1) for shard in range(world.shards)}

    exact = world.judge("  " + text.upper() + " !!")
    assert (exact.status, exact.duplicate_of, exact.score) == (DUPLICATE, first.id, 1)
    assert [(r.code, r.field) for r in exact.reasons] == [("duplicate", "description")] and exact.digest == first.digest
    own = world.judge(edited(source, text), person=person, unit=ALSO_IN_A)
    assert (own.status, own.duplicate_of) == (DUPLICATE, first.id) and 0.7 < own.score < 1
    assert [r.code for r in own.reasons] == ["own_duplicate"]

    # R17a: exact copies nation-wide, near ones within the province.
    assert world.judge(edited(source, text), unit=PROVINCE_B).status == COUNTED
    assert world.judge(text, unit=PROVINCE_B).status == DUPLICATE
    other = world.judge(prose(source))
    assert (other.status, other.duplicate_of) == (COUNTED, b"")
    assert first.digest != other.digest


def test_the_ruling_that_came_with_it_decides(lone_world):
    """Whatever the rules are here by now (or not yet): those that validation read judge the rest of its way, too."""
    world = lone_world.start()
    text = prose(world.source)
    ruling = {"phase": 9, "exact_scope": 3, "near_scope": 3, "near_threshold": 0.72, "review_threshold": 0.72}
    first = world.judge(text, ruling=ruling)
    assert (first.status, first.scope, first.near_scope, first.has_phase, first.phase) == (COUNTED, IN_A, IN_A, True, 9)
    # By the campaign's file it would be a duplicate: exact copies nation-wide, near ones within the province.
    assert world.judge(text, unit=ALSO_IN_A, ruling=ruling).status == COUNTED
    near = edited(world.source, text)
    assert world.judge(near, ruling={**ruling, "near_threshold": 1, "review_threshold": 0.5}).status == UNDER_REVIEW
    # R18: whoever looks at it is shown all that comes near, not the nearest alone.
    one, other = prose(world.source), prose(world.source)
    both = " ".join(one.split()[:len(one.split()) // 2] + other.split()[len(other.split()) // 2:])
    originals = {world.judge(text, ruling=ruling).id for text in (one, other)}
    grey = world.judge(both, ruling={**ruling, "near_threshold": 1, "review_threshold": 0.2})
    assert grey.status == UNDER_REVIEW and {candidate.id for candidate in grey.candidates} == originals
    assert grey.candidates[0].id == grey.duplicate_of and grey.candidates[0].score == grey.score >= grey.candidates[1].score
    # So little is known here that a campaign with the greatest margin takes nothing but the same for a copy.
    ruling.update(near_threshold=0.5, review_threshold=0.5, weight_prior=200, weight_power=1, cold_start_margin=1)
    text = prose(world.source)
    assert world.judge(text, ruling=ruling).status == COUNTED
    near = edited(world.source, text, 0.1)
    assert world.judge(near, ruling=ruling).status == COUNTED
    assert world.judge(edited(world.source, text, 0.1), ruling={**ruling, "cold_start_margin": 0}).status == DUPLICATE
    refused = world.judge(prose(world.source), reasons=[("too_long", "description")], ruling=ruling)
    assert (refused.status, refused.has_phase, refused.phase) == (REJECTED, True, 9)
    assert not world.judge(prose(world.source)).has_phase  # of an older sender: quota finds it


def test_refused_ones_pass_through(lone_world):
    world = lone_world.start()
    text = prose(world.source)
    refused = world.judge(text, reasons=[("too_long", "description")])
    assert (refused.status, refused.digest, len(refused.consulted)) == (REJECTED, b"", 0)
    assert [(r.code, r.field) for r in refused.reasons] == [("too_long", "description")]
    assert world.judge(text).status == COUNTED  # only validated submissions enter the index


def test_same_answer_when_handed_out_again(world):
    """A redelivery never finds itself, and finds nothing that came later."""
    world.start()
    text = prose(world.source)
    first, second = world.validated(text), world.validated(edited(world.source, text))
    world.hand_out(first)
    before = world.verdicts(1)[first.submission.id]
    world.hand_out(second)
    assert world.verdicts(1)[second.submission.id].duplicate_of == first.submission.id
    world.hand_out(first)
    again = world.verdicts(1)[first.submission.id]
    assert (again.status, again.duplicate_of, again.digest) == (COUNTED, b"", before.digest)


def test_copies_in_one_batch(world):
    world.start()
    text = prose(world.source)
    batch = [world.validated(text if i % 2 else edited(world.source, text, 0.03)) for i in range(40)]
    world.hand_out(*batch)
    verdicts = world.verdicts(40)
    counted = [number for number, verdict in verdicts.items() if verdict.status == COUNTED]
    assert counted == [batch[0].submission.id]
    # Undecided ones may be named; following them ends at the one that counts.
    for verdict in verdicts.values():
        while verdict.status == DUPLICATE:
            verdict = verdicts[verdict.duplicate_of]
        assert verdict.id == counted[0]


def test_names_who_stands_for_a_rival(lone_world):
    """A duplicate's copy is named behind its head; a revoked original's behind the duplicate a reviewer let stand."""
    world = lone_world.start()
    text = prose(world.source)
    head = world.judge(text)
    link = world.judge(edited(world.source, text, 0.08))
    assert link.duplicate_of == head.id
    far = world.judge(edited(world.source, text, 0.02))
    assert far.duplicate_of == head.id
    world.decide(head, status=5)
    assert world.judge(edited(world.source, text, 0.02)).status == COUNTED  # nobody stands
    world.decide(link, status=COUNTED)
    assert world.judge(text + " thêm").duplicate_of in (link.id,)


def test_quota_asks_again(lone_world):
    """The named text did not get counted: compared anew at once, and then recorded as it then is."""
    world = lone_world.start()
    text = prose(world.source)
    head = world.judge(text)
    copy = world.validated(edited(world.source, text))
    world.hand_out(copy)
    batch = await_condition(world.quota.take, 15, "the verdict")
    verdict = messages("submission").VerdictReached.FromString(batch[1][0])
    assert verdict.duplicate_of == head.id
    world.decide(head, status=5)
    world.quota.acknowledge(batch[0], results=[messages("submission").VerdictTaken(ask_again=True).SerializeToString()])
    assert world.verdicts(1)[copy.submission.id].status == COUNTED


def test_restarted_owner_answers_as_one_that_never_stopped(postgresql, run_directory, start_service):
    """The same stream twice, once with kills in between: equal verdicts, scores and snapshots."""
    load_campaign(postgresql)
    postgresql.query("INSERT INTO campaign SELECT 2, 'other', source, sha256 FROM campaign")
    source = random.Random(11)
    form = prose(source, 40)
    texts = [form + " " + prose(source, 70) for _ in range(150)]
    stream = [source.choice(texts) if source.random() < 0.3 else edited(source, source.choice(texts), 0.05)
              if source.random() < 0.4 else texts.pop() for _ in range(140)]
    outcomes = []
    for kills in ((), (33, 40, 77, 120)):
        postgresql.query("TRUNCATE submission, decision, signature, frequency_snapshot, index_shard")
        world = World(postgresql, run_directory, start_service).start()
        numbers, outcome = {}, []
        for place, text in enumerate(stream):
            if place in kills:
                world.owners[0].kill()
                world.start_owner(0)
            verdict = world.judge(text, person=bytes(16))
            numbers[verdict.id] = place
            outcome.append((verdict.status, numbers.get(verdict.duplicate_of), round(verdict.score, 9), verdict.snapshot))
        outcomes.append(outcome)
        assert {word.epoch for word in verdict.consulted} == {len(kills) + 1}
        world.signer.kill()
        world.owners[0].kill()
        world.close()
    assert outcomes[0] == outcomes[1]
    assert {status for status, *_ in outcomes[0]} >= {COUNTED, DUPLICATE}
    assert outcomes[0][-1][3] >= 2, "snapshots were published on the way"


def test_whole_before_it_answers(lone_world):
    """An owner whose rebuild waits for PostgreSQL is not ready, and the submission is answered by it afterwards."""
    world = lone_world.start()
    text = prose(world.source)
    first = world.judge(text)
    world.owners[0].kill()
    lock = world.server.connect()
    lock.cursor().execute("LOCK TABLE signature")
    owner = world.start_owner(0, ready=False)
    await_condition(lambda: "learns the latest texts" in owner.get("/readyz")[1], 10, "the rebuild to begin")
    copy = world.validated(edited(world.source, text))
    world.hand_out(copy)
    assert world.quota.take() is None and owner.get("/readyz")[0] == 503
    lock.rollback()
    lock.close()
    verdict = world.verdicts(1)[copy.submission.id]
    assert verdict.duplicate_of == first.id and verdict.consulted[0].epoch == 2


def test_gives_back_what_no_owner_answers(lone_world):
    """Silence would make poison of it: it goes back to be handed out again, and comes through once there is an owner."""
    world = lone_world.start(owners=False, DEDUPLICATION_HOLD_MS="300")
    submission = world.validated(prose(world.source))
    handed_out = world.hand_out(submission)
    rejected = await_condition(lambda: world.validation.ack(handed_out), 10).rejected
    assert [(item.index, item.retry) for item in rejected] == [(0, True)]
    world.start_owner(0)
    world.signer.await_ready()
    world.hand_out(submission)
    assert world.verdicts(1)[submission.submission.id].status == COUNTED


def test_postgresql_away_and_back(lone_world):
    world = lone_world.start(DEDUPLICATION_HOLD_MS="60000")
    text = prose(world.source)
    first, copy = world.judge(text), world.validated(edited(world.source, text))
    world.server.stop(immediate=True)
    world.hand_out(copy)
    await_condition(lambda: world.signer.get("/readyz")[0] == 503, 10, "the signer to say so")
    world.server.start()
    assert world.verdicts(1)[copy.submission.id].duplicate_of == first.id
    world.signer.await_ready()


def test_superseded_owner_ends(lone_world):
    world = lone_world.start()
    world.judge(prose(world.source))
    world.server.query("UPDATE index_shard SET epoch = epoch + 1")
    await_condition(lambda: not world.owners[0].process.running(), 10, "the owner to end")
    assert world.owners[0].process.child.returncode == 75
    assert world.owners[0].log_events("shard_superseded")


def test_refuses_poison_alone(lone_world):
    world = lone_world.start()
    good, bad = world.validated(prose(world.source)), world.validated("x")
    bad.submission.fields.description = b"\xff\xfe bad"
    handed_out = world.validation.hand_out([b"\xff\xff", good.SerializeToString(), bad.SerializeToString()])
    assert world.verdicts(1)[good.submission.id].status == COUNTED
    rejected = await_condition(lambda: world.validation.ack(handed_out)).rejected
    assert [(item.index, item.retry) for item in rejected] == [(0, False), (2, False)]


def test_quarantines_what_quota_refuses(lone_world):
    world = lone_world.start()
    submission = world.validated(prose(world.source))
    world.hand_out(submission)
    batch = await_condition(world.quota.take, 15, "the verdict")
    world.quota.acknowledge(batch[0], [(0, "no", False)])
    rows = await_condition(lambda: world.server.query("SELECT submission_id, stage, reason FROM quarantine"))
    assert rows == [(str(uuid.UUID(bytes=submission.submission.id)), "quota", "no")]


def test_drains(lone_world):
    world = lone_world.start()
    submission = world.validated(prose(world.source))
    world.hand_out(submission)
    world.verdicts(1)
    assert world.signer.stop() == 0 and world.owners[0].stop() == 0


@pytest.mark.parametrize("settings,complaint", [
    ({"DEDUPLICATION_ROLE": "judge"}, "DEDUPLICATION_ROLE must be sign or index"),
    ({"DEDUPLICATION_ROLE": "sign"}, "DEDUPLICATION_UPSTREAM, DEDUPLICATION_EDGE and DEDUPLICATION_ASK"),
    ({"DEDUPLICATION_ROLE": "index"}, "DEDUPLICATION_ASKERS must be given"),
    ({"DEDUPLICATION_ROLE": "index", "DEDUPLICATION_ASKERS": "x", "DEDUPLICATION_SHARD": "2"}, "must be below"),
    ({"DEDUPLICATION_ROLE": "index", "DEDUPLICATION_SHARDS": "65"}, "DEDUPLICATION_SHARDS"),
])
def test_bad_settings_are_named(start_service, settings, complaint):
    service = start_service("deduplication", {"SANGKIEN_PG": "host=/nowhere", "SANGKIEN_KEYS": "/nowhere", **settings},
                            ready=False)
    await_condition(lambda: not service.process.running(), 10, "the service to end")
    assert service.process.child.returncode == 78 and complaint in service.process.output()
