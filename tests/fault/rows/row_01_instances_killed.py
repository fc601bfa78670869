"""kill -9 of every instance of every service, at random moments, one after the other and two together.

Would catch: custody that ends before the decision, a receipt before its commit, a window or credit that is not freed when its
holder dies, an index owner whose place nobody takes.
"""
import time

from harness.waiting import await_within

TITLE = "each service instance killed, one by one and two together"
LEASE_S, SLACK_S = 5.0, 2.0
SCALE = ("intake=2", "validation=2", "deduplication=2", "quota=2", "leaderboard=2", "notification=2")
UNDECIDED = """
SELECT count(*) FROM submission s WHERE received_at < %s
AND NOT EXISTS (SELECT FROM decision d WHERE d.submission_id = s.id)"""


def killed(world, together):
    """Seconds until everything that was there at the kill is decided: handed out again, and the rest of the way."""
    for name in together:
        world.system.kill(name)
    began = time.monotonic()
    (instant,), = world.system.query("SELECT clock_timestamp()")
    await_within(lambda: world.system.query(UNDECIDED, (instant,))[0][0] == 0, (LEASE_S + SLACK_S) * world.patience,
                 f"what {' and '.join(together)} had in hand to be decided")
    return time.monotonic() - began


def every_instance(fault):
    world = fault.world(*SCALE, readers=2, INTAKE_LEASE_MS=str(int(LEASE_S * 1000)))
    victims = world.system.instances()
    fault.dice.shuffle(victims)
    rounds, took = [[name] for name in victims] + [victims[:2], victims[2:4]], []
    for together in rounds:
        world.load.await_receipts(fault.dice.randrange(5, 60), 60 * fault.patience)
        took.append(killed(world, together))
    for name in victims:
        world.system.await_ready(name, 60 * fault.patience)
    world.healed()
    fault.note(kills=sum(map(len, rounds)), decided_after_s=round(max(took), 2))


SCENARIOS = {"kill": every_instance}
