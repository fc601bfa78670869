"""Every service restarted and scaled 1→4→1 under load with the operators' tool, while clients see nothing of it.

Would catch: an edge that still sends to an instance that is going, one that sends to an instance that is not ready, an instance
that goes before it has answered what it took.
"""
TITLE = "rolling restart and scaling 1→4→1 of every service under load"
SERVICES = ("intake", "validation", "deduplication", "quota", "notification", "leaderboard")


def no_errors(world):
    errors = world.load.errors
    assert not errors, f"clients saw {len(errors)} errors: {errors[:5]}"


def scaling(fault):
    world = fault.world(readers=4)
    for service in fault.dice.sample(SERVICES, len(SERVICES)):
        world.load.await_receipts(20, 60 * fault.patience)
        world.system.tool("scale", f"{service}=4")
        world.load.await_receipts(100, 60 * fault.patience)
        world.system.tool("scale", f"{service}=1")
    world.healed()
    no_errors(world)


def rolling(fault):
    world = fault.world("intake=2", "validation=2", "deduplication=2", "quota=2", "leaderboard=2", readers=2)
    before = {name: world.system.pid(name) for name in world.system.instances()}
    for service in fault.dice.sample((*SERVICES, "deduplication-index"), len(SERVICES) + 1):
        world.load.await_receipts(20, 60 * fault.patience)
        world.system.tool("restart", service)
    world.healed()
    no_errors(world)
    same = [name for name, pid in before.items() if world.system.pid(name) == pid]
    assert not same, f"not restarted: {same}"
    fault.note(restarts=len(before))


SCENARIOS = {"scaling": scaling, "restart": rolling}
