"""fsync and fdatasync fail under PostgreSQL: what was written may be gone, so it must panic and recover from its log.

Would catch: a receipt that was given on the word of an fsync that failed, services that do not come back by themselves.
"""
import glob
import shutil
import signal
import subprocess
import time

from fault.world import NotRun
from harness.process import children
from harness.waiting import await_condition

TITLE = "fsync and fdatasync error"


def started_at(system):
    return system.query("SELECT pg_postmaster_start_time(), (SELECT min(backend_start) FROM pg_stat_activity "
                        "WHERE backend_type = 'checkpointer')")[0]


def panics(system):
    """How many its log tells of, also where that has gone on in another file."""
    count = 0
    for path in glob.glob(f"{system.run}/log/postgresql/*"):
        with open(path, encoding="utf-8", errors="replace") as file:
            count += file.read().count("PANIC")
    return count


def answers(system):
    try:
        return started_at(system)
    except Exception as error:  # it recovers
        raise AssertionError(str(error)) from error


def needs_strace():
    if shutil.which("strace") is None:
        raise NotRun("strace is not installed")
    probe = subprocess.Popen(["sleep", "60"])
    try:
        tried = subprocess.run(["timeout", "-s", "INT", "1", "strace", "-o", "/dev/null", "-p", str(probe.pid)], capture_output=True,
                               text=True, check=False)
    finally:
        probe.kill()
        probe.wait()
    if "attach" in tried.stderr and "attached" not in tried.stderr:
        raise NotRun(f"no process can be traced here: {tried.stderr.strip()}")


def eio(fault):
    needs_strace()
    world = fault.world()
    for call in ("fdatasync", "fsync"):
        world.load.await_receipts(60, 60 * fault.patience)
        before, told = started_at(world.system), panics(world.system)
        words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when=3+"]
        for pid in children(world.system.pid("postgresql")):
            words += ["-p", str(pid)]
        tracer = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            if call == "fsync":
                checkpoint(world.system)
            await_condition(lambda: answers(world.system)[1] > before[1] or None, 90 * fault.patience,
                            f"PostgreSQL to panic at a failed {call} and to recover: {words}")
        finally:
            if tracer.poll() is None:
                tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=30)
        world.healed(rebuilt=True)
        assert panics(world.system) > told, f"it did not panic at a failed {call}"
    fault.note(again_s=round(time.monotonic() - world.healed_at, 1))


def checkpoint(system):
    """Writes the data files; the connection goes with the panic."""
    connection = system.connect()
    connection.autocommit = True
    try:
        for _ in range(5):
            connection.cursor().execute("CHECKPOINT")
    except Exception:  # what it is for
        pass
    finally:
        connection.close()


SCENARIOS = {"eio": eio}
