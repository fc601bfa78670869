"""The one criterion that every fault ends with (issue: faults on the real system): what clients were told is what is stored,
each is decided once, everything adds up for every unit, nothing is pending, the boards are the recount, nothing grew.

The counting is harness/books.py, in Python from the rows, and shares nothing with what it checks.
"""
import collections
import glob
import os
import subprocess
import time

from harness import books
from harness.process import BUILD
from harness.service import CRASH
from harness.waiting import await_condition, await_within

from . import growth

BOARD_S, BOARD_REBUILT_S = 5, 30
DRAIN_S = 120
MIB = 1 << 20
RESIDENT_MAX = (1600 if "address" in os.path.basename(BUILD) else 400) * MIB  # AddressSanitizer keeps what was freed for a while
BAD_SIGNALS = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGSYS")
STATUSES = books.COLUMNS[1:-1]


def hold(world):
    """Raises what is not so; the figures it measured are in `world.measured`."""
    system, load, watch = world.system, world.load, world.watch
    board_is_right_in_time(world)
    load.end(DRAIN_S * world.patience)
    pending_drains(world)
    await_condition(lambda: watch.proved_since(world.drained_at), 60 * world.patience, "the board after everything was decided")
    watch.end()
    receipts_are_what_is_stored(system, load)
    decided_once(system, load)
    copies_count_once(system, world.campaign)
    adds_up_for_every_unit(system, world.campaign_id)
    board_in_redis_is_whole(system, world.campaign_id)
    audit_finds_nothing(system)
    nothing_grew(world)
    growth.nothing_is_left(world)
    nobody_crashed(system)
    wrong = watch.violations()
    assert not wrong, f"{len(wrong)} wrong boards were called current: " + "; ".join(wrong[:5])
    assert len(watch.answers) > 5, "the board was hardly ever current"
    world.measured.update(receipts=len(load.receipts), reviews=len(load.reviews), boards=len(watch.answers))


def board_is_right_in_time(world):
    within = (BOARD_REBUILT_S if world.rebuilt else BOARD_S) * world.patience
    await_within(lambda: world.watch.proved_since(world.healed_at), within,
                 "a current board that is the recount, after the fault was healed")
    world.measured["board_s"] = round(world.watch.proved_since(world.healed_at) - world.healed_at, 2)


def pending_drains(world):
    world.system.await_decided(world.campaign, DRAIN_S * world.patience)
    world.drained_at = time.monotonic()
    world.measured["drained_s"] = round(world.drained_at - world.healed_at, 2)
    kept = world.system.query("SELECT stage, reason, count(*) FROM quarantine WHERE released_at IS NULL GROUP BY 1, 2")
    found = sum(count for _, _, count in kept)
    assert found == world.poison, f"{found} in quarantine for {world.poison} that belong there: {kept}"


def receipts_are_what_is_stored(system, load):
    """Law 1, both ways: no receipt without its row, no row of which no client knows."""
    assert not load.surprises, f"{len(load.surprises)} answers that nobody should get: {load.surprises[:5]}"
    assert not load.unanswered, load.unanswered[:5]
    stored = dict(system.query("SELECT k.key, s.id::text FROM submission s LEFT JOIN idempotency_key k ON k.submission_id = s.id "
                               "WHERE k.key LIKE %s", (f"{load.seed}-%",)))
    given = {key: submission.receipt["id"] for key, submission in load.receipts.items()}
    lost = [key for key in given if stored.get(key) != given[key]]
    assert not lost, f"{len(lost)} receipts without their submission: {lost[:5]}"
    extra = [key for key in stored if key not in given]
    assert not extra, f"{len(extra)} submissions of which no client knows: {extra[:5]}"
    keyless = system.query("SELECT count(*) FROM submission s WHERE NOT EXISTS (SELECT FROM idempotency_key k "
                           "WHERE k.submission_id = s.id)")[0][0]
    assert keyless == 0, f"{keyless} submissions that nobody sent"


