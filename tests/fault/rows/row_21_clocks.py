"""The wall clock of one process jumps by two days, forward and back, one process after the other.

Would catch: leases and timeouts that go by the wall clock (all of them end at once, or none for two days; of a notice under way,
which is then sent twice or never), an intake that stamps receipts with a clock that is wrong (law 6).
"""
import collections
import glob
import json
import os
import time

from fault.world import NotRun
from harness.process import ROOT
from harness.waiting import await_condition

TITLE = "clock jumps of two days, forward and back, per process"
LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
JUMPS = ("+172800", "-172800", "+0")
TOLERATED_S = 3.0
INSTANCES = ("intake-1", "validation-1", "deduplication-1", "deduplication-index-0", "quota-1", "leaderboard-1", "notification-1")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
UNDER_WAY = 32  # notices at once; it is killed once, to get its clock, and those may come twice


def variable(system, instance, name, value):
    with open(f"{system.run}/services/{instance}/env/{name}", "w", encoding="ascii") as file:
        file.write(value)


def under_faketime(fault, system, instance):
    """The instance started anew with a clock that a file sets."""
    found = glob.glob(LIBRARY)
    if not found:
        raise NotRun("libfaketime is not installed")
    clock = f"{system.run}/clock-{instance}"
    set_clock(clock, "+0")
    for name, value in {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1",
                        "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}.items():
        variable(system, instance, name, value)
    system.kill(instance)
    system.await_ready(instance, 60 * fault.patience)
    return clock


def set_clock(path, jump):
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(jump + "\n")
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)


def says_that_it_is_off(system, instance):
    """Intake compares its clock with PostgreSQL's: over a second off it is not ready, for that reason."""
    answer = system.admin(instance, "/readyz")
    offset = abs(system.metric(instance, "sangkien_intake_clock_offset_microseconds") or 0)
    agrees = {one["name"]: one["holds"] for one in answer.json()["conditions"]}.get("clock")  # None: it is starting
    assert agrees == (answer.status == 200) and agrees == (offset < 10 ** 6), (offset, answer.body)
    return not agrees


def late_words(system, instance):
    """(acknowledgements that came after their lease, workers that went): by a clock that jumps, leases would end at once."""
    late = sum(value for name, value in system.metrics(instance).items() if "late_acknowledgements_total" in name)
    return late, system.log(instance).count("edge_worker_gone")


def told_by_webhook(fault, system):
    """The demo campaign tells of each verdict, to a server of ours."""
    from harness.notices import Web  # needs packages that only tests have
    web = Web()
    fault.at_end.append(web.stop)
    secret = f"{system.run}/keys/gateway-hook.secret"
    account = os.stat(f"{system.run}/keys")
    with open(secret, "w", encoding="ascii") as file:
        file.write(SECRET)
    os.chmod(secret, 0o400)
    os.chown(secret, account.st_uid, account.st_gid)
    channel = {"name": "hook", "kind": "webhook", "url": f"{web.url}/hook", "secret": "hook", "cleartext": True}
    with open(f"{ROOT}/deploy/campaigns/demo.yaml", encoding="utf-8") as file:
        source = file.read() + "\nnotices: " + json.dumps({"channels": [channel], "send": {"verdict": "hook"}}) + "\n"
    path = f"{system.run}/share/told.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    os.chmod(path, 0o644)
    system.tool("campaign", "apply", path)
    return web


def each_notice_once(fault, system, web):
    """Its claims are leases too."""
    await_condition(lambda: system.query("SELECT count(*) FROM outbox WHERE state = 0") == [(0,)], 120 * fault.patience,
                    "every notice to be sent")
    wanted = {"msg_" + row[0].replace("-", "") for row in system.query("SELECT id::text FROM outbox WHERE state = 1")}
    came = collections.Counter(headers["webhook-id"] for _, _, headers, _ in web.seen())
    assert wanted and set(came) == wanted, f"{len(wanted - set(came))} notices never came, {len(set(came) - wanted)} are nobody's"
    again = sum(came.values()) - len(came)
    assert again <= UNDER_WAY, f"{again} of {len(came)} notices came again"
    fault.note(notices=len(came), notices_again=again)


def jumps(fault):
    system = fault.system("intake=2", "validation=2", "deduplication=2", "quota=2", INTAKE_LEASE_MS="5000")
    web = told_by_webhook(fault, system)
    world = fault.adopt(system)
    world.load.await_receipts(50, 120 * fault.patience)
    for instance in INSTANCES:
        clock = under_faketime(fault, system, instance)
        world.load.await_receipts(30, 60 * fault.patience)
        late, gone = late_words(system, instance)
        for jump in JUMPS:
            set_clock(clock, jump)
            if instance.startswith("intake"):
                off = jump != "+0"
                await_condition(lambda: says_that_it_is_off(system, instance) == off, 60 * fault.patience,
                                f"{instance} to say whether it is ready with a clock that is off by {jump} s")
            world.load.await_receipts(60, 60 * fault.patience)
        now_late, now_gone = late_words(system, instance)
        assert now_late == late or now_gone != gone, f"{now_late - late} leases of {instance} ended with its clock's jumps"
    world.healed()
    (early, late), = system.query(
        "SELECT extract(epoch FROM min(received_at))::float8, extract(epoch FROM max(received_at))::float8 FROM submission")
    began = time.time() - (time.monotonic() - world.load.began)
    assert began - TOLERATED_S < early and late < time.time() + TOLERATED_S, "a receipt bears the time of a clock that was off"
    again = sum(system.metric(f"intake-{n}", "sangkien_intake_redispatched_submissions_total") or 0 for n in (1, 2))
    world.load.end(60 * fault.patience)
    system.await_decided(world.campaign, 120 * fault.patience)
    each_notice_once(fault, system, web)
    fault.note(jumps=len(INSTANCES) * (len(JUMPS) - 1), handed_out_again=int(again))


SCENARIOS = {"jumps": jumps}
