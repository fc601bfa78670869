"""The progress of a unit against a PostgreSQL of its own. Catches: sums over the wrong days or of another phase, targets
that are not those of the plan, figures that are wrong before the opening, at a change of phase and after the close, and
laggards that come last. The arithmetic itself is in tests/unit/leaderboard/test_progress.c."""
import datetime
import math
import random

import pytest

from harness.leaderboard import CAMPAIGN, ID, UNITS, World, start_leaderboard
from harness.waiting import await_condition

VIETNAM = datetime.timezone(datetime.timedelta(hours=7))
PHASES = """    phases:
      - {number: 1, name: {vi: Đợt 1, en: Round 1}, starts_at: %s, ends_at: %s}
      - {number: 2, name: {vi: Đợt 2, en: Round 2}, starts_at: %s, ends_at: %s}
"""


@pytest.fixture
def world(shared_postgresql, redis_server):
    world = World(shared_postgresql, redis_server)
    world.sql("TRUNCATE quota_round, unit_round")
    yield world
    if world.postgresql.process is None:
        world.postgresql.start()


@pytest.fixture
def client(start_service, run_directory, world):
    return start_leaderboard(start_service, run_directory, world).client


def today():
    return datetime.datetime.now(VIETNAM).date()


def steady_day():
    """Today; not within the last minute before midnight, when it would be another day during the test."""
    await_condition(lambda: datetime.datetime.now(VIETNAM).strftime("%H:%M") != "23:59", 90)
    return today()


def midnight(day):
    return day.isoformat() + "T00:00:00+07:00"


def with_phases(world, first, change, last):
    """Phase 1 from `first` to the day before `change`, phase 2 to `last`."""
    before, after = CAMPAIGN.index("    phases:"), CAMPAIGN.index("    person_key:")
    end = last + datetime.timedelta(1)
    source = CAMPAIGN[:before] + PHASES % tuple(map(midnight, (first, change, change, end))) + CAMPAIGN[after:]
    source = source.replace("opens_at: 2022-01-08T00:00:00+07:00", "opens_at: " + midnight(first), 1)
    source = source.replace("closes_at: 2100-01-01T00:00:00+07:00", "closes_at: " + midnight(end), 1)
    source = source.replace("holds_from: 2022-01-01T00:00:00+07:00", "holds_from: 2000-01-01T00:00:00+07:00", 1)
    world.sql("UPDATE campaign SET source = %s WHERE id = %s", (source, ID))
    world.changed_reference()


def target(world, unit, phase, value, counts=1, declared=None, parts=None, phases=None, holds_from="1900-01-01"):
    world.sql("INSERT INTO quota_target (campaign_id, unit_id, phase, counts, target, declared, parts, phases, holds_from) "
              "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
              (ID, unit, phase, counts, value, declared, parts, phases, holds_from))
    world.changed_reference()  # as an import does: what was read before is read again


def day(world, unit, date, counted, people=0, newcomers=0, phase=2):
    world.sql("INSERT INTO unit_day VALUES (%s, %s, %s, %s, %s, %s, %s)", (ID, unit, date, phase, counted, people, newcomers))


def entry(answer, phase, counts=None, where="phases", name="phase"):
    return next(found for found in answer[where] if found[name] == phase and counts in (None, found["counts"]))


def progress(client, unit="01", when=None, path="/v1/campaigns/trial/units/{}/progress", **headers):
    """The first answer of which `when` holds: what has changed is seen within two seconds."""
    def holds():
        answer = client.json(path.format(unit), headers={name.replace("_", "-"): value for name, value in headers.items()})
        assert answer["phases"][0]["days_left"] < 1000, "the campaign is not yet that of the test"
        assert when is None or when(answer), answer
        return answer
    return await_condition(holds, 5)


def test_a_unit_on_its_way(world, client):
    now = steady_day()
    ago = lambda days: now - datetime.timedelta(days)  # noqa: E731
    with_phases(world, ago(100), ago(10), now + datetime.timedelta(19))
    target(world, 2, 0, 200, declared=200, parts=120, phases=190)
    target(world, 2, 1, 90, declared=90)
    target(world, 2, 2, 120, parts=120)
    world.totals(4, {2: (90, 81, 30)})
    world.totals(4, {2: (30, 21, 9)}, phase=1)
    world.totals(5, {2: (60, 60, 25)}, phase=2)
    # Seven days are today and the six before it; of the phase, not of the whole campaign.
    for days, counted in ((0, 10), (6, 4), (7, 1000), (20, 5000)):
        day(world, 2, ago(days), counted)
    day(world, 2, ago(3), 700, phase=1)
    answer = progress(client, when=lambda found: found["version"] == 5 and found["phases"][0]["target"] == 200)
    assert (answer["campaign"], answer["unit"], answer["name"]) == ("trial", "01", "Hà Nội")
    assert [found["phase"] for found in answer["phases"]] == ["all", 1, 2] and answer["rounds"] == []
    whole, first, second = answer["phases"]
    assert (whole["target"], whole["parts_target"], whole["phases_target"], whole["target_mismatch"]) == (200, 120, 190, True)
    assert (whole["counted"], whole["people"], whole["percent"], whole["met"]) == (81, 30, 40.5, False)
    assert whole["days_left"] == 20 and whole["required_per_day"] == 5.95 and whole["pace_per_day"] == 102.0
    assert (first["target"], first["parts_target"], first["target_mismatch"]) == (90, None, False)
    assert (first["days_left"], first["met"], first["required_per_day"], first["pace_per_day"]) == (0, False, None, 0.0)
    assert first["projected"] == first["counted"] == 21
    assert (second["target"], second["parts_target"], second["target_mismatch"]) == (120, 120, False)
    assert (second["percent"], second["days_left"], second["required_per_day"], second["pace_per_day"]) == (50.0, 20, 3.0, 2.0)
    assert 60 + 2 * 19 <= second["projected"] <= 60 + 2 * 20
    assert [child["unit"] for child in answer["children"]] == ["01.001", "01.018"]
    assert "children" not in answer["children"][0]