def decided_once(system, load):
    """Law 2: revisions 1, 2, … of each; the machine speaks once; every review that was answered is there."""
    chains = collections.defaultdict(list)
    for submission, revision, status, by in system.query(
            "SELECT submission_id::text, revision, status, decided_by FROM decision ORDER BY 1, 2"):
        chains[submission].append((revision, status, by))
    wrong = [name for name, chain in chains.items()
             if [revision for revision, _, _ in chain] != list(range(1, len(chain) + 1)) or chain[0][2] == 1]
    assert not wrong, f"{len(wrong)} with revisions that do not follow one another: {wrong[:5]}"
    quarantined = {row[0] for row in system.query("SELECT submission_id::text FROM quarantine WHERE released_at IS NULL")}
    missing = [submission.key for submission in load.receipts.values()
               if submission.receipt["id"] not in chains and submission.receipt["id"] not in quarantined]
    assert not missing, f"{len(missing)} without a decision: {missing[:5]}"
    told = [submission.key for submission in load.receipts.values()
            if submission.status not in (None, "received") and submission.receipt["id"] in chains
            and submission.status not in [books.STATUS[status] for _, status, _ in chains[submission.receipt["id"]]]]
    assert not told, f"{len(told)} were told a verdict that is not there: {told[:5]}"
    wanted = {"count": 2, "reject": 3, "revoke": 5}
    lost = [review for review in load.reviews
            if (review[1], wanted[review[2]], 1) not in chains.get(review[0], [])]
    assert not lost, f"{len(lost)} reviews were acknowledged and are not there: {lost[:5]}"


def copies_count_once(system, campaign):
    """Law 3, for texts of which no person has decided."""
    wrong = system.query("""
        WITH newest AS (
            SELECT DISTINCT ON (submission_id) submission_id, status, decided_by FROM decision
            ORDER BY submission_id, revision DESC),
        ranked AS (
            SELECT s.id, n.status, row_number() OVER (PARTITION BY s.description ORDER BY s.received_at, s.id) AS place,
                   bool_or(n.decided_by <> 0) OVER (PARTITION BY s.description) AS touched
            FROM submission s JOIN newest n ON n.submission_id = s.id JOIN campaign c ON c.id = s.campaign_id
            WHERE c.code = %s AND n.status <> 3)
        SELECT id::text, status, place FROM ranked
        WHERE NOT touched AND ((place = 1 AND status NOT IN (1, 2)) OR (place > 1 AND status = 2))""", (campaign,))
    assert not wrong, f"{len(wrong)} copies that count, or originals that do not: {wrong[:5]}"


def adds_up_for_every_unit(system, campaign):
    """Law 4: stored = pending + each status + quarantined, for each unit; totals and people are the recount."""
    truth, stored = books.recount(system, campaign), books.stored_totals(system, campaign)
    wrong = {key: (stored.get(key), truth.get(key)) for key in {*truth, *stored}
             if stored.get(key, [0] * 7) != truth.get(key, [0] * 7)}
    assert not wrong, f"{len(wrong)} totals are not the recount (stored, recount): {list(wrong.items())[:5]}"
    up = books.parents(system, campaign)
    entered, undecided = collections.Counter(), collections.Counter()
    for unit, decided, count in system.query(
            "SELECT s.unit_id, EXISTS (SELECT FROM decision d WHERE d.submission_id = s.id), count(*) FROM submission s "
            "WHERE s.campaign_id = %s GROUP BY 1, 2", (campaign,)):
        while unit:
            entered[unit] += count
            undecided[unit] += 0 if decided else count
            unit = up[unit]
    for unit, count in entered.items():
        row = stored.get((unit, 0), [0] * 7)
        assert count == undecided[unit] + sum(row[1:-1]), \
            f"unit {unit}: {count} stored, {undecided[unit]} undecided, {dict(zip(STATUSES, row[1:-1]))}"


def board_in_redis_is_whole(system, campaign):
    """Every unit and phase of it, not only what the public page shows."""
    def whole():
        applied, rows = books.board(system.redis(), campaign)
        expected = books.expected_board(system, campaign)
        assert applied == books.board_version(system, campaign), "it is behind"
        wrong = {key for key in {*rows, *expected} if rows.get(key, [0, 0, 0]) != expected.get(key, [0, 0, 0])}
        assert not wrong, f"{len(wrong)} rows differ"
        return True
    await_condition(whole, 60, "the board in Redis to be the recount")


def audit_finds_nothing(system):
    system.assert_no_drift()


def nothing_grew(world):
    """Law 8: resident memory of each instance, over the whole run."""
    world.measured["resident_mib"] = max(world.resident.values(), default=0) // MIB
    large = {name: size // MIB for name, size in world.resident.items() if size > RESIDENT_MAX}
    assert not large, f"resident MiB: {large}"


def nobody_crashed(system):
    """No sanitizer's report, no failed assertion, no death by a signal of a fault of our own."""
    for path in glob.glob(f"{system.run}/log/*/*"):
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                found = CRASH.search(file.read())
            assert not found, f"{path}: {found.group()}"
    for directory in glob.glob(f"{system.run}/services/*-[0-9]*"):
        deaths = subprocess.run(["s6-svdt", directory], capture_output=True, text=True, check=False).stdout
        bad = [line for line in deaths.splitlines() if line.split()[-1] in BAD_SIGNALS]
        assert not bad, f"{os.path.basename(directory)} died: {bad}"
