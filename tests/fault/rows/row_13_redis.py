"""Redis emptied, killed, paused, full, and put back to an old dump, under load.

Would catch: a board that stays empty, half-built or old and is called current; `ZADD GT` or increments in place of absolute values
with versions; reads that stop with Redis.
"""
import os
import re
import shutil
import time

import redis

from harness.waiting import await_condition

TITLE = "Redis emptied, killed, paused, at maxmemory, put back to an old dump"
PAUSE_MS = 6000


def board_answers(system):
    board = system.board("demo")
    assert board["current"] is True, "PostgreSQL answers while Redis does not"
    return board["source"]


def answers(system):
    try:
        return system.redis().ping()
    except redis.exceptions.RedisError as error:
        raise AssertionError(str(error)) from error


def rebuilds(system):
    return int(system.metric("quota-1", "sangkien_quota_board_rebuilds_total"))


def from_postgresql(world):
    """Read while Redis does not answer, or does not have what was decided last."""
    await_condition(lambda: board_answers(world.system) == "postgresql", 60 * world.patience, "boards from PostgreSQL")


def from_redis_again(world):
    """Repaired: the public page reads Redis once more."""
    await_condition(lambda: world.system.board("demo")["source"] == "redis", 60 * world.patience, "boards from Redis again")
    world.measured["rebuilds"] = rebuilds(world.system)


def flushall(fault):
    world = fault.world()
    before = rebuilds(world.system)
    for _ in range(3):
        world.load.await_receipts(40, 60 * fault.patience)
        world.system.redis().flushall()
        board_answers(world.system)
    world.healed(rebuilt=True)
    await_condition(lambda: rebuilds(world.system) > before, 60 * fault.patience, "quota to build the board anew")
    from_redis_again(world)


def killed(fault):
    world = fault.world()
    for _ in range(3):
        world.load.await_receipts(30, 60 * fault.patience)
        world.system.kill("redis")
        board_answers(world.system)
        await_condition(lambda: answers(world.system), 60 * fault.patience, "Redis to be back")
    world.system.control("redis", "-d")
    world.load.await_receipts(100, 60 * fault.patience)
    assert board_answers(world.system) == "postgresql"
    world.system.control("redis", "-u")
    await_condition(lambda: answers(world.system), 60 * fault.patience, "Redis to be back")
    world.healed(rebuilt=True)
    from_redis_again(world)


def paused(fault):
    """It takes connections and answers nothing; what waited is done all at once at the end."""
    world = fault.world()
    for _ in range(2):
        world.load.await_receipts(30, 60 * fault.patience)
        began = time.monotonic()
        world.system.redis().client_pause(int(PAUSE_MS * fault.patience), all=True)
        from_postgresql(world)
        await_condition(lambda: answers(world.system), 60 * fault.patience, "Redis to answer again")
        assert time.monotonic() - began > PAUSE_MS / 2000, "it was not paused"
    world.healed(rebuilt=True)
    fault.note(longest_gap_s=round(world.load.longest_gap(world.load.began), 1))
    from_redis_again(world)


def fill(client):
    """Until it refuses; how often it has refused so far."""
    try:
        while True:
            client.rpush("filler", "x" * 10000)
    except redis.exceptions.ResponseError:
        return refusals(client)


def refusals(client):
    """How often, since its start ("count=7", which not every version of the client takes apart)."""
    return int(re.search(r"\d+", str(client.info("errorstats").get("errorstat_OOM", 0))).group())


def full(fault):
    """Every write is refused with OOM, which comes as an error reply and not as a broken connection."""
    world = fault.world()
    client = world.system.redis()
    client.config_set("maxmemory", "3mb")
    ours = fill(client)
    world.load.await_receipts(200, 60 * fault.patience)
    from_postgresql(world)
    assert refusals(client) > ours, "no write of a service was refused"
    client.delete("filler")
    client.config_set("maxmemory", "2gb")
    world.healed(rebuilt=True)
    from_redis_again(world)


def old_dump(fault):
    """As a restored backup: everything in it is well-formed, and a while old."""
    world = fault.world()
    client = world.system.redis()
    client.save()
    dump = os.path.join(world.system.run, "redis", "dump.rdb")
    shutil.copyfile(dump, dump + ".old")
    for _ in range(2):
        world.load.await_receipts(80, 60 * fault.patience)
        shutil.copyfile(dump + ".old", dump)
        world.system.kill("redis")
        await_condition(lambda: answers(world.system), 60 * fault.patience, "Redis to be back with the old board")
        board_answers(world.system)
    world.healed(rebuilt=True)
    from_redis_again(world)


SCENARIOS = {"flushall": flushall, "kill": killed, "pause": paused, "maxmemory": full, "old-dump": old_dump}
