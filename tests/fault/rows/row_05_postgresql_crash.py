"""PostgreSQL crashes: told to stop at once, its postmaster killed, one of its processes killed.

Would catch: a receipt for what the crash took, an unknown outcome that is guessed, a service that needs a hand afterwards.
"""
import os
import signal
import time

from harness.process import children
from harness.waiting import await_condition

TITLE = "PostgreSQL crash: -m immediate, kill -9 of the postmaster, kill -9 of a backend"


def exists(pid):
    return os.path.exists(f"/proc/{pid}")


def kill_postmaster(system, _dice):
    """Its children must be gone before another may use the same memory; PostgreSQL sees to that itself."""
    pid = system.pid("postgresql")
    left = children(pid)
    os.kill(pid, signal.SIGKILL)
    await_condition(lambda: not any(exists(child) for child in left), 60, "the postmaster's children to go")


def stop_immediate(system, _dice):
    os.kill(system.pid("postgresql"), signal.SIGQUIT)


def kill_backend(system, dice):
    rows = system.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
                        "AND application_name LIKE ANY (ARRAY['intake receipt%', 'quota%'])")
    os.kill(dice.choice(rows)[0], signal.SIGKILL)


def answers(system):
    try:
        return system.query("SELECT NOT pg_is_in_recovery()")[0][0]
    except Exception as error:
        raise AssertionError(str(error)) from error


def crash(how, times):
    def run(fault):
        world = fault.world("intake=2", "quota=2", INTAKE_LEASE_MS="5000")
        gaps = []
        for _ in range(times):
            world.load.await_receipts(fault.dice.randrange(20, 80), 60 * fault.patience)
            began = time.monotonic()
            how(world.system, fault.dice)
            await_condition(lambda: answers(world.system), 60 * fault.patience, "PostgreSQL to be back")
            world.load.await_receipts(20, 60 * fault.patience)
            gaps.append(world.load.longest_gap(began))
        world.healed()
        unknown = sum(world.system.metric(f"intake-{n}", "sangkien_intake_unknown_outcomes_total") for n in (1, 2))
        fault.note(crashes=times, longest_gap_s=round(max(gaps), 1), unknown_outcomes=int(unknown))
    return run


SCENARIOS = {"immediate": crash(stop_immediate, 3), "postmaster": crash(kill_postmaster, 3), "backend": crash(kill_backend, 4)}
