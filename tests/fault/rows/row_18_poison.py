"""Frames and messages that are none, and a submission that kills whoever takes it.

Would catch: a service that falls over what it cannot read, poison that is tried for ever or takes its neighbours with it, a
quarantine that nobody sees or that gives a submission back twice.
"""
import json
import os
import random

from harness.edge import Upstream, messages
from harness.texts import distinct_text
from harness.waiting import await_condition

TITLE = "malformed protobuf, and a poison message"
DEADLY = "thuốc độc"
FRAMES = 200
FRAMES_AN_EDGE, BATCHES_AN_EDGE = 50, 5
# Behind validation: what is said there, whose keys it has, and who takes it.
EDGES = {"validation-9": ("KIND_SUBMISSION_VALIDATED", "validation", "deduplication-1"),
         "sign-9": ("KIND_TEXT_SIGNED", "deduplication", "deduplication-index-0"),
         "questions-9": ("KIND_TEXT_QUESTIONED", "intake", "deduplication-1"),
         "deduplication-9": ("KIND_VERDICT_REACHED", "deduplication", "quota-1"),
         "reviews-9": ("KIND_REVIEW_REQUESTED", "intake", "quota-1"),
         "quota-decisions-9": ("KIND_DECISION_REACHED", "quota", "intake-1"),
         "quota-outbox-9": ("KIND_OUTBOX_DUE", "quota", "notification-1")}


def corpus(dice):
    """Bodies that are no SubmissionReceived: nothing, noise, one cut short, one with bits turned, ids of a wrong length. None may
    be whole by chance: an intake's word is taken, and would be counted."""
    whole = messages("submission").SubmissionReceived(id=bytes(16), campaign=1, unit=1, received_at=1)
    bare = whole.SerializeToString()  # without a person and fields
    whole.fields.description = distinct_text("corpus").encode()
    good = whole.SerializeToString()
    yield from (b"", b"\xff", b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 500)
    for size in (0, 1, 15, 17, 4000):
        whole.id = bytes(size)
        yield whole.SerializeToString()
    while True:
        kind = dice.randrange(3)
        if kind == 0:
            yield dice.randbytes(dice.randrange(1, 3000))
        elif kind == 1:
            yield good[:dice.randrange(len(good))]
        else:
            bits = bytearray(bare)
            for _ in range(dice.randrange(1, 8)):
                bits[dice.randrange(len(bits))] ^= 1 << dice.randrange(8)
            yield bytes(bits)


def nothing_at_all(dice):
    """The same for any kind of message: nothing that could be read as one, or with an id of no submission."""
    yield from (b"", b"\xff", b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 500)
    yield from (b"\x0a\x00", b"\x0a\x01x", b"\x0a\x11" + b"x" * 17)
    while True:
        yield b"\xff" * 11 + dice.randbytes(dice.randrange(3000))  # a number without an end


def stranger_at(fault, system, edge, kind, owner, taker):
    """One more upstream instance, with the right key, that the taker has found."""
    endpoint = f"{system.run}/edge/{edge}"
    upstream = Upstream("ipc://" + endpoint, kind, system.key_pair(owner))
    fault.at_end.append(upstream.close)
    os.chmod(endpoint, 0o777)
    await_condition(lambda: upstream.has_worker(taker), 60 * fault.patience, f"{taker} to find the stranger at {edge}")
    return upstream


