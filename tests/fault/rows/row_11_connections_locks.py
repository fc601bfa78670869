"""No connection is left; a competitor locks in another order; transactions are refused as not serialisable.

Would catch: a service that tries again without pause or end, one that gives up what it holds, a retry that counts twice.
"""
import os
import random
import threading
import time

import psycopg2

from harness.waiting import await_condition

TITLE = "connections exhausted; deadlock; 40001"
CONNECTIONS, AWAY_S, DEADLOCK_S, REFUSAL_S = 60, 10, 15, 15
REPEATED_A_SECOND = 100
# What PostgreSQL says of a transaction that it will not have, at random, where the services' own writes go.
REFUSING = """
CREATE FUNCTION fault_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF random() < 0.15 THEN RAISE EXCEPTION 'not today' USING ERRCODE = (ARRAY['40001', '40P01'])[1 + floor(random() * 2)::int]; END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER fault_refuses AFTER INSERT ON submission FOR EACH STATEMENT EXECUTE FUNCTION fault_refuses();
CREATE TRIGGER fault_refuses AFTER INSERT ON decision FOR EACH STATEMENT EXECUTE FUNCTION fault_refuses()"""
OPEN_AGAIN = """
DROP TRIGGER fault_refuses ON submission; DROP TRIGGER fault_refuses ON decision; DROP FUNCTION fault_refuses()"""


def occupied(fault):
    """The services' connections are cut, and every place is taken before they are back."""
    system = fault.system()
    conf = os.path.join(system.run, "pg", "conf.d", "few.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(f"max_connections = {CONNECTIONS}\n")
    os.chmod(conf, 0o644)
    pid = system.pid("postgresql")
    system.control("postgresql", "-r")
    await_condition(lambda: system.pid("postgresql") not in (pid, -1), 60 * fault.patience, "PostgreSQL to be started anew")
    for name in system.instances():
        system.await_ready(name, 60 * fault.patience)
    world = fault.adopt(system)
    world.load.await_receipts(50, 60 * fault.patience)
    held, began = [], time.monotonic()

    def over():
        """Holds whatever is free, until the time is over."""
        try:
            held.append(system.connect())
            if len(held) == 1:
                with held[0].cursor() as cursor:
                    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'sk\\_%' "
                                   "AND usename <> 'sk_owner'")
        except psycopg2.OperationalError:
            pass  # all are taken; the next that goes is taken too
        return time.monotonic() - began >= AWAY_S
    await_condition(over, 2 * AWAY_S, "all connections to be held for a while")
    refusals = system.log("postgresql").count("too many clients") + system.log("postgresql").count("remaining connection slots")
    for connection in held:
        connection.close()
    world.healed()
    fault.note(held=len(held), refused_connections=refusals)
    # Each waits longer and longer, so a handful of services does not ask thousands of times.
    assert 0 < refusals < 200 * AWAY_S, refusals


def competitor(system, ending, seed, wins):
    """Takes quota's rows from the root down, which is not its order, and holds them a moment."""
    dice = random.Random(seed)
    while not ending.is_set():
        connection = system.connect(options="-c deadlock_timeout=100ms -c lock_timeout=5s")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM board FOR UPDATE")
                for order in dice.sample(("ASC", "DESC"), 2):
                    cursor.execute(f"SELECT 1 FROM (SELECT ctid FROM unit_total ORDER BY campaign_id, unit_id {order}, phase "
                                   f"LIMIT 20) AS t JOIN unit_total u ON u.ctid = t.ctid FOR UPDATE OF u")
            wins.append(1)
        except psycopg2.Error:
            pass  # the deadlock was ours this time
        finally:
            connection.close()


def deadlocks(system):
    return system.query("SELECT deadlocks FROM pg_stat_database WHERE datname = 'sangkien'")[0][0]


def deadlocked(fault):
    world = fault.world("quota=2")
    ending, wins = threading.Event(), []
    threads = [threading.Thread(target=competitor, args=(world.system, ending, f"{world.seed}/{n}", wins), daemon=True)
               for n in range(2)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    await_condition(lambda: time.monotonic() - began > DEADLOCK_S and deadlocks(world.system) > 0, 90 * fault.patience,
                    "deadlocks to be broken")
    ending.set()
    for thread in threads:
        thread.join(30)
    world.healed()
    repeated = sum(world.system.metric(f"quota-{n}", "sangkien_quota_transactions_repeated_total") or 0 for n in (1, 2))
    fault.note(deadlocks=deadlocks(world.system), repeated=int(repeated))


def refused(fault):
    world = fault.world("intake=2", "quota=2")
    world.system.query(REFUSING)
    began = time.monotonic()
    await_condition(lambda: time.monotonic() - began > REFUSAL_S, 60, "some refusals")
    world.system.query(OPEN_AGAIN)
    world.healed()
    repeated = sum(world.system.metric(f"quota-{n}", "sangkien_quota_transactions_repeated_total") or 0 for n in (1, 2))
    fault.note(repeated=int(repeated), refused_clients=world.load.statuses(began)[503])
    # Each waits before it tries again, and longer each time.
    assert 0 < repeated < REPEATED_A_SECOND * REFUSAL_S, f"{repeated} transactions in {REFUSAL_S} s"


SCENARIOS = {"connections": occupied, "deadlock": deadlocked, "40001": refused}
