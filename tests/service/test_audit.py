"""Would catch: an audit that says "zero drift" over a wrong number. Each kind of drift is made by hand and must be found,
and a system that is right, also while it moves, must give none."""
import concurrent.futures
import json

import pytest
from harness.small_system import A, B, COUNTED, DUPLICATE, HN, YB
from harness.waiting import await_condition


def found_by(control):
    code, output, complaints = control.run("audit", "--json", "--wait", "1")
    assert code in (0, 1), complaints
    report = json.loads(output)
    assert (code == 1) == (report["drift"] > 0)
    return {row["check"] for row in report["rows"]}, report


def test_a_right_system_has_no_drift(control, world):
    found, report = found_by(control)
    assert found == set() and report["drift"] == 0
    assert report["campaigns"] == [{"campaign": "trial", "submissions": 8, "pending": 1, "under_review": 1, "counted": 3,
                                    "rejected": 1, "duplicate": 1, "revoked": 0, "quarantined": 1, "people": 1}]
    assert report["boards"] == [{"campaign": "trial", "version": 6, "compared": 10, "moved": 0}]
    assert "zero drift" in control.do("audit")


DRIFTS = {
    "a total that is too high": ("UPDATE unit_total SET entered = entered + 1, counted = counted + 1 "
                                 "WHERE unit_id = 2 AND phase = 1", {"totals", "board"}),
    "a total that is missing": ("DELETE FROM unit_total WHERE unit_id = 5 AND phase = 0", {"totals", "conservation"}),
    "an award that nobody gave": ("UPDATE unit_total SET awarded = 1 WHERE unit_id = 1 AND phase = 0", {"totals", "board"}),
    "a board without a version": ("DELETE FROM board", {"board_version"}),
    "people counted twice": ("UPDATE unit_total SET people = 2 WHERE unit_id = 1 AND phase = 0", {"people", "board"}),
    "a participation that is gone": ("DELETE FROM participation WHERE unit_id = 4", {"participation"}),
    "a day that counts too much": ("UPDATE unit_day SET counted = counted + 1 WHERE unit_id = 2 AND phase = 1", {"days"}),
    "a person in no round": ("INSERT INTO unit_round VALUES (1, 2, 1, '2023-11-15', 1)", {"rounds"}),
    "a newcomer on no day": ("UPDATE unit_day SET newcomers = 0 WHERE unit_id = 1", {"days"}),
    "a participation of another day": ("UPDATE participation SET day = day + 1 WHERE unit_id = 4", {"participation"}),
    "a submission that is gone": ("DELETE FROM submission WHERE id = '00000000-0000-0000-0000-000000000004'",
                                  {"decision_place", "totals", "conservation"}),
    "a decision in another unit": ("UPDATE decision SET unit_id = 5 WHERE submission_id = "
                                   "'00000000-0000-0000-0000-000000000004'", {"decision_place"}),
    "a second verdict of the machine": ("INSERT INTO decision SELECT submission_id, 2, campaign_id, unit_id, status, "
                                        "phase, rules_version, reasons, duplicate_of, score, 0, now() FROM decision "
                                        "WHERE submission_id = '00000000-0000-0000-0000-000000000001'", {"one_verdict"}),
    "a revision that is missing": ("UPDATE decision SET revision = 2, decided_by = 1 WHERE submission_id = "
                                   "'00000000-0000-0000-0000-000000000001'", {"one_verdict"}),
    "a place held by one that does not count": ("INSERT INTO exact_text VALUES (1, 0, 'd', "
                                                "'00000000-0000-0000-0000-000000000004', now())", {"exact_text"}),
    "a signed text without its place": ("INSERT INTO signature VALUES ('00000000-0000-0000-0000-000000000001', 1, 0, 0, "
                                        "now(), 'd', '', 1)", {"signed_text"}),
    "an original that no longer counts": ("UPDATE decision SET status = 3 WHERE submission_id = "
                                          "'00000000-0000-0000-0000-000000000001'",
                                          {"duplicate_of", "totals", "participation"}),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_each_drift_is_found(control, world, name):
    statement, expected = DRIFTS[name]
    world.run(statement)
    found, report = found_by(control)
    assert expected <= found, report
    assert "DRIFT" in control.run("audit")[1]


def test_a_later_copy_that_counts_is_found(control, world, redis_of_control):
    """The one received earlier is the duplicate: everything adds up, and it is still wrong."""
    late = world.submit(A, "mai", "tám", COUNTED)
    world.run("UPDATE submission SET received_at = received_at + interval '1 hour' WHERE id = %s", late)
    world.submit(A, "hoa", "tám", DUPLICATE, duplicate_of=late)
    world.board_to(redis_of_control.client())
    assert found_by(control)[0] == {"exact_copies"}


def test_a_near_duplicate_was_never_in_line_for_its_own_text(control, world, redis_of_control):
    """Near copies are bounded by the province, exact ones by the nation: the same text may count elsewhere."""
    world.submit(A, "hoa", "chín", DUPLICATE, duplicate_of=world.first)
    world.submit(YB, "mai", "chín", COUNTED)
    world.board_to(redis_of_control.client())
    assert found_by(control)[0] == set()


def test_two_copies_that_count_are_found_unless_a_person_said_so(control, world, redis_of_control):
    world.submit(B, "mai", "một", COUNTED)
    world.board_to(redis_of_control.client())
    assert found_by(control)[0] == {"exact_copies"}
    world.run("UPDATE decision SET decided_by = 1 WHERE submission_id = %s", world.first)
    assert found_by(control)[0] == {"reviews"}, "no longer the copies, but that the log does not tell it"


def test_a_board_that_differs_is_found(control, world, redis_of_control):
    client = redis_of_control.client()
    row = client.hget("board:{c1}:g1:1:0", HN).decode()
    client.hset("board:{c1}:g1:1:0", HN, "6 9 9 9 0")
    found, report = found_by(control)
    assert found == {"board"} and {row["unit"] for row in report["rows"]} == {"01"}
    client.hset("board:{c1}:g1:1:0", HN, row)
    client.hdel("board:{c1}:g1:2:1", A)
    found, report = found_by(control)
    assert found == {"board"} and {row["unit"] for row in report["rows"]} == {"01.1"}


TAMPERED = {
    "a row of a phase that nothing is in": (("board:{c1}:g1:1:7", HN, "6 1 1 1 0"), "01", "entered on the board"),
    "a row below another parent": (("board:{c1}:g1:5:0", A, "2 1 1 1 0"), "01.1", "entered on the board"),
    "a row of no unit at all": (("board:{c1}:g1:1:0", 99, "6 1 1 1 0"), "#99", "entered on the board"),
    "a version that no later one replaces": (("board:{c1}:g1:1:0", HN, "900000 9 9 9 0"), "01", "version of the row on the board"),
    "a version of the future where there is no total": (("board:{c1}:g1:1:7", YB, "7 1 1 1 0"), "15",
                                                        "version of the row on the board"),
    "a row that is none": (("board:{c1}:g1:1:0", HN, "what"), "01", "row on the board that can be read"),
    "a head of the future": (("board:{c1}:meta", "applied", "900000"), "-", "version on the board"),
}


def test_what_only_redis_has_is_found(control, world, redis_of_control):
    """Rows for which PostgreSQL has no total, or no such version: each by itself, in the text and as JSON."""
    client = redis_of_control.client()
    for name, ((key, field, value), unit, what) in TAMPERED.items():
        before = client.hget(key, field)
        client.hset(key, field, value)
        found, report = found_by(control)
        assert found == {"board"}, (name, report)
        assert [row["unit"] for row in report["rows"]].count(unit) == len(report["rows"]), (name, report["rows"])
        assert what in {row["what"] for row in report["rows"]}, (name, report["rows"])
        client.hdel(key, field) if before is None else client.hset(key, field, before)
    assert "zero drift" in control.do("audit")
    client.set("board:{c1}:g1:4:0", "a text where rows belong")
    code, output, _ = control.run("audit", "--wait", "1")
    assert code == 1 and "row on the board that can be read: expected 1, found 0" in output
    client.delete("board:{c1}:g1:4:0")
    assert found_by(control)[0] == set()


def test_a_row_that_moved_after_the_snapshot_is_not_drift(control, postgresql, world, redis_of_control):
    """Decisions that go on, and two audits at once: both have taken their snapshot when the board moves on."""
    client = redis_of_control.client()
    client.hset("board:{c1}:meta", "applied", 5)  # so that they wait for the board
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        audits = [pool.submit(control.run, "audit", "--json", "--wait", "60") for _ in range(2)]
        await_condition(lambda: len(postgresql.query(
            "SELECT pid FROM pg_stat_activity WHERE state = 'idle' AND query = 'ROLLBACK'")) == 2,
                        60, "both to have their snapshot")
        world.run("UPDATE board SET version = 8")
        client.hset("board:{c1}:g1:1:0", HN, "7 9 9 9 0")
        client.hset("board:{c1}:g1:2:1", B, "8 1 1 1 0")
        client.hset("board:{c1}:meta", "applied", 8)
        done = [audit.result() for audit in audits]
    for code, output, complaints in done:
        report = json.loads(output)
        assert (code, report["rows"]) == (0, []), complaints
        assert report["boards"][0]["moved"] == 2


def test_a_board_that_is_behind_or_lost_is_found(control, world, redis_of_control):
    client = redis_of_control.client()
    client.hset("board:{c1}:meta", "applied", 5)
    found, report = found_by(control)
    assert found == {"board"}
    assert (report["rows"][0]["expected"], report["rows"][0]["found"]) == (6, 5)
    client.flushall()
    assert found_by(control)[0] == {"board"}


def test_redis_away_is_not_called_right(control, world, redis_of_control):
    redis_of_control.stop()
    code, output, _ = control.run("audit", "--wait", "1")
    assert code == 69 and "Redis does not answer" in output


def test_an_empty_system_has_no_drift(control, redis_of_control):
    assert found_by(control)[0] == set()
