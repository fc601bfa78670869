"""Would catch: a criterion of growth that nothing could fail. Each thing that may not grow is made to, in a system that is none."""
import collections
import types

import pytest

from fault import growth

QUIET = {'sangkien_quota_edge_depth_items{edge="quota-outbox"}': 0.0, "sangkien_intake_window_submissions": 0.0,
         "sangkien_quota_edge_handed_out_items_total": 9.0}


class Quiet:
    """Nothing is left anywhere."""

    def __init__(self):
        self.figures, self.connections, self.stuck, self.keys = dict(QUIET), 6, [], {b"board:{c1}:g5:0:0": -1, b"rate:x": 60}

    def instances(self):
        return ["quota-1"]

    def metrics(self, _instance):
        return self.figures

    def pid(self, _name):
        return -1  # has no descriptors

    def query(self, sql, _values=None):
        return self.stuck if "idle in transaction" in sql else [("sk_quota", self.connections)]

    def redis(self):
        return types.SimpleNamespace(
            hget=lambda key, field: b"5", ttl=self.keys.get,
            scan_iter=lambda match, count: [key for key in self.keys if key.startswith(match.split("*")[0].split("[")[0].encode())])


def look(system):
    world = types.SimpleNamespace(system=system, before=collections.Counter({"connections of sk_quota": 6}))
    return growth.queues_are_empty(system) and growth.is_as_before(world) and growth.redis_is_tidy(system, 1)


GROWN = {
    "an edge that holds something": lambda system: system.figures.update({'sangkien_quota_edge_depth_items{edge="x"}': 1.0}),
    "a batch in hand": lambda system: system.figures.update({'sangkien_quota_edge_held_batches{edge="x"}': 1.0}),
    "a place in the window": lambda system: system.figures.update(sangkien_intake_window_submissions=1.0),
    "connections": lambda system: setattr(system, "connections", 6 + growth.CONNECTIONS + 1),
    "a transaction that nobody ends": lambda system: system.stuck.append(("quota-1", "SELECT 1")),
    "a generation that is over": lambda system: system.keys.update({b"board:{c1}:g4:0:0": -1}),
    "a key without an end": lambda system: system.keys.update({b"rate:x": -1}),
}


def test_what_is_quiet_passes():
    assert look(Quiet())


@pytest.mark.parametrize("name", GROWN)
def test_what_grew_is_named(name):
    system = Quiet()
    GROWN[name](system)
    with pytest.raises(AssertionError):
        look(system)
