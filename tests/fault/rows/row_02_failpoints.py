"""Killed at the worst moments, by name: between a commit and its answer, between a commit and the board.

Would catch: a retry that makes a second submission, a verdict counted again when it comes again, a board whose gap nobody sees.
"""
import os

from harness.waiting import await_condition

TITLE = "killed between commit and answer, and between commit and board"
TIMES = 3


def killed_at(instance, point):
    """That instance dies TIMES times at that point, under load, and each time is started again as it was."""
    def run(fault):
        world = fault.world("intake=2", INTAKE_LEASE_MS="3000")
        once = os.path.join(world.system.run, "edge", "failpoint")
        with open(once, "w", encoding="ascii"):
            pass  # disarmed
        world.system.restart_with(instance, SANGKIEN_FAILPOINT=point, SANGKIEN_FAILPOINT_ONCE=once)
        world.system.await_ready(instance, 60 * fault.patience)
        for _ in range(TIMES):
            world.load.await_receipts(30, 60 * fault.patience)
            before = world.system.pid(instance)
            os.unlink(once)
            await_condition(lambda: os.path.exists(once), 60 * fault.patience, f"{instance} to die at {point}")
            await_condition(lambda before=before: world.system.pid(instance) not in (before, -1, 0), 60 * fault.patience,
                            f"{instance} to be started again")
            world.system.await_ready(instance, 60 * fault.patience)
        world.healed()
        world.load.await_receipts(30, 60 * fault.patience)
        replayed = sum(world.system.metric(f"intake-{n}", "sangkien_intake_replayed_submissions_total") for n in (1, 2))
        fault.note(deaths=TIMES, replayed=int(replayed))
        assert replayed > 0 or point != "intake-after-commit", "a retry gets the original receipt"
    return run


SCENARIOS = {point: killed_at(instance, point) for instance, point in (
    ("intake-1", "intake-before-commit"), ("intake-1", "intake-after-commit"), ("quota-1", "quota-before-commit"),
    ("quota-1", "quota-after-commit"), ("quota-1", "quota-after-board"), ("quota-1", "quota-after-answer"),
    ("quota-1", "quota-before-review-answer"))}
