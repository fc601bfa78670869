"""The line of what was counted. Catches: an hour or a day in another's place, days of another unit, a line that grows without
bound, hours given for a unit, and a leaderboard that fails where nothing was counted."""
import datetime

import pytest

from harness.leaderboard import ID, World, start_leaderboard
from harness.waiting import await_condition

VIETNAM = datetime.timezone(datetime.timedelta(hours=7))
PATH = "/v1/campaigns/trial/history"


@pytest.fixture
def world(shared_postgresql, redis_server):
    world = World(shared_postgresql, redis_server)
    world.sql("TRUNCATE campaign_hour")
    return world


@pytest.fixture
def client(start_service, run_directory, world):
    return start_leaderboard(start_service, run_directory, world).client


def test_nothing_counted_is_a_line_of_nothing(client):
    hours = client.json(PATH + "?by=hour")
    assert hours["counted"] == [0] * 24 and hours["step_seconds"] == 3600 and hours["unit"] == "VN"
    days = client.json(PATH)
    assert days["by"] == "day" and days["counted"] == [0]


def test_hours_of_the_last_day_stand_in_their_places(client, world):
    # By the database's clock, an hour that cannot end while this runs.
    await_condition(lambda: world.sql("SELECT extract(minute FROM now()) < 59")[0][0], 90)
    world.sql("INSERT INTO campaign_hour SELECT %s, date_trunc('hour', now()) - make_interval(hours => h), n FROM "
              "(VALUES (0, 5), (1, 7), (23, 9), (24, 11), (40, 13)) AS v(h, n)", (ID,))
    world.sql("INSERT INTO campaign_hour SELECT %s, date_trunc('hour', now()), 99", (ID + 1,))

    def shown():
        line = client.json(PATH + "?by=hour")
        assert line["counted"] == [9] + [0] * 21 + [7, 5]
        begin = datetime.datetime.fromisoformat(line["from"])
        assert begin == world.sql("SELECT date_trunc('hour', now()) - interval '23 hours'")[0][0]
        return True
    await_condition(shown, 30)


def test_days_of_a_unit_over_its_phases(client, world):
    def day(ago):
        return world.sql("SELECT (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date - %s", (ago,))[0][0]
    first = day(3)
    for unit, when, phase, counted in [(6, first, 1, 4), (6, first, 2, 2), (6, first + datetime.timedelta(2), 2, 1), (2, first, 1, 50),
                                       (6, first - datetime.timedelta(2000), 1, 8)]:
        world.sql("INSERT INTO unit_day (campaign_id, unit_id, day, phase, counted) VALUES (%s, %s, %s, %s, %s)",
                  (ID, unit, when, phase, counted))

    def shown():
        line = client.json(PATH + "?unit=01.018")
        assert line["counted"][:3] == [6, 0, 1] and set(line["counted"][3:]) <= {0}
        assert datetime.datetime.fromisoformat(line["from"]).astimezone(VIETNAM).date() == first
        return True
    await_condition(shown, 30)


@pytest.mark.parametrize("query, field", [("?by=minute", "by"), ("?unit=nowhere", "unit"), ("?by=hour&unit=01", "by")])
def test_what_there_is_no_line_of(client, query, field):
    problem = client.json(PATH + query, 422)
    assert problem["errors"][0]["field"] == field
    client.json("/v1/campaigns/nowhere/history", 404)


def test_a_unit_and_all_above_it(client):
    line = client.json("/v1/campaigns/trial/units?line=01.018")["units"]
    assert [unit["code"] for unit in line] == ["VN", "01", "01.018"] and line[0]["parent"] is None
    assert client.json("/v1/campaigns/trial/units?line=nowhere", 422)["errors"][0]["field"] == "line"