def test_laggards_first(world, client):
    """R21: what units hold is their parent's too, and who is behind stands first."""
    now = steady_day()
    with_phases(world, now, now + datetime.timedelta(30), now + datetime.timedelta(60))
    for unit, of_phase in ((2, 10), (3, 10), (5, 40)):
        target(world, unit, 1, of_phase, declared=of_phase)
    target(world, 4, 0, 1000, declared=1000)  # none in the phase that runs
    world.totals(1, {2: (9, 9, 1), 3: (12, 12, 1), 4: (1, 1, 1), 5: (8, 8, 1)}, phase=1)
    answer = progress(client, "VN", lambda found: found["version"] == 1 and entry(found["children"][0], 1)["target"])
    assert [child["unit"] for child in answer["children"]] == ["38", "01", "24", "25"]
    assert [entry(child, 1)["percent"] for child in answer["children"]] == [20.0, 90.0, 120.0, None]
    # Where nobody has one in the phase, by the whole.
    world.sql("DELETE FROM quota_target WHERE phase = 1")
    target(world, 2, 0, 1, declared=1)
    world.totals(2, {2: (9, 9, 1), 4: (900, 900, 1)})
    world.changed_reference()
    answer = progress(client, "VN", lambda found: entry(found["children"][1], "all")["target"] == 1)
    assert [child["unit"] for child in answer["children"]] == ["25", "01", "24", "38"]
    assert entry(answer, "all")["target"] == 1000 and entry(answer, "all")["parts_target"] is None  # the rule pack's


def test_before_the_opening_and_after_the_close(world, client):
    now = steady_day()
    target(world, 2, 0, 300, declared=300)
    target(world, 2, 1, 100, declared=100)
    with_phases(world, now + datetime.timedelta(1), now + datetime.timedelta(31), now + datetime.timedelta(60))
    answer = progress(client, when=lambda found: found["phases"][0]["days_left"] == 60)
    whole, first, second = answer["phases"]
    assert (whole["required_per_day"], whole["pace_per_day"], whole["projected"], whole["met"]) == (5.0, 0.0, 0, False)
    assert (first["days_left"], first["required_per_day"]) == (30, 3.34)  # rounded up
    assert (second["days_left"], second["target"], second["percent"], second["met"]) == (30, None, None, None)
    with_phases(world, now - datetime.timedelta(60), now - datetime.timedelta(30), now - datetime.timedelta(1))
    world.totals(1, {2: (300, 300, 1)})
    day(world, 2, now - datetime.timedelta(1), 40)
    answer = progress(client, when=lambda found: found["version"] == 1 and found["phases"][0]["days_left"] == 0)
    whole, first, _ = answer["phases"]
    assert (whole["met"], whole["percent"], whole["required_per_day"], whole["pace_per_day"]) == (True, 100.0, 0.0, 0.0)
    assert whole["projected"] == 300 and first["required_per_day"] is None
    # The last day is one.
    with_phases(world, now - datetime.timedelta(60), now - datetime.timedelta(30), now)
    assert entry(progress(client, when=lambda found: found["phases"][0]["days_left"] == 1), 2)["days_left"] == 1


