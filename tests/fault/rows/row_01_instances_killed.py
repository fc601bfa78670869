"""kill -9 of every instance of every service, at random moments, one after the other and two together.

Would catch: custody that ends before the decision, a receipt before its commit, a window or credit that is not freed when its
holder dies, an index owner whose place nobody takes.
"""
import time

TITLE = "each service instance killed, one by one and two together"
LEASE_S, SLACK_S = 5.0, 2.0
SCALE = ("intake=2", "validation=2", "deduplication=2", "quota=2", "leaderboard=2")
# From the receipt, or from the last kill while it was under way, to the first decision; the slowest of all.
SLOWEST = """
SELECT max(extract(epoch FROM d.decided_at - greatest(s.received_at, (
    SELECT max(at) FROM unnest(%s::timestamptz[]) AS k(at) WHERE at <= d.decided_at))))
FROM submission s JOIN decision d ON d.submission_id = s.id AND d.revision = 1"""


def slowest_s(system, instants):
    return float(system.query(SLOWEST, (instants,))[0][0])


def every_instance(fault):
    world = fault.world(*SCALE, readers=2, INTAKE_LEASE_MS=str(int(LEASE_S * 1000)))
    victims = [name for name in world.system.instances() if not name.startswith("notification")]
    fault.dice.shuffle(victims)
    rounds, kills = [[name] for name in victims] + [victims[:2], victims[2:4]], []
    for together in rounds:
        world.load.await_receipts(fault.dice.randrange(5, 60), 60 * fault.patience)
        for name in together:
            world.system.kill(name)
        kills.append(time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime()))
    for name in victims:
        world.system.await_ready(name, 60 * fault.patience)
    world.healed()
    world.load.end(60 * fault.patience)
    world.system.await_decided(world.campaign, 60 * fault.patience)
    slowest = slowest_s(world.system, kills)
    fault.note(kills=sum(map(len, rounds)), slowest_after_a_kill_s=round(slowest, 2))
    assert slowest <= (LEASE_S + SLACK_S + 1) * fault.patience, f"{slowest:.1f} s from a kill to a decision"


SCENARIOS = {"kill": every_instance}
