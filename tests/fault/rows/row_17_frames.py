"""What passes between two services comes to harm, on every edge at once, under load.

Would catch: an end that takes a frame that somebody has changed, repeated or put in another place, or falls over it; custody that
ends with a batch that was lost; a verdict, a review or a notice that counts twice because its message came twice.
"""
import collections
import os

from fault.frames import DEADLY, FrameProxy, HARMS as FRAME_HARMS
from fault.letters import HARMS as LETTER_HARMS, LetterProxy
from harness.waiting import await_condition

TITLE = "duplicated, reordered, delayed, cut and bit-flipped frames, at every edge"
SCALE = ("validation=2", "deduplication=2", "quota=2")
# Who goes where: setting, beginning of the edges' names, whose they are.
VISITS = {"validation": [("VALIDATION_UPSTREAM", "intake-", "intake")],
          "deduplication": [("DEDUPLICATION_UPSTREAM", "validation-", "validation")],
          "deduplication-index": [("DEDUPLICATION_ASKERS", "sign-", "deduplication")],
          "quota": [("QUOTA_UPSTREAM", "deduplication-", "deduplication"), ("QUOTA_REVIEWS", "reviews-", "intake")],
          "notification": [("NOTIFICATION_UPSTREAM", "quota-outbox-", "quota")],
          "intake": [("INTAKE_DECISIONS", "quota-decisions-", "quota")]}
LEASE_MS = "4000"
HARMED_FRAMES, HARMED_LETTERS = 0.01, 0.05
EACH_AT_LEAST = 5
RECEIPTS = 1000


def kind_of(instance):
    return instance.rsplit("-", 1)[0]


def put_between(fault, world, make):
    """`make(socket path, owner, visiting service)` gives a proxy; every worker's way leads through those from now on."""
    system, proxies = world.system, []
    instances = system.instances()
    for kind, visits in VISITS.items():
        settings = {}
        for setting, start, owner in visits:
            names = [name for name in sorted(os.listdir(f"{system.run}/edge")) if name.startswith(start)]
            between = [make(f"{system.run}/edge/{name}", owner, "deduplication" if "dedup" in kind else kind) for name in names]
            proxies += between
            settings[setting] = ",".join(proxy.address for proxy in between)
        for instance in instances:
            if kind_of(instance) == kind:
                system.restart_with(instance, **settings)
    fault.at_end.append(lambda: [proxy.close() for proxy in proxies])
    for instance in instances:
        system.await_ready(instance, 60 * fault.patience)
    return proxies


def total(counters):
    return sum(counters, collections.Counter())


def harm(fault, world, proxies, share, harms):
    """Until each kind has been done often enough and so many were given receipts meanwhile."""
    for proxy in proxies:
        proxy.share = share
    world.load.await_receipts(RECEIPTS, 240 * fault.patience)
    await_condition(lambda: all(total(proxy.done for proxy in proxies)[one] >= EACH_AT_LEAST for one in harms),
                    120 * fault.patience, f"{EACH_AT_LEAST} of each of {harms}")
    for proxy in proxies:
        proxy.share = 0.0
    return total(proxy.done for proxy in proxies)


def note(fault, counted):
    fault.note(**{name.replace(" ", "_"): count for name, count in sorted(counted.items())})


def frames(fault):
    """Encrypted, so the connection ends with the first one that is not as it was sent."""
    world = fault.world(*SCALE, INTAKE_LEASE_MS=LEASE_MS)
    proxies = put_between(fault, world, lambda path, owner, visitor: FrameProxy(path, f"{fault.seed}/{path}"))
    harm(fault, world, proxies, HARMED_FRAMES, FRAME_HARMS)
    done = total(proxy.done for proxy in proxies)  # of an exchange the second half may have come a moment later

    def all_dropped():
        dropped = total(proxy.dropped for proxy in proxies)
        still_there = {one: done[one] - dropped[one] for one in DEADLY if dropped[one] < done[one]}
        assert not still_there, f"{still_there} of {done}"
        return True
    await_condition(all_dropped, 60 * fault.patience, "each connection with a changed frame to be dropped")
    world.healed()
    note(fault, done)


def letters(fault):
    """By one who has the keys of both ends, so that each message is good by itself."""
    world = fault.world(*SCALE, INTAKE_LEASE_MS=LEASE_MS)
    pairs = {service: world.system.key_pair(service) for service in ("intake", "validation", "deduplication", "quota",
                                                                      "notification")}
    proxies = put_between(fault, world, lambda path, owner, visitor: LetterProxy(path, pairs[owner], pairs[visitor],
                                                                                 f"{fault.seed}/{path}"))
    done = harm(fault, world, proxies, HARMED_LETTERS, LETTER_HARMS)
    world.healed()
    late = sum(value for name in world.system.instances() for key, value in world.system.metrics(name).items()
               if "late_acknowledgements_total" in key)
    note(fault, done)
    fault.note(late_acknowledgements=int(late))


SCENARIOS = {"frames": frames, "letters": letters}
