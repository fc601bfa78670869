"""Workers that are stopped past their lease and then go on as if nothing had been.

Would catch: a late verdict that counts a second time, a late acknowledgement that ends somebody else's custody, an index owner of
before whose verdicts (it does not know the texts since) are still taken.
"""
import collections
import os
import re
import signal
import time

from harness.process import Process
from harness.waiting import await_condition

TITLE = "a zombie worker: SIGSTOP past its lease, then SIGCONT"
LEASE_S, SILENCE_S = 1.0, 3.0  # a worker that is silent for so long has lost its connections, and what came over them
LEASES = {f"{stage}_LEASE_MS": str(int(LEASE_S * 1000)) for stage in ("INTAKE", "VALIDATION", "DEDUPLICATION")}
OTHERS_DECIDED = 60


def stopped(fault, world, name, until):
    """Stops an instance, waits, lets it go on."""
    pid = world.system.pid(name)
    fault.at_end.append(lambda: go_on(pid))
    os.kill(pid, signal.SIGSTOP)
    try:
        until()
    finally:
        go_on(pid)


def go_on(pid):
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def decided(system):
    return system.query("SELECT count(*) FROM decision WHERE revision = 1")[0][0]


def every_stage(fault):
    """Two of each, so that the other takes over what the stopped one holds; its late words must change nothing. Each stands still
    twice: past its lease while its connections live, so that it finds work of before and does it; and until they are lost."""
    world = fault.world("validation=2", "deduplication=2", "quota=2", **LEASES)
    for name in fault.dice.sample(["validation-1", "deduplication-2", "quota-1", "validation-2", "quota-2", "deduplication-1"], 6):
        for still_s, others in ((2 * LEASE_S, 0), (SILENCE_S + LEASE_S, OTHERS_DECIDED)):
            world.load.await_receipts(20, 60 * fault.patience)

            def others_go_on(began=time.monotonic(), before=decided(world.system), still_s=still_s, others=others):
                await_condition(lambda: time.monotonic() - began > still_s and decided(world.system) >= before + others,
                                60 * fault.patience, f"the others to decide while {name} stands still")
            stopped(fault, world, name, others_go_on)
    world.healed()
    world.load.end(60 * fault.patience)
    world.system.await_decided(world.campaign, 120 * fault.patience)
    late = late_words(world.system)
    fault.note(**late)
    assert sum(late.values()) > 0, "no zombie said anything late, so nothing was fenced off"


def late_words(system):
    """What was said for the second time, once everything is decided: of a zombie to the stage before it (heard, or lost with its
    connection), and verdicts that it handed on although another had taken over."""
    figures = collections.Counter()
    for name in system.instances():
        for key, value in system.metrics(name).items():
            figures[re.sub(r"sangkien_[a-z]+_edge_", "edge_", key.split("{")[0])] += int(value)
            if key == 'sangkien_quota_edge_received_items_total{edge="from_verdict_reached"}':
                figures["verdicts"] += int(value)
    first = sum(figures[f"sangkien_quota_{word}_total"] for word in ("submissions_decided", "verdicts_sent_back", "verdicts_refused"))
    return {"late_acknowledgements": figures["edge_late_acknowledgements_total"] + figures["edge_lost_acknowledgements_total"],
            "late_verdicts": figures["verdicts"] - first}


def index_environment(system, number):
    """What s6 gives the owner of the shard, for another of the same shard."""
    env = system.environment("deduplication-index-0")
    env.update(SANGKIEN_INSTANCE=f"deduplication-index-0-{number}", SANGKIEN_READY_FD="0",
               SANGKIEN_ADMIN_FILE=f"{system.run}/instances/other-index-{number}")
    return env


def two_owners(fault):
    """The owner of the index is taken for dead, another raises the epoch, rebuilds and answers; then the first goes on."""
    world = fault.world("deduplication=2", **LEASES)
    system = world.system
    epoch = lambda: system.query("SELECT epoch FROM index_shard WHERE shard = 0")[0][0]  # noqa: E731
    first = epoch()

    def another_takes_over():
        log = os.path.join(system.run, "log", "other-index")
        other = Process([os.path.join(system.run, "bin", "deduplication")], log, env=index_environment(system, 1), as_owner=True)
        fault.at_end.append(other.kill)
        await_condition(lambda: epoch() > first, 60 * fault.patience, "the other to raise the epoch")
        before = decided(system)
        await_condition(lambda: decided(system) >= before + OTHERS_DECIDED, 60 * fault.patience, "the other to answer")
    stopped(fault, world, "deduplication-index-0", another_takes_over)
    world.load.await_receipts(60, 60 * fault.patience)
    world.healed()
    refused = sum(value for key, value in system.metrics("quota-1").items() if "sent_back" in key or "refused" in key)
    fault.note(epochs=epoch() - first, verdicts_fenced=int(refused))


SCENARIOS = {"stages": every_stage, "index-owner": two_owners}