def at_every_edge(fault):
    """To each service that takes messages, from one that has the keys of who sends them."""
    world = fault.world()
    system, dice = world.system, random.Random(world.seed)
    before = {name: system.pid(name) for name in system.instances()}
    for edge, (kind, owner, taker) in EDGES.items():
        upstream, bodies = stranger_at(fault, system, edge, kind, owner, taker), nothing_at_all(dice)
        for _ in range(FRAMES_AN_EDGE):
            upstream.socket.send_multipart([upstream.worker, dice.randbytes(dice.randrange(0, 2000))])
        for _ in range(BATCHES_AN_EDGE):
            batch = upstream.hand_out([next(bodies) for _ in range(10)], taker)
            await_condition(lambda batch=batch: upstream.ack(batch), 60 * fault.patience, f"{taker} to answer to {edge}")
        upstream.close()
        os.unlink(f"{system.run}/edge/{edge}")
    ended = [name for name, pid in before.items() if system.pid(name) != pid]
    assert not ended, f"fell over: {ended}"
    world.healed()
    fault.note(edges=len(EDGES), items=len(EDGES) * BATCHES_AN_EDGE * 10, frames=len(EDGES) * FRAMES_AN_EDGE)


def malformed(fault):
    """From an intake with the right key, to validation."""
    world = fault.world()
    upstream = stranger_at(fault, world.system, "intake-9", "KIND_SUBMISSION_RECEIVED", "intake", "validation-1")
    pid = world.system.pid("validation-1")
    bodies, dice = corpus(fault.dice), random.Random(world.seed)
    acknowledged = 0
    for _ in range(FRAMES // 10):
        batch = upstream.hand_out([next(bodies) for _ in range(10)])
        await_condition(lambda batch=batch: upstream.ack(batch), 60 * fault.patience, "an acknowledgement")
        acknowledged += len(upstream.acks[batch].rejected)
    for _ in range(FRAMES):  # frames that are no envelope at all
        upstream.socket.send_multipart([upstream.worker, dice.randbytes(dice.randrange(0, 2000))])
    batch = upstream.hand_out([b""])
    await_condition(lambda: upstream.ack(batch), 60 * fault.patience, "validation to go on")
    assert world.system.pid("validation-1") == pid, "it fell over"
    upstream.close()
    os.unlink(f"{world.system.run}/edge/intake-9")
    world.healed()
    fault.note(items=FRAMES, refused=acknowledged, frames=FRAMES)


def waiting(system):
    return json.loads(system.tool("quarantine", "list", "--json").stdout)["quarantine"]


def poison(fault):
    """A text at which validation dies, each time; everything else goes on, and replayed it is decided once."""
    world = fault.world("validation=2", INTAKE_LEASE_MS="3000")
    system = world.system
    for name in ("validation-1", "validation-2"):
        system.restart_with(name, SANGKIEN_FAILPOINT="validation-text", SANGKIEN_FAILPOINT_TEXT=DEADLY)
    for name in ("validation-1", "validation-2"):
        system.await_ready(name, 60 * fault.patience)
    key = f"{world.seed}-poison"
    answer = system.submit("demo", {"full_name": "Trần Văn Hải", "phone": "0812345678", "unit": "01.018.LIXIL", "block": "public",
                                    "description": f"{DEADLY} {distinct_text(key)}"}, Idempotency_Key=key)
    assert answer.status == 202, answer.body
    receipt = answer.json()
    world.load.adopt(key, receipt)
    await_condition(lambda: waiting(system), 120 * fault.patience, "the poison to be in quarantine")
    (kept,) = waiting(system)
    assert kept["tracking_code"] == receipt["tracking_code"], kept
    shown = system.tool("quarantine", "show", receipt["tracking_code"]).stdout
    assert DEADLY not in shown
    for name in ("validation-1", "validation-2"):
        system.restart_with(name, SANGKIEN_FAILPOINT=None, SANGKIEN_FAILPOINT_TEXT=None)
        system.await_ready(name, 60 * fault.patience)
    for _ in range(2):
        system.tool("quarantine", "replay", receipt["tracking_code"], check=False)
    world.healed()
    decided = lambda: system.get(receipt["status_url"]).json()["status"] == "counted"  # noqa: E731
    await_condition(decided, 90 * fault.patience, "the replayed one to count")
    fault.note(attempts=kept["attempts"], stage=kept["stage"])


SCENARIOS = {"malformed": malformed, "every-edge": at_every_edge, "poison": poison}
