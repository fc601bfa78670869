"""`sangkien quarantine`: poison that an operator sees and hands out again (law 9).

Would catch: poison that only SQL can find or let go, a replay that makes two of one, one that takes a decided submission
up again, one that waits ten minutes to be handed out, and personal data in a list.
"""
import concurrent.futures
import uuid

import pytest

from harness.small_system import COUNTED, YB
from harness.waiting import await_condition

PERSON = "tuấn"


def rows_of(world):
    return world.run("SELECT submission_id::text, stage, attempts, released_at FROM quarantine ORDER BY submission_id, stage")


def open_rows(world):
    return [(row[0], row[1]) for row in rows_of(world) if row[3] is None]


def test_it_is_listed_shown_and_replayed_once(control, world):
    (row,) = control.json("quarantine", "list")["quarantine"]
    assert (row["campaign"], row["unit"], row["stage"], row["reason"], row["attempts"], row["state"], row["replayed_at"]) == (
        "trial", "15", "validation", "x", 1, "waits", None)
    code = row["tracking_code"]
    table = control.do("quarantine", "list") + control.do("quarantine", "show", code)
    assert table.count(code) == 2 and PERSON not in table and "bảy" not in table
    assert "1 will be handed out again" in control.do("quarantine", "replay", code)
    first = rows_of(world)
    assert first[0][3] is not None
    audit = control.json("audit")
    assert (audit["campaigns"][0]["pending"], audit["campaigns"][0]["quarantined"]) == (2, 0), "it is pending again"
    assert "replayed; nothing waits" in control.do("quarantine", "replay", code)
    assert rows_of(world) == first, "the second replay changed nothing"
    assert control.json("quarantine", "list") == {"quarantine": []}
    assert control.json("quarantine", "list", "--all")["quarantine"][0]["state"] == "replayed"


def test_all_of_a_stage_and_what_is_decided_stays_decided(control, world):
    poison = rows_of(world)[0][0]
    world.run("INSERT INTO quarantine (submission_id, stage, reason) VALUES (%s, 'deduplication', 'y')", poison)
    other = world.submit(YB, PERSON, "tám", COUNTED)
    world.run("INSERT INTO quarantine (submission_id, stage, reason) VALUES (%s, 'deduplication', 'y')", other)
    assert "0 will" in control.do("quarantine", "replay", "--all", "--campaign", "other")
    told = control.do("quarantine", "replay", "--all", "--campaign", "trial", "--stage", "deduplication")
    assert told == "0 will be handed out again, 1 when another stage's refusal is replayed too, 1 not: decided meanwhile\n"
    assert open_rows(world) == [(poison, "validation")]
    rows = control.json("quarantine", "list", "--all")["quarantine"]
    decided = [row for row in rows if row["state"] == "counted"]
    assert len(rows) == 3 and len(decided) == 1
    assert "counted; nothing waits" in control.do("quarantine", "replay", decided[0]["tracking_code"])
    code = next(row["tracking_code"] for row in rows if row["state"] == "waits")
    assert "1 will" in control.do("quarantine", "replay", code)
    assert open_rows(world) == []


def test_two_operators_at_once_replay_it_once(control, world):
    """Each names it, or all: of each submission one of them is told that it will be handed out again."""
    poison = rows_of(world)[0][0]
    for stage in ("intake", "deduplication"):
        world.run("INSERT INTO quarantine (submission_id, stage, reason) VALUES (%s, %s, 'y')", poison, stage)
    code = control.json("quarantine", "list")["quarantine"][0]["tracking_code"]
    for words in ((code,), ("--all",), (code,)):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            told = list(pool.map(lambda _, words=words: control.run("quarantine", "replay", *words), range(4)))
        assert {code for code, _, _ in told} == {0}, told
        assert sum(text.startswith("1 will") for _, text, _ in told) == 1, told
        assert open_rows(world) == []
        world.run("UPDATE quarantine SET released_at = NULL")


@pytest.mark.parametrize("words", [(), ("x",), ("--all", "7"), ("--stage", "intake")])
def test_who_names_none_is_told(control, words):
    assert control.run("quarantine", "replay", *words)[0] == 64


def test_one_that_was_never_there(control, world):
    row = control.json("quarantine", "list")["quarantine"][0]
    world.run("UPDATE quarantine SET submission_id = %s", str(uuid.uuid4()))
    for act in ("show", "replay"):
        code, _, complaint = control.run("quarantine", act, row["tracking_code"])
        assert code == 65 and "never" in complaint


def test_what_is_let_go_is_fed_at_once(intake_world):
    """Else an old one waits for the sweeper's walk that begins with the very first submission: ten minutes."""
    from harness.intake import take
    server = intake_world.postgresql
    swept, poison = uuid.UUID(int=1), uuid.UUID(int=2)
    server.query("INSERT INTO quarantine (submission_id, stage, reason) VALUES (%s, 'intake', 'x')", (str(poison),))
    for number in (swept, poison):
        server.query("INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
                     "has_national_id) VALUES (%s, 1, 2, now(), '0123456789abcdef', '', 1, 'x', false)", (str(number),))
    service = intake_world.start(INTAKE_LEASE_MS="1000").service
    worker = intake_world.validation()
    assert take(worker, 1)[0].id == swept.bytes
    server.query("INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, decided_at) "
                 "VALUES (%s, 1, 1, 2, 2, 1, 1, now())", (str(swept),))
    await_condition(lambda: all(service.metrics()[f"sangkien_intake_{what}_submissions"] == 0 for what in ("window", "pending")), 30)
    server.query("UPDATE quarantine SET released_at = now()")
    assert take(worker, 1, 60)[0].id == poison.bytes
