"""A host with a validation and a quota is cut off from the rest: one way, the other way, both, and for good with all on it dead.

Would catch: an end that waits for an answer that never comes, custody that a peer keeps which nobody hears, a late word of who was
cut off that counts a second time, a connection that is not made anew.
"""
import os
import time

from fault.networks import EDGES, HERE, LOOKS, THERE, Networks
from harness.process import Process
from harness.system import System
from harness.waiting import await_condition, await_within

TITLE = "partition, one way and both, half-open"
HEARTBEAT_S, HEARTBEATS = 1.0, 3
LOOK_S = 1.5  # an end looks at its connections once a heartbeat, and we at it a moment later
LEASE_MS = "5000"
DECIDED_MEANWHILE = 60
PORTS = {"intake": 7001, "reviews": 7002, "deduplication": 7003, "validation": 7004, "quota-decisions": 7005, "quota-outbox": 7006}
FAR = {"validation-2": {"VALIDATION_EDGE": "validation"},
       "quota-2": {"QUOTA_DECISIONS": "quota-decisions", "QUOTA_EDGE": "quota-outbox"}}
# Who of those that are near sees whom of those that are far: instance, gauge, how many it has while all is well.
NEAR_GAUGES = [("intake-1", 'sangkien_intake_edge_workers{edge="intake"}', 2),
               ("deduplication-1", 'sangkien_deduplication_edge_workers{edge="deduplication"}', 2),
               ("deduplication-1", 'sangkien_deduplication_edge_upstreams{edge="from_submission_validated"}', 2),
               ("intake-1", 'sangkien_intake_edge_upstreams{edge="from_decision_reached"}', 2)]
FAR_GAUGES = [("validation-2", 'sangkien_validation_edge_upstreams{edge="from_submission_received"}', 1),
              ("validation-2", 'sangkien_validation_edge_workers{edge="validation"}', 1),
              ("quota-2", 'sangkien_quota_edge_upstreams{edge="from_verdict_reached"}', 1)]


def address(side, edge):
    return f"tcp://{EDGES[side]}:{PORTS[edge]}"


def near_settings(run):
    """Of `sangkien up` for what is near: edges at the cable where the other side goes to them, far edges beside the near ones."""
    return {"INTAKE_EDGE": address(HERE, "intake"), "INTAKE_REVIEWS": address(HERE, "reviews"),
            "DEDUPLICATION_EDGE": address(HERE, "deduplication"), "VALIDATION_UPSTREAM": address(HERE, "intake"),
            "QUOTA_UPSTREAM": address(HERE, "deduplication"), "QUOTA_REVIEWS": address(HERE, "reviews"),
            "DEDUPLICATION_UPSTREAM": f"ipc://{run}/edge/validation-*,{address(THERE, 'validation')}",
            "INTAKE_DECISIONS": f"ipc://{run}/edge/quota-decisions-*,{address(THERE, 'quota-decisions')}",
            "NOTIFICATION_UPSTREAM": f"ipc://{run}/edge/quota-outbox-*,{address(THERE, 'quota-outbox')}"}


class Far:
    """The instances on the other side, with the settings of their near twins."""

    def __init__(self, fault, system, networks):
        self.fault, self.system, self.networks, self.processes = fault, system, networks, {}
        self.account = os.stat(f"{system.run}/keys")
        fault.at_end.append(self.kill)

    def start(self):
        for name, edges in FAR.items():
            service = name.rsplit("-", 1)[0]
            env = self.system.environment(f"{service}-1")
            env.update({setting: address(THERE, edge) for setting, edge in edges.items()})
            env.update(SANGKIEN_INSTANCE=name, SANGKIEN_READY_FD="0", SANGKIEN_ADMIN_LISTEN=f"{LOOKS[THERE]}:0",
                       SANGKIEN_ADMIN_FILE=f"{self.system.run}/instances/{name}")
            os.makedirs(f"{self.system.run}/log/{name}", exist_ok=True)
            self.processes[name] = Process(
                self.networks.there("setpriv", f"--reuid={self.account.st_uid}", f"--regid={self.account.st_gid}",
                                    "--clear-groups", "--pdeathsig=KILL", f"{self.system.run}/bin/{service}"),
                f"{self.system.run}/log/{name}/current", env=env)

    def kill(self):
        for process in self.processes.values():
            process.kill()


def gauge(system, name, metric):
    return system.metrics(name)[metric]


def seen(system, gauges, all_well):
    """Each end sees the others, or (not all_well) has noticed that the far ones are gone."""
    return all(gauge(system, name, metric) == full - (not all_well) for name, metric, full in gauges)


def decided(system):
    return system.query("SELECT count(*) FROM decision WHERE revision = 1")[0][0]


def noticed(fault, system, gauges, began):
    """Seconds until all of them have."""
    await_within(lambda: seen(system, gauges, False), (HEARTBEATS * HEARTBEAT_S + LOOK_S) * fault.patience,
                 "both sides to find that the other is gone")
    return time.monotonic() - began


def go_on_alone(fault, world):
    before = decided(world.system)
    await_condition(lambda: decided(world.system) >= before + DECIDED_MEANWHILE, 60 * fault.patience,
                    "those that are near to go on")


def join(fault, world):
    await_condition(lambda: seen(world.system, NEAR_GAUGES + FAR_GAUGES, True), 60 * fault.patience, "both sides to find one another")
    world.load.await_receipts(60, 60 * fault.patience)


def partitioned(*ways, dead=False):
    """Three times; the last words of the side that was cut off come when the cable is whole again."""
    def run(fault):
        networks = Networks(fault)
        system = System(INTAKE_LEASE_MS=LEASE_MS)
        fault.systems.append(system)
        system.env.update(near_settings(system.run))
        world = fault.adopt(system.up())
        far = Far(fault, system, networks)
        far.start()
        took = []
        for _ in range(3):
            join(fault, world)
            began = time.monotonic()
            networks.cut(*ways)
            if dead:
                far.kill()
            took.append(noticed(fault, system, NEAR_GAUGES if dead else NEAR_GAUGES + FAR_GAUGES, began))
            go_on_alone(fault, world)
            networks.heal()
            if dead:
                far.start()
        join(fault, world)
        world.healed()
        late = sum(value for name in (*system.instances(), *FAR) for key, value in system.metrics(name).items()
                   if "late_acknowledgements_total" in key)
        fault.note(found_s=round(max(took), 2), late_acknowledgements=int(late))
    return run


SCENARIOS = {"to-there": partitioned("to there"), "from-there": partitioned("from there"),
             "both": partitioned("to there", "from there"), "half-open": partitioned("to there", "from there", dead=True)}
