"""The disk under PostgreSQL is full for a while.

Would catch: a receipt for what could not be written, an intake that has to be started again, a decision lost in between.
"""
import errno
import os
import pwd
import subprocess
import time

from fault.world import NotRun
from harness.system import System
from harness.waiting import await_condition

TITLE = "disk full under PostgreSQL"
SIZE_MIB = 700


def small_disk(fault, system):
    """A file system of its own for pg/, before PostgreSQL's cluster is made there."""
    account = pwd.getpwnam("postgres")
    folder = f"{system.run}/pg"
    for path in (system.run, folder):
        os.mkdir(path)
        os.chown(path, account.pw_uid, account.pw_gid)
        os.chmod(path, 0o755)
    options = f"size={SIZE_MIB}m,uid={account.pw_uid},gid={account.pw_gid},mode=0700"
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "sangkien", folder], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise NotRun(f"no file system can be mounted here: {made.stderr.strip()}")
    fault.at_end.append(lambda: subprocess.run(["umount", "-l", folder], check=False))
    return folder


def fill(path):
    """To the last block, whatever else is written there meanwhile."""
    try:
        with open(path, "wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def full(fault):
    if os.geteuid() != 0:
        raise NotRun("only root mounts a small disk")
    system = System()
    folder = small_disk(fault, system)
    fault.systems.append(system)
    world = fault.adopt(system.up())
    world.load.await_receipts(80, 120 * fault.patience)
    filler, pids = f"{folder}/filler", {name: system.pid(name) for name in system.instances()}
    for _ in range(2):
        refused = world.load.counts[503]
        began = time.monotonic()
        fill(filler)
        await_condition(lambda: world.load.counts[503] > refused + 20, 90 * fault.patience,
                        "clients to be told by 503 that nothing can be kept now")
        given = len(world.load.receipts)
        os.unlink(filler)
        world.healed(rebuilt=True)
        await_condition(lambda: len(world.load.receipts) > given + 40, 90 * fault.patience, "receipts again, unaided")
        fault.note(full_s=round(world.healed_at - began, 1), again_s=round(time.monotonic() - world.healed_at, 1))
    ended = [name for name, pid in pids.items() if system.pid(name) != pid]
    assert not ended, f"no service goes down with a full disk: {ended}"


SCENARIOS = {"tmpfs": full}
