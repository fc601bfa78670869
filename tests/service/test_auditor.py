"""The audit that quota runs in the background: boards in Redis against PostgreSQL, and a slow recount of everything.

Would catch: a wrong row that stands in Redis at a version that is right (law 5; fault 14: written by an administrator's
hand), one that no later version would ever replace, keys of a stranger that stop boards for ever, a wrong total that
nobody is told of (law 4), drift reported because writes went on, two audits at once that disturb each other.
"""
import pytest

from harness.waiting import await_condition

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from test_quota import CAMPAIGN, redis_with_users, world  # noqa: E402,F401

BASE = f"board:{{c{CAMPAIGN}}}:"
QUICK = {"QUOTA_AUDIT_BOARDS_MS": "200", "QUOTA_AUDIT_RECOUNT_MS": "100", "QUOTA_AUDIT_REST": "0"}
AWAIT = 60


def drift(service, what="drift_found_rows_total"):
    name = f"sangkien_quota_audit_{what}{{check=\""
    return {key[len(name):-2]: value for key, value in service.metrics().items() if key.startswith(name) and value}


def passes(service, what):
    return service.metrics()[f'sangkien_quota_audit_passes_total{{what="{what}"}}']


def await_passes(service, what, more=2):
    """So many whole ones from now on."""
    wanted = passes(service, what) + more
    await_condition(lambda: passes(service, what) >= wanted, AWAIT, f"{more} more looks at the {what}")


def row(client, unit=2, parent=1, phase=0):
    generation = int(client.hget(BASE + "meta", "generation"))
    return f"{BASE}g{generation}:{parent}:{phase}", unit


def edit(figures):
    """An administrator writes these for unit 2, with the version that stands there."""
    def act(client):
        key, unit = row(client)
        version = client.hget(key, unit).split()[0].decode()
        client.hset(key, unit, figures.format(version=version))
    return act


def in_place_of(name, kind):
    def act(client):
        client.delete(BASE + name)
        client.set(BASE + name, kind)
    return act


def replace_rows(client):
    key, _ = row(client)
    client.delete(key)
    client.set(key, "x")


# Each leaves the version as it was, so that no comparison of versions tells.
TAMPERED = {
    "other figures at the same version": edit("{version} 9999 9999 1 0"),
    "figures that are none": edit("what"),
    "a version that no later one replaces": edit("900000000000000 9999 9999 1 0"),
    "a row that is gone": lambda client: client.hdel(*row(client)),
    "a row of a phase": lambda client: client.hset(*row(client, phase=1), "1 5 5 5 5"),
    "a row where there was none": lambda client: client.hset(*row(client, unit=5, parent=2, phase=2), "1 5 5 5 5"),
    "the root's row": lambda client: client.hset(*row(client, unit=1, parent=0), "1 5 5 5 5"),
    "rows that are a text": replace_rows,
}
KEYS = {
    "a lock that never ends": in_place_of("rebuild", "x"),
    "a head that is a text": in_place_of("meta", "x"),
    "generations that are a text": in_place_of("generations", "x"),
}


def test_what_a_stranger_writes_is_found_and_repaired(world):  # noqa: F811
    service = world.start(**QUICK)
    world.decide(world.submissions(40))
    world.expect_board(AWAIT)
    await_passes(service, "boards")
    assert drift(service) == {}
    for name, act in {**TAMPERED, **KEYS}.items():
        before = drift(service).get("board", 0)
        act(world.client)
        await_condition(lambda: drift(service).get("board", 0) > before, AWAIT, name + " to be found")
        world.expect_board(AWAIT)
    one_generation = lambda: len({key.decode().split(":")[2] for key in world.client.keys(BASE + "g*:*")}) == 1  # noqa: E731
    await_condition(one_generation, AWAIT, "keys that strangers made to go with their generation")
    assert set(drift(service)) == {"board"}
    assert service.metrics()["sangkien_quota_audit_repaired_boards_total"] >= len(TAMPERED)
    await_condition(lambda: drift(service, "drift_rows") == {}, AWAIT, "the gauge to fall")


def test_writes_that_go_on_are_no_drift(world):  # noqa: F811
    """Two audits of two instances are no reason either; one has the role, and another takes it over."""
    services = [world.start(name, **QUICK) for name in ("quota-1", "quota-2")]
    epochs = [lambda service=service: service.metrics()["sangkien_quota_auditor_epoch"] for service in services]
    await_condition(lambda: sorted(bool(epoch()) for epoch in epochs) == [False, True], AWAIT, "one to have the role")
    holder = 0 if epochs[0]() else 1
    wanted = {what: passes(services[holder], what) + 2 for what in ("boards", "recount")}
    number = 0

    def enough():
        nonlocal number
        number += 1
        world.decide(world.submissions(25, texts=400), ("quota-1", "quota-2")[number % 2])
        return all(passes(services[holder], what) >= wanted[what] for what in wanted)

    await_condition(enough, AWAIT, "two passes under writes")
    assert [drift(service) for service in services] == [{}, {}]
    services[holder].stop()
    await_condition(epochs[1 - holder], AWAIT, "the other to take the role over")
    await_passes(services[1 - holder], "recount", 1)
    assert drift(services[1 - holder]) == {}
    world.expect_exact()


# What is wrong, how it is undone, and which checks find it.
WRONG = [
    ("UPDATE unit_total SET entered = entered {} 1, counted = counted {} 1 WHERE unit_id = 2 AND phase = 0", {"totals", "board"}),
    ("UPDATE unit_total SET awarded = awarded {} 1 WHERE unit_id = 1 AND phase = 0", {"totals", "board"}),
    ("UPDATE unit_total SET people = people {} 1 WHERE unit_id = 1 AND phase = 0", {"people", "board"}),
    ("UPDATE unit_day SET counted = counted {} 1 WHERE unit_id = 3", {"days"}),
    ("UPDATE participation SET counted = counted {} 1 WHERE unit_id = 4", {"participation"}),
    ("UPDATE unit_round SET people = people {} 1 WHERE unit_id = 2 AND round = 1", {"rounds"}),
    ("UPDATE decision SET revision = revision {} 1 WHERE unit_id = 4", {"one_verdict"}),
    ("UPDATE submission SET campaign_id = campaign_id {} 1 WHERE unit_id = 5", {"decision_place"}),
]


def test_each_wrong_number_is_told(world):  # noqa: F811
    service = world.start(**QUICK)
    world.decide(world.submissions(60))
    world.expect_board(AWAIT)
    await_passes(service, "recount")
    assert drift(service) == {}
    for statement, checks in WRONG:
        world.server.query(statement.replace("{}", "+"))
        await_condition(lambda: checks - {"board"} <= set(drift(service, "drift_rows")), AWAIT, f"{statement} to be found")
        world.server.query(statement.replace("{}", "-"))
        await_condition(lambda: drift(service, "drift_rows") == {}, AWAIT, f"{statement} to be forgotten")
    assert service.log_events("audit_drift")
