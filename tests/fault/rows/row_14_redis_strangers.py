"""Redis written to by a stranger, under load; what `sangkien audit` says of it, and of a board that is right.

Would catch: an audit that takes writes that go on, or another audit, for drift, and one that looks only for what it expects; a service's login that can write what is not its own, and a wrong row at a right version, which no comparison of
versions ever tells: it would stand until the next decision for that unit.
"""
import concurrent.futures
import json
import time

import redis

from harness.waiting import await_within

TITLE = "Redis written to by a stranger"
FOUND_S = 60
ROUNDS = 5
FOUND = 'sangkien_quota_audit_drift_found_rows_total{check="board"}'
# What each login must be refused: other wings' keys, and what would hit all of them.
FOREIGN = {"intake": [("HSET", "board:{c1}:meta", "applied", "1"), ("GET", "board:{c1}:meta")],
           "leaderboard": [("HSET", "board:{c1}:meta", "applied", "1"), ("DEL", "board:{c1}:meta"), ("GET", "rate:x")],
           "quota": [("SET", "rate:x", "1"), ("GET", "rate:x")]}
EVERYBODY = [("FLUSHALL",), ("CONFIG", "SET", "maxmemory", "1mb"), ("ACL", "SETUSER", "intake", "~*"), ("KEYS", "*"), ("SAVE",)]


def login(system, user):
    with open(f"{system.run}/keys/redis-{user}.password", encoding="ascii") as file:
        password = file.read().strip()
    return redis.Redis(unix_socket_path=f"{system.run}/sock/redis.sock", username=user, password=password)


def refused(client, *words):
    try:
        client.execute_command(*words)
        return False
    except (redis.exceptions.NoPermissionError, redis.exceptions.AuthenticationError):
        return True


def each_login(fault):
    world = fault.world()
    for user, commands in FOREIGN.items():
        client = login(world.system, user)
        assert client.ping(), user
        taken = [words for words in commands + EVERYBODY if not refused(client, *words)]
        assert not taken, f"{user} may {taken}"
    nobody = redis.Redis(unix_socket_path=f"{world.system.run}/sock/redis.sock")
    assert refused(nobody, "PING"), "who has no login is let in"
    world.healed()


def row_key(world, client, unit, phase):
    generation = int(client.hget(f"board:{{c{world.campaign_id}}}:meta", "generation"))
    (parent,), = world.system.query("SELECT parent_id FROM unit WHERE campaign_id = %s AND id = %s", (world.campaign_id, unit))
    return f"board:{{c{world.campaign_id}}}:g{generation}:{parent}:{phase}"


def idle_unit(world, fault):
    """A grassroots unit that the load leaves alone: nothing that is decided writes its row."""
    rows = world.system.query(
        "SELECT id FROM unit u WHERE campaign_id = %s AND level >= 3 AND accepts_submissions AND NOT EXISTS (SELECT FROM unit_total t "
        "WHERE t.campaign_id = u.campaign_id AND t.unit_id = u.id) AND NOT code = ANY(%s) ORDER BY id",
        (world.campaign_id, world.load.units))
    return fault.dice.choice(rows)[0]


def by_hand(fault):
    """Three edits of an administrator; after each the row is PostgreSQL's again and the drift was counted."""
    world = fault.world()
    system, client, took = world.system, world.system.redis(), []
    for figures in ("{version} 777 777 7 0", "900000000000000 9 9 9 0", "nothing that can be read"):
        found, unit = system.metric("quota-1", FOUND), idle_unit(world, fault)
        meta = int(client.hget(f"board:{{c{world.campaign_id}}}:meta", "applied"))
        began = time.monotonic()
        client.hset(row_key(world, client, unit, 0), unit, figures.format(version=meta))
        await_within(lambda: client.hget(row_key(world, client, unit, 0), unit) is None, FOUND_S * fault.patience,
                        f"'{figures}' to be found and repaired")
        took.append(time.monotonic() - began)
        assert system.metric("quota-1", FOUND) > found, "it was not counted as drift"
    world.healed(rebuilt=True)
    fault.note(found_and_repaired_s=round(max(took), 1))


def found_by(done):
    """(exit code, [(unit, what)]) of an audit."""
    return done.returncode, [(row["unit"], row["what"]) for row in json.loads(done.stdout)["rows"]]


def audits(fault):
    """Two at once, again and again while writes go on; then each tells of a row that only Redis has."""
    world = fault.world("quota=2", QUOTA_AUDIT_BOARDS_MS="3600000")  # nobody mends it before they look
    system = world.system

    def both():
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return [found_by(done) for done in pool.map(lambda _: system.tool("audit", "--json", check=False), range(2))]
    for _ in range(ROUNDS):
        world.load.await_receipts(20, 60 * fault.patience)
        found = both()
        assert found == [(0, []), (0, [])], found
    unit = idle_unit(world, fault)
    (code,), = system.query("SELECT code FROM unit WHERE campaign_id = %s AND id = %s", (world.campaign_id, unit))
    client = system.redis()
    key = row_key(world, client, unit, 0)
    client.hset(key, unit, "1 777 777 7 0")
    for exit_code, rows in both():
        assert exit_code == 1 and (code, "entered on the board") in rows, rows
    client.hdel(key, unit)
    world.healed()
    fault.note(audits=2 * ROUNDS + 2)


SCENARIOS = {"audits": audits, "logins": each_login, "by-hand": by_hand}
