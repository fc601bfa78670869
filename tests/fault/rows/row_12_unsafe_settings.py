"""PostgreSQL started with a setting under which it forgets what it has committed when the machine goes down.

Would catch: receipts given on such a server by a system that is in production.
"""
import os
import time

from harness.waiting import await_condition

TITLE = "unsafe PostgreSQL settings: services refuse to start in production, naming the setting"
SERVICES = ("intake-1", "validation-1", "deduplication-1", "deduplication-index-0", "quota-1", "notification-1", "leaderboard-1")


def restart_postgresql(world):
    pid = world.system.pid("postgresql")
    world.system.control("postgresql", "-r")
    await_condition(lambda: world.system.pid("postgresql") not in (pid, -1), 60 * world.patience, "PostgreSQL to be started anew")


def refused(setting):
    def run(fault):
        world = fault.world(load={"rate": 60})
        conf = os.path.join(world.system.run, "pg", "conf.d", "unsafe.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"{setting} = off\n")
        os.chmod(conf, 0o644)
        restart_postgresql(world)

        def all_refuse():
            late = [name for name in SERVICES if f"{setting}=off" not in world.system.log(name)]
            assert not late, late
            return True
        await_condition(all_refuse, 90 * fault.patience, f"every service to name {setting}")
        given, began = len(world.load.receipts), time.monotonic()
        await_condition(lambda: time.monotonic() - began > 2, 30, "a while with that server")
        assert len(world.load.receipts) == given, "receipts on a server that may forget them"
        os.unlink(conf)
        restart_postgresql(world)
        for name in SERVICES:
            world.system.await_ready(name, 90 * fault.patience)
        world.healed()
    return run


SCENARIOS = {setting: refused(setting) for setting in ("fsync", "synchronous_commit", "full_page_writes")}
