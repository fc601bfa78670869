"""The wall clock of one process jumps by two days, forward and back, one process after the other.

Would catch: leases and timeouts that go by the wall clock (all of them end at once, or none for two days), an intake that
stamps receipts with a clock that is wrong (law 6).
"""
import glob
import os
import time

from fault.world import NotRun
from harness.waiting import await_condition

TITLE = "clock jumps of two days, forward and back, per process"
LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
JUMPS = ("+172800", "-172800", "+0")
TOLERATED_S = 3.0


def variable(system, instance, name, value):
    with open(f"{system.run}/services/{instance}/env/{name}", "w", encoding="ascii") as file:
        file.write(value)


def under_faketime(fault, system, instance):
    """The instance started anew with a clock that a file sets."""
    found = glob.glob(LIBRARY)
    if not found:
        raise NotRun("libfaketime is not installed")
    clock = f"{system.run}/clock-{instance}"
    set_clock(clock, "+0")
    for name, value in {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1",
                        "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}.items():
        variable(system, instance, name, value)
    system.kill(instance)
    system.await_ready(instance, 60 * fault.patience)
    return clock


def set_clock(path, jump):
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(jump + "\n")
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)


def clock_is_seen(system, instance):
    """What the instance itself says of its clock: intake compares it with PostgreSQL's."""
    return abs(system.metric(instance, "sangkien_intake_clock_offset_microseconds") or 0)


def jumps(fault):
    world = fault.world("intake=2", "validation=2", "deduplication=2", "quota=2", INTAKE_LEASE_MS="5000")
    system = world.system
    for instance in ("intake-1", "validation-1", "deduplication-1", "deduplication-index-0", "quota-1", "leaderboard-1"):
        clock = under_faketime(fault, system, instance)
        for jump in JUMPS:
            set_clock(clock, jump)
            if instance.startswith("intake"):
                off = jump != "+0"
                await_condition(lambda: (clock_is_seen(system, instance) > 10 ** 6) == off, 60 * fault.patience,
                                f"{instance} to see that its clock is off by {jump} s")
            world.load.await_receipts(60, 60 * fault.patience)
    world.healed()
    (early, late), = system.query(
        "SELECT extract(epoch FROM min(received_at))::float8, extract(epoch FROM max(received_at))::float8 FROM submission")
    began = time.time() - (time.monotonic() - world.load.began)
    assert began - TOLERATED_S < early and late < time.time() + TOLERATED_S, "a receipt bears the time of a clock that was off"
    again = sum(system.metric(f"intake-{n}", "sangkien_intake_redispatched_submissions_total") or 0 for n in (1, 2))
    fault.note(jumps=6 * (len(JUMPS) - 1), handed_out_again=int(again))


SCENARIOS = {"jumps": jumps}
