"""PostgreSQL fails over to a synchronous standby, under load.

Would catch: a receipt given before the standby had it, connections that stay with a server that is gone, boards of a history
that ended.
"""
import time

from fault.standby import Standby
from harness.waiting import await_within

TITLE = "fail-over to a synchronous standby"
WRITES_S = 30


def fail_over(fault):
    world = fault.world("intake=2", "quota=2")
    standby = Standby(fault, world.system).start()
    world.load.await_receipts(100, 60 * fault.patience)
    began = time.monotonic()
    standby.take_over()
    given, took_over_s = len(world.load.receipts), time.monotonic() - began
    await_within(lambda: len(world.load.receipts) > given, WRITES_S * fault.patience - took_over_s,
                 "writes after the fail-over, from the moment when the old primary was lost")
    world.healed(rebuilt=True)
    fault.note(took_over_s=round(took_over_s, 1), writes_again_s=round(time.monotonic() - began, 1))
    world.load.await_receipts(50, 60 * fault.patience)


SCENARIOS = {"promote": fail_over}