def test_a_round_and_its_names(world, client):
    now = steady_day()
    with_phases(world, now - datetime.timedelta(50), now - datetime.timedelta(40), now + datetime.timedelta(40))
    world.sql("INSERT INTO quota_round VALUES (%s, 1, 'Tháng về đích', 'Home stretch', %s, %s)",
              (ID, now - datetime.timedelta(2), now + datetime.timedelta(7)))
    target(world, 2, 101, 50, declared=50)
    target(world, 2, 101, 12, counts=2, declared=12)
    for days, people in ((2, 1), (0, 2)):
        world.sql("INSERT INTO unit_round VALUES (%s, 2, 1, %s, %s)", (ID, now - datetime.timedelta(days), people))
    for days, phase, counted in ((3, 2, 1000), (2, 2, 4), (1, 0, 5), (0, 1, 6), (-1, 2, 0)):
        day(world, 2, now - datetime.timedelta(days), counted, phase=phase)
    world.version(1)
    answer = progress(client, when=lambda found: found["rounds"] and found["rounds"][0]["target"])
    found = entry(answer, 1, where="rounds", name="round")
    assert found["name"] == "Tháng về đích" and found["starts_at"] == midnight(now - datetime.timedelta(2))
    assert (found["counted"], found["people"], found["percent"], found["days_left"]) == (15, 3, 30.0, 8)
    assert (found["required_per_day"], found["pace_per_day"]) == (4.38, 5.0)
    people, = [row for row in answer["rounds"] if row["counts"] == "people"]
    assert (people["people"], people["percent"], people["pace_per_day"], people["required_per_day"]) == (3, 25.0, 1.0, 1.13)
    answer = progress(client, Accept_Language="en")
    assert answer["rounds"][0]["name"] == "Home stretch" and entry(answer, 1)["name"] == "Round 1"


def test_a_target_in_people(world, client):
    """R19: percent of members who have at least one; and initiatives beside it."""
    now = steady_day()
    with_phases(world, now - datetime.timedelta(20), now - datetime.timedelta(10), now + datetime.timedelta(9))
    target(world, 2, 2, 40, counts=2, declared=40)
    target(world, 2, 2, 30, counts=1, parts=30)
    target(world, 2, 0, 70, counts=2, declared=70)
    world.totals(1, {2: (500, 500, 60)})
    world.totals(2, {2: (400, 400, 20)}, phase=2)
    day(world, 2, now, 90, people=14, newcomers=7)
    answer = progress(client, when=lambda found: found["version"] == 2 and found["phases"][0]["target"])
    people, initiatives = entry(answer, 2), entry(answer, 2, counts="initiatives")
    assert (people["counts"], people["percent"], people["met"], people["pace_per_day"]) == ("people", 50.0, False, 2.0)
    assert people["required_per_day"] == 2.0
    assert (initiatives["percent"], initiatives["met"], initiatives["pace_per_day"]) == (1333.3, True, 12.86)
    assert entry(answer, "all")["pace_per_day"] == 1.0  # newcomers
    # The board measures by the same one.
    board = await_condition(lambda: client.board("?phase=2&parent=VN"), 5)
    assert next(row for row in board["rows"] if row["unit"] == "01")["percent"] == 50.0


def test_targets_follow_the_members_by_date(world, client):
    now = steady_day()
    with_phases(world, now - datetime.timedelta(20), now - datetime.timedelta(10), now + datetime.timedelta(9))
    target(world, 2, 0, 10, declared=10)
    target(world, 2, 0, 20, declared=20, holds_from=now)
    target(world, 2, 0, 30, declared=30, holds_from=now + datetime.timedelta(1))
    world.version(1)
    answer = progress(client, when=lambda found: found["phases"][0]["target"])
    assert entry(answer, "all")["target"] == 20


def test_sums_equal_a_recount(world, client):
    """Of random days, for all children at once."""
    now = steady_day()
    with_phases(world, now - datetime.timedelta(30), now - datetime.timedelta(4), now + datetime.timedelta(30))
    rng, rows = random.Random(4), {}
    for unit in (2, 3, 4, 5):
        for days in range(20):
            for phase in (0, 1, 2):
                figures = [rng.randrange(50) for _ in range(3)]
                rows[unit, days, phase] = figures
                day(world, unit, now - datetime.timedelta(days), *figures, phase=phase)
    world.version(9)
    codes = {number: code for number, _, code, *_ in UNITS}
    answer = progress(client, "VN", lambda found: found["version"] == 9)
    for unit in (2, 3, 4, 5):
        child = next(child for child in answer["children"] if child["unit"] == codes[unit])
        whole = sum(rows[unit, days, phase][0] for days in range(7) for phase in range(3))
        assert entry(child, "all")["pace_per_day"] == pytest.approx(whole / 7, abs=0.0051)
        second = sum(rows[unit, days, 2][0] for days in range(5))  # the phase is five days old
        assert entry(child, 2)["pace_per_day"] == pytest.approx(second / 5, abs=0.0051)
        left = (datetime.datetime.fromisoformat(entry(child, 2)["ends_at"]) -
                datetime.datetime.fromisoformat(answer["as_of"])).total_seconds() / 86400
        assert abs(entry(child, 2)["projected"] - math.floor(second / 5 * left)) <= 1


def test_what_is_not_there(world, client):
    assert client.json("/v1/campaigns/trial/units/XX/progress", 404)["type"].endswith("/unknown_unit")
    assert client.json("/v1/campaigns/none/units/01/progress", 404)["type"].endswith("/unknown_campaign")
    with_phases(world, today(), today() + datetime.timedelta(1), today() + datetime.timedelta(9))
    progress(client)
    world.postgresql.stop()
    answer = client.get("/v1/campaigns/trial/units/01/progress")
    assert answer.status == 503 and answer.headers["Retry-After"]
    world.postgresql.start()
    await_condition(lambda: progress(client)["unit"] == "01", 20)
