"""kill -9 of every instance of every service, at random moments, one after the other and two together.

Would catch: custody that ends before the decision, a receipt before its commit, a window or credit that is not freed when its
holder dies, an index owner whose place nobody takes.
"""
import time

from harness.waiting import await_condition

TITLE = "each service instance killed"
LEASE_S, SLACK_S = 5.0, 2.0
SCALE = ("intake=2", "validation=2", "deduplication=2", "quota=2", "leaderboard=2")


def undecided_longer_than(system, seconds):
    """Submissions without a decision that were received so long ago."""
    return system.query("SELECT count(*) FROM submission s WHERE received_at < now() - make_interval(secs => %s) AND NOT EXISTS "
                        "(SELECT FROM decision d WHERE d.submission_id = s.id)", (seconds,))[0][0]


def every_instance(fault):
    world = fault.world(*SCALE, readers=2, INTAKE_LEASE_MS=str(int(LEASE_S * 1000)))
    victims = [name for name in world.system.instances() if not name.startswith("notification")]
    fault.dice.shuffle(victims)
    pairs = [victims[:2], victims[2:4]]
    for together in [[name] for name in victims] + pairs:
        world.load.await_receipts(fault.dice.randrange(5, 60), 60 * fault.patience)
        for name in together:
            world.system.kill(name)
    for name in victims:
        world.system.await_ready(name, 60 * fault.patience)
    world.healed()
    # Whatever was in the dead one's hands is handed out again within the lease, and 2 s for the rest of the way.
    await_condition(lambda: undecided_longer_than(world.system, LEASE_S + SLACK_S) == 0, (LEASE_S + SLACK_S) * fault.patience,
                    "what the dead had in hand to be decided")
    fault.note(kills=len(victims) + 4, handed_out_again_s=round(time.monotonic() - world.healed_at, 2))


SCENARIOS = {"kill": every_instance}
