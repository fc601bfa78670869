"""Each fsync and fdatasync of PostgreSQL takes 300 ms more, and more is sent than such a disk takes.

Would catch: a queue that grows instead of a 503, clients that wait for ever, a backlog that outlives the slowness.
"""
import os
import shutil
import subprocess
import threading
import time

from harness.process import children
from harness.waiting import await_condition

from ..world import NotRun

TITLE = "slow disk: 300 ms more for every fsync"
DELAY_US, SLOW_S, QUEUE = 300000, 12, 16
P99_S = 8.0  # a request that is not refused is answered, one way or the other, in its ten seconds


def attach(fault, pids, inject):
    """strace on all of them; their children to come too."""
    argv = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fsync,fdatasync", "-e", f"inject=fsync,fdatasync:{inject}"]
    for pid in pids:
        argv += ["-p", str(pid)]
    tracer = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    fault.at_end.append(lambda: tracer.poll() is None and tracer.terminate())

    def attached():
        if tracer.poll() is not None:
            raise NotRun("strace may not attach here: " + tracer.stderr.read().decode().strip()[:200])
        return all(traced(pid) for pid in pids if os.path.exists(f"/proc/{pid}"))
    await_condition(attached, 30, "strace to be attached")
    return tracer


def traced(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            return next(line for line in file if line.startswith("TracerPid:")).split()[1] != "0"
    except OSError:
        return True


def slow(fault):
    if shutil.which("strace") is None:
        raise NotRun("strace is not installed")
    world = fault.world(INTAKE_QUEUE=str(QUEUE), load={"clients": 64, "rate": 400})
    postmaster = world.system.pid("postgresql")
    tracer = attach(fault, [postmaster, *children(postmaster)], f"delay_enter={DELAY_US}")
    began = time.monotonic()
    await_condition(lambda: time.monotonic() - began > SLOW_S and world.load.statuses(began)[503] > 0, 60 * fault.patience,
                    "load to be shed")
    ended = time.monotonic()
    tracer.terminate()
    threading.Thread(target=tracer.wait, daemon=True).start()
    statuses, took = world.load.statuses(began), world.load.latencies(began, ended)
    p99 = took[int(len(took) * 0.99)]
    world.healed()
    fault.note(shed=statuses[503], taken=statuses[202] + statuses[200], p99_s=round(p99, 2))
    assert p99 <= P99_S * fault.patience, f"p99 {p99:.1f} s"


SCENARIOS = {"delay": slow}
