"""A whole tier is stopped for a minute while the load goes on.

Would catch: intake that stops with the stage behind it, memory that grows with the backlog, a backlog that is sent again and again.
"""
import time

from harness.waiting import await_condition

TITLE = "a whole tier gone for a minute"
AWAY_S, WINDOW, LEASE_MS = 60, 200, 15000
MIB = 1 << 20
RATE = 200


def tier(*instances):
    def run(fault):
        world = fault.world(INTAKE_WINDOW=str(WINDOW), INTAKE_LEASE_MS=str(LEASE_MS), load={"rate": RATE, "clients": 32})
        system = world.system
        for name in instances:
            system.control(name, "-d")
        began, before = time.monotonic(), len(world.load.receipts)
        resident = system.resident_bytes("intake-1")
        await_condition(lambda: time.monotonic() - began > AWAY_S, AWAY_S + 30, "a minute")
        statuses = world.load.statuses(began + 1)
        backlog, grown = len(world.load.receipts) - before, system.resident_bytes("intake-1") - resident
        for name in instances:
            system.control(name, "-u")
        for name in instances:
            system.await_ready(name, 60 * fault.patience)
        world.healed()
        world.load.end(60 * fault.patience)
        system.await_decided(world.campaign, 120 * fault.patience)
        handed_out, stored = handed_out_items(system), system.query("SELECT count(*) FROM submission")[0][0]
        fault.note(backlog=backlog, grown_mib=grown // MIB, handed_out=handed_out, of=stored)
        refused = {status: count for status, count in statuses.items() if status not in (200, 202, 409, 422)}
        # Reviews pass through quota: without one they are told so, and sent again.
        assert set(refused) <= ({503, 504} if "quota-1" in instances else set()), refused
        assert grown < 64 * MIB, f"intake grew by {grown // MIB} MiB"
        # A window may be sent again, each time its lease runs out meanwhile; a backlog may not.
        assert backlog > 10 * WINDOW, f"a backlog of {backlog} says nothing"
        assert stored <= handed_out <= stored + 8 * WINDOW, f"{handed_out} handed out of {stored}"
    return run


def handed_out_items(system):
    return int(system.metrics("intake-1")['sangkien_intake_edge_handed_out_items_total{edge="intake"}'])


SCENARIOS = {"validation": tier("validation-1"), "deduplication": tier("deduplication-1", "deduplication-index-0"),
             "quota": tier("quota-1")}
