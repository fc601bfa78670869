"""Redis emptied under load.

Would catch: a board that stays empty or half-built and is called current, `ZADD GT` or increments in place of absolute values.
"""
from harness.waiting import await_condition

TITLE = "Redis emptied, killed, paused, at maxmemory, put back to an old dump"


def flushall(fault):
    world = fault.world()
    for _ in range(3):
        world.load.await_receipts(40, 60 * fault.patience)
        world.system.redis().flushall()
        assert world.system.board("demo")["current"] is True, "PostgreSQL answers while Redis is empty"
    world.healed(rebuilt=True)
    rebuilds = lambda: world.system.metric("quota-1", "sangkien_quota_board_rebuilds_total")  # noqa: E731
    await_condition(lambda: rebuilds() >= 1, 60 * fault.patience, "quota to build the board anew")
    fault.note(rebuilds=int(rebuilds()))


SCENARIOS = {"flushall": flushall}
