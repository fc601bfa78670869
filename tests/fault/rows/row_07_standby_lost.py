"""The synchronous standby is lost, and somebody cancels the waits for it; then the primary is lost too.

Would catch: a receipt for what one disk alone has. A cancelled wait answers a normal INSERT tag with a WARNING, and the row can
be looked up: neither is durability.
"""
import time

from fault.standby import Standby
from harness.waiting import await_condition

TITLE = "synchronous standby lost; wait cancelled"
QUIET_S, CANCELLED = 1.0, 40
WAITING = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def waits_cancelled(fault):
    world = fault.world()
    system = world.system
    standby = Standby(fault, system).start()
    world.load.await_receipts(60, 60 * fault.patience)
    standby.stop_receiving()
    await_condition(lambda: system.query(f"SELECT count(*) {WAITING}")[0][0] > 0, 60, "commits to wait for the standby")
    last = {"given": -1, "at": 0.0}

    def quiet():
        """What had been given before has reached its client."""
        if len(world.load.receipts) != last["given"]:
            last.update(given=len(world.load.receipts), at=time.monotonic())
        return time.monotonic() - last["at"] > QUIET_S
    await_condition(quiet, 60, "receipts to stop")
    cancelled = 0

    def cancel():
        nonlocal cancelled
        cancelled += system.query(f"SELECT count(*) FILTER (WHERE pg_cancel_backend(pid)) {WAITING} "
                                  "AND application_name LIKE 'intake%'")[0][0]
        return cancelled >= CANCELLED
    await_condition(cancel, 120 * fault.patience, f"{CANCELLED} cancelled waits")
    seen = system.query("SELECT count(*) FROM submission")[0][0]
    assert len(world.load.receipts) == last["given"], \
        f"{len(world.load.receipts) - last['given']} receipts were given for what the standby does not have"
    assert seen > last["given"], "no row could be seen that was not durable: nothing was tried"
    standby.take_over()
    world.healed(rebuilt=True)
    fault.note(waits_cancelled=cancelled, seen_and_lost=seen - last["given"])
    world.load.await_receipts(50, 120 * fault.patience)


SCENARIOS = {"cancelled": waits_cancelled}
