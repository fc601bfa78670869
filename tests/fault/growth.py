"""What must be as small after a fault as before it (law 8), besides the memory that is measured all along: what every queue,
edge and window holds, descriptors, connections and transactions of PostgreSQL, keys in Redis."""
import collections
import os
import re

from harness.process import children
from harness.waiting import await_condition

# A queue that is empty says 0: what waits or is leased on an edge, what a worker has in hand, what intake has under way.
QUEUES = re.compile(r"_edge_depth_items|_edge_held_batches|^sangkien_intake_(queue|window|pending)_submissions$")
EMPTY_S, SETTLED_S = 120, 60  # a place in a window that nobody freed is looked after when its lease ends
DESCRIPTORS, CONNECTIONS = 64, 8  # more than before: clients that are still connected, and what an instance opens when needed
IDLE_S = 10
EDGE = "edge"


def census(system):
    """{what: how many} of what may not grow."""
    found = collections.Counter()
    for name in system.instances():
        found[f"descriptors of {name}"] = descriptors(system.pid(name))
    found["descriptors of nginx"] = sum(map(descriptors, children(system.pid(EDGE))))
    for user, count in system.query("SELECT usename::text, count(*) FROM pg_stat_activity WHERE usename LIKE 'sk\\_%' "
                                    "AND usename <> 'sk_owner' GROUP BY 1"):
        found[f"connections of {user}"] = count
    return found


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0  # between two lives


def nothing_is_left(world):
    """Everything is decided and the load has ended."""
    await_condition(lambda: queues_are_empty(world.system), EMPTY_S * world.patience, "every queue to be empty")
    await_condition(lambda: is_as_before(world), SETTLED_S * world.patience, "descriptors and connections to be given back")
    await_condition(lambda: redis_is_tidy(world.system, world.campaign_id), SETTLED_S * world.patience, "Redis to be tidy")
    world.measured["descriptors"] = max(count for what, count in census(world.system).items() if what.startswith("desc"))


def queues_are_empty(system):
    held = {f"{instance} {name}": int(value) for instance in system.instances() for name, value in system.metrics(instance).items()
            if QUEUES.search(name) and value}
    assert not held, held
    return True


def is_as_before(world):
    now = census(world.system)
    more = {what: f"{world.before[what]} before, {count} now" for what, count in now.items()
            if count > world.before[what] + (DESCRIPTORS if what.startswith("descriptors") else CONNECTIONS)}
    assert not more, more
    stuck = world.system.query("SELECT application_name, query FROM pg_stat_activity WHERE usename LIKE 'sk\\_%%' AND "
                               "state LIKE 'idle in transaction%%' AND xact_start < now() - make_interval(secs => %s)", (IDLE_S,))
    assert not stuck, f"transactions that nobody ends: {stuck}"
    return True


def redis_is_tidy(system, campaign):
    """Of a board one generation, and no key of the rate limit that never ends."""
    client = system.redis()
    board = f"board:{{c{campaign}}}:"
    current = client.hget(board + "meta", "generation")
    stale = [key for key in client.scan_iter(match=board + "g[0-9]*", count=1000)
             if not key.startswith(f"{board}g{int(current or 0)}:".encode())]
    assert not stale, f"{len(stale)} keys of generations that are over: {stale[:3]}"
    endless = [key for key in client.scan_iter(match="rate:*", count=1000) if client.ttl(key) == -1]
    assert not endless, f"{len(endless)} keys without an end: {endless[:3]}"
    return True
