"""leaderboard against PostgreSQL and Redis of its own. Catches: a board that is wrong and does not say so (law 5), ranks,
percents or figures that differ from the totals, a client that is told too much, too often, twice or never."""
import json
import os
import time
import uuid

import pytest

from harness.leaderboard import CAMPAIGN, COUNTED, ID, REJECTED, UNDER_REVIEW, Events, World, start_leaderboard
from harness.redis_server import Redis
from harness.waiting import await_condition

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.fixture
def world(shared_postgresql, redis_server):
    world = World(shared_postgresql, redis_server)
    yield world
    if world.postgresql.process is None:
        world.postgresql.start()


@pytest.fixture
def leaderboard(start_service, run_directory, world):
    return start_leaderboard(start_service, run_directory, world)


@pytest.fixture
def client(leaderboard):
    return leaderboard.client


FIRST = {1: (40, 30, 20), 2: (9, 8, 7), 3: (12, 10, 5), 4: (9, 8, 8), 5: (1, 0, 0), 6: (9, 8, 7)}


def awaits_board(client, query="", **wanted):
    def holds():
        board = client.board(query)
        for name, value in wanted.items():
            assert board[name] == value, board
        return board
    return await_condition(holds, 5)


# Boards ----------------------------------------------------------------------------------------------------------------
def test_board_from_redis_with_ties_and_percent(world, client):
    world.sql("INSERT INTO quota_target VALUES (%s, 2, 0, 1, 3), (%s, 4, 0, 2, 16), (%s, 3, 1, 1, 5)", (ID, ID, ID))
    world.changed_reference()
    world.both(4, FIRST)
    board = awaits_board(client, version=4, source="redis", current=True)
    assert (board["campaign"], board["metric"], board["phase"], board["parent"]) == ("trial", "counted", "all", "VN")
    assert board["total"] == {"entered": 40, "counted": 30, "people": 20, "target": 1000, "percent": 3.0}
    board = await_condition(lambda: (lambda b: b if b["rows"][1]["target"] else None)(client.board()), 5)
    assert [(row["rank"], row["unit"]) for row in board["rows"]] == [(1, "24"), (2, "01"), (2, "25"), (4, "38")]
    assert board["rows"][1] == {"rank": 2, "unit": "01", "name": "Hà Nội", "entered": 9, "counted": 8, "people": 7,
                                "target": 3, "percent": 266.7}
    assert board["rows"][2]["percent"] == 50.0  # of people: 8 of 16
    assert board["rows"][0]["target"] is None and board["rows"][0]["percent"] is None  # its target is of phase 1
    board = client.board("?metric=percent")
    assert [(row["rank"], row["unit"]) for row in board["rows"]] == [(1, "01"), (2, "25"), (3, "24"), (3, "38")]


def test_board_of_a_unit_a_phase_and_a_window(world, client):
    """R24: below any unit, of a phase or the whole, by initiatives or people."""
    world.totals(1, {3: (3, 3, 1), 1: (3, 3, 1)}, phase=1)
    world.totals(2, FIRST)
    below = awaits_board(client, "?parent=01", version=2)
    assert [(row["unit"], row["counted"]) for row in below["rows"]] == [("01.018", 8), ("01.001", 0)]
    assert below["total"]["counted"] == 8 and below["total"]["target"] is None
    phase = awaits_board(client, "?phase=1&metric=people", version=2)
    assert phase["phase"] == 1 and phase["rows"][0]["unit"] == "24" and phase["total"]["people"] == 1
    assert phase["total"]["target"] is None  # the campaign's target is of the whole
    assert [row["unit"] for row in client.board("?limit=2")["rows"]] == ["24", "01"]
    around = client.board("?around=25&limit=3")
    assert [(row["rank"], row["unit"]) for row in around["rows"]] == [(2, "01"), (2, "25"), (4, "38")]
    assert client.board("?parent=01.018")["rows"] == []


def test_a_board_without_redis(world, client):
    world.totals(3, FIRST)
    board = awaits_board(client, version=3, source="postgresql", current=True)
    assert board["rows"][0]["counted"] == 10
    world.redis.stop()
    world.totals(4, {3: (13, 11, 5)})
    board = awaits_board(client, version=4, source="postgresql", current=True)
    assert board["rows"][0]["counted"] == 11


def test_the_redis_account_need_only_read(start_service, run_directory, shared_postgresql):
    """The account that `sangkien up` makes (services/control/servers.c): its script must run with it."""
    server = Redis(acl=["user leaderboard on >secret %R~board:* +@read +@connection +@scripting -flushall -flushdb "
                        "-script|flush -script|kill"]).start()
    try:
        world = World(shared_postgresql, server)
        with open(os.path.join(run_directory.make("keys"), "redis-leaderboard.password"), "w", encoding="ascii") as file:
            file.write("secret\n")
        service = start_leaderboard(start_service, run_directory, world, SANGKIEN_KEYS=run_directory.below("keys"))
        world.both(5, FIRST)
        awaits_board(service.client, version=5, source="redis", current=True)
    finally:
        server.remove()


def test_a_redis_behind_is_not_shown(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5, source="redis")
    world.totals(6, {3: (13, 11, 5)})
    board = awaits_board(client, version=6, source="postgresql", current=True)
    assert board["rows"][0]["counted"] == 11
    world.boards(6, {3: (13, 11, 5)})
    awaits_board(client, "?limit=1", version=6, source="redis", current=True)
    world.redis.client().flushall()
    world.version(7)
    awaits_board(client, version=7, source="postgresql", current=True)


def test_a_redis_of_another_life_is_not_shown(world, client):
    world.totals(2, {3: (2, 2, 2)})
    world.boards(900, {3: (800, 800, 800)})
    board = awaits_board(client, "?metric=people", version=2, source="postgresql", current=True)
    assert board["rows"][0]["counted"] == 2


def test_without_postgresql_redis_says_that_it_may_be_old(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5, source="redis", current=True)
    world.postgresql.stop()
    board = awaits_board(client, version=5, source="redis", current=False)
    assert board["rows"][0]["counted"] == 10
    awaits_board(client, "?metric=people", version=5, source="redis", current=False)
    world.postgresql.start()
    awaits_board(client, version=5, source="redis", current=True)


def test_a_version_never_goes_back(world, client):
    """PostgreSQL showed 6, then went; Redis is at 5: what was shown stays, what was not cannot be had."""
    world.both(5, FIRST)
    world.totals(6, {3: (13, 11, 5)})
    awaits_board(client, version=6, source="postgresql")
    world.postgresql.stop()
    board = awaits_board(client, version=6, current=False)
    assert board["rows"][0]["counted"] == 11
    answer = client.get("/v1/campaigns/trial/board?metric=entered")
    assert answer.status == 503 and answer.headers["Retry-After"], answer.text


def test_neither_postgresql_nor_redis(world, leaderboard, client):
    client.json("/v1/campaigns/trial")
    world.postgresql.stop()
    world.redis.stop()
    await_condition(lambda: leaderboard.get("/readyz")[0] == 503, 10)
    problem = client.json("/v1/campaigns/trial/board?metric=people", 503, {"Accept-Language": "en"})
    assert problem["status"] == 503 and problem["type"] == "/problems/unavailable"
    assert client.json("/v1/campaigns/trial")["description_characters_max"] == 2000  # the form needs no figures
    world.postgresql.start()
    await_condition(lambda: leaderboard.get("/readyz")[0] == 200, 10)
    awaits_board(client, version=0, source="postgresql", current=True)


def test_etag(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5, source="redis", current=True)
    answer = client.get("/v1/campaigns/trial/board")
    etag = answer.headers["ETag"]
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get("/v1/campaigns/trial/board", {"If-None-Match": f'"other", {etag}'})
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", etag)
    assert client.get("/v1/campaigns/trial/board", {"If-None-Match": '"other"'}).status == 200
    head = client.get("/v1/campaigns/trial/board", method="HEAD")
    assert head.status == 200 and head.headers["ETag"] == etag and head.text == ""
    world.both(6, {3: (13, 11, 5)})
    await_condition(lambda: client.get("/v1/campaigns/trial/board", {"If-None-Match": etag}).status == 200, 5)


def test_targets_and_names_follow_the_reference(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5)
    world.sql("INSERT INTO quota_target VALUES (%s, 1, 0, 1, 60)", (ID,))
    world.sql("UPDATE unit SET name = 'Thủ đô' WHERE id = 2")
    world.changed_reference()
    await_condition(lambda: client.board()["total"]["percent"] == 50.0, 5)
    await_condition(lambda: client.board()["rows"][1]["name"] == "Thủ đô", 5)
    assert client.json("/v1/campaigns/trial")["target"] == 60


@pytest.mark.parametrize("query,field,code", [
    ("metric=best", "metric", "invalid"), ("phase=9", "phase", "invalid"), ("phase=", "phase", "invalid"),
    ("limit=0", "limit", "invalid"), ("limit=x", "limit", "invalid"), ("parent=99", "parent", "unknown_unit"),
    ("around=99", "around", "unknown_unit"), ("around=01.018", "around", "invalid")])
def test_bad_parameters(client, query, field, code):
    problem = client.json("/v1/campaigns/trial/board?" + query, 422, {"Accept-Language": "en"})
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, code)]
    assert problem["errors"][0]["message"]
    assert client.get("/v1/campaigns/trial/board/events?" + query).status == 422


def test_unknown_campaign(client):
    for path in ("", "/units", "/board", "/board/events"):
        assert client.json("/v1/campaigns/nothing" + path, 404)["type"] == "/problems/unknown_campaign"


# Campaigns and units -----------------------------------------------------------------------------------------------------
def test_campaigns(client):
    assert client.json("/v1/campaigns") == {"campaigns": [
        {"code": "trial", "name": "Thử", "opens_at": "2022-01-08T00:00:00+07:00",
         "closes_at": "2100-01-01T00:00:00+07:00", "open": True}]}
    assert client.json("/v1/campaigns", headers={"Accept-Language": "en"})["campaigns"][0]["name"] == "Trial"


def test_campaigns_stand_by_code(world, client):
    for number, code in ((8, "another"), (3, "zeta")):
        world.sql("INSERT INTO campaign (id, code, source, sha256) VALUES (%s, %s, %s, 'x')",
                  (number, code, CAMPAIGN.replace("code: trial", "code: " + code)))
        world.sql("INSERT INTO unit VALUES (%s, 1, 'VN', 'Việt Nam', 0, 0, 0, false)", (number,))
    world.changed_reference()
    await_condition(lambda: [campaign["code"] for campaign in client.json("/v1/campaigns")["campaigns"]] ==
                    ["another", "trial", "zeta"], 5)


def test_campaign(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5)
    campaign = client.json("/v1/campaigns/trial", headers={"Accept-Language": "en"})
    assert campaign["rules_version"] == 3 and campaign["description_characters_max"] == 2000
    assert campaign["server_time"].endswith("+07:00")
    fields = {field["name"]: field for field in campaign["fields"]}
    assert fields["national_id"]["required"] and fields["description"] == {
        "name": "description", "type": "string", "required": True, "max": 2000}
    assert fields["applied_on"] == {"name": "applied_on", "type": "date", "required": False, "max": None}
    assert "recognized_on" not in fields  # neither required nor offered
    assert campaign["categories"] == [{"code": "worker", "name": "Worker"}]
    assert campaign["kinds"] == [{"code": "technical", "name": "Technical"}]
    assert campaign["applied_window"] == {"from": "2021-09-01", "to": "2022-09-01"}
    assert campaign["recognized_window"] == campaign["applied_window"]  # it has none of its own
    assert campaign["blocks"] == [{"code": "enterprise", "name": "Enterprise"}, {"code": "public", "name": "Public body"}]
    assert (campaign["research_kind"], campaign["lead_author_only"], campaign["refuse_ip_protected"]) == (None, True, True)
    assert campaign["phases"][1] == {"number": 2, "name": "Round 2", "starts_at": "2022-06-01T00:00:00+07:00",
                                     "ends_at": "2100-01-01T00:00:00+07:00"}
    assert campaign["target"] == 1000 and campaign["support"] == "Call 1900"
    assert campaign["total"] == {"entered": 40, "counted": 30, "people": 20, "target": 1000, "percent": 3.0}


def test_a_tree_that_moved(world, client):
    """Catches: figures of one tree shown under the parents of another, from PostgreSQL or Redis; a past that is lost."""
    world.both(1, FIRST)
    awaits_board(client, version=1, source="redis")
    # Quota's transactions and this one see the tree; the reference data is still to come.
    world.sql("UPDATE unit SET parent_id = 3, merged = true WHERE id = 4; INSERT INTO unit_tree VALUES (%s, 1, '2025-07-01'); "
              "INSERT INTO unit_past VALUES (%s, 4, '2025-07-01', 'Phú Thọ', 1, false, false)", (ID, ID))
    world.totals(2, {3: (21, 18, 11)})

    def is_careful():
        answer = client.get("/v1/campaigns/trial/board?parent=24")
        return answer.status == 503 or not json.loads(answer.text)["current"]
    await_condition(is_careful, 20)
    world.changed_reference()
    board = awaits_board(client, version=2, source="postgresql", current=True)
    assert [(row["unit"], row["counted"]) for row in board["rows"]] == [("24", 18), ("01", 8), ("38", 0)]
    assert board["total"]["counted"] == 30
    world.boards(2, FIRST)  # of the tree of before: as new as can be, and of no use
    world.boards(2, FIRST, generation=2)
    assert client.board("?limit=3")["rows"][0]["counted"] == 18
    world.parents[4] = 3
    world.boards(3, {**FIRST, 3: (22, 19, 11)}, generation=3)
    world.redis.client().hset(f"board:{{c{ID}}}:meta", "tree", 1)
    world.version(3)
    board = awaits_board(client, version=3, source="redis", current=True)
    assert [(row["unit"], row["counted"]) for row in board["rows"]] == [("24", 19), ("01", 8), ("38", 0)]
    path = "/v1/campaigns/trial/units"
    assert [unit["code"] for unit in client.json(path)["units"]] == ["01", "24", "38"]
    assert [unit["code"] for unit in client.json(path + "?as_of=2025-07-01")["units"]] == ["01", "24", "38"]
    assert [unit["code"] for unit in client.json(path + "?as_of=2025-06-30")["units"]] == ["01", "24", "25", "38"]
    assert [unit["code"] for unit in client.json(path + "?as_of=2025-06-30&q=phu%20tho")["units"]] == ["25"]
    assert client.json(path + "?q=phu%20tho")["units"] == []
    assert len(client.json(path + "?as_of=2025-06-30&parent=01")["units"]) == 2
    assert client.json(path + "?as_of=2025-06-30&parent=99", 422)["errors"][0]["code"] == "unknown_unit"
    refused = client.json(path + "?as_of=June", 422)["errors"][0]
    assert (refused["field"], refused["code"]) == ("as_of", "invalid")
    assert client.json("/v1/campaigns/trial/board?around=25&parent=24", 422)["errors"][0]["code"] == "invalid"


def test_units(client):
    units = client.json("/v1/campaigns/trial/units")["units"]
    assert [unit["code"] for unit in units] == ["01", "24", "25", "38"]
    assert units[0] == {"code": "01", "name": "Hà Nội", "level": "top", "parent": "VN", "accepts_submissions": False,
                        "children": 2}
    below = client.json("/v1/campaigns/trial/units?parent=01")["units"]
    assert [(unit["code"], unit["accepts_submissions"]) for unit in below] == [("01.001", True), ("01.018", True)]
    found = client.json("/v1/campaigns/trial/units?q=THANH%20hoa")["units"]
    assert [unit["name"] for unit in found] == ["Thanh Hóa"]
    assert client.json("/v1/campaigns/trial/units?q=thanh%20hoa&parent=01")["units"] == []
    assert [u["name"] for u in client.json("/v1/campaigns/trial/units?q=ba&parent=01")["units"]] == ["Ba Đình"]
    assert client.json("/v1/campaigns/trial/units?parent=99", 422)["errors"][0]["code"] == "unknown_unit"


def test_openapi(client):
    answer = client.get("/v1/openapi.yaml")
    assert answer.status == 200 and answer.text == "openapi: 3.1.0\n"


# Tracking ------------------------------------------------------------------------------------------------------------------
def tracking_code(client, world, number):
    """As people hold it: asked of the service under test by a code that is made here, digit by digit."""
    value = number.int
    digits = [ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5)]
    for check in ALPHABET:  # the one of 32 that is taken
        answer = client.get("/v1/submissions/" + "".join(digits) + check)
        if answer.status == 200 or "gõ sai" not in answer.text:
            return "".join(digits) + check
    raise AssertionError("no check character fits")


def test_tracking(world, client):
    """R13: after submitting one follows the result."""
    number = world.submission()
    code = tracking_code(client, world, number)
    status = client.json("/v1/submissions/" + code)
    assert status["tracking_code"].replace("-", "") == code
    assert (status["campaign"], status["unit"], status["status"]) == ("trial", "01.018", "received")
    assert status["reasons"] == [] and status["phase"] is None and status["decided_at"] is None
    assert status["received_at"] == "2022-02-01T07:00:00+07:00" and status["similar"] == []
    assert status["history"] == [{"status": "received", "at": "2022-02-01T07:00:00+07:00"}]
    assert "secret" not in json.dumps(status)

    world.decide(number, 1, UNDER_REVIEW, score=0.65)
    world.decide(number, 2, REJECTED, reasons="outside_window applied_on;duplicate ")
    status = client.json("/v1/submissions/" + code.lower(), headers={"Accept-Language": "en"})
    assert (status["status"], status["phase"], status["decided_at"]) == ("rejected", 1, "2022-02-01T07:00:01+07:00")
    assert [(reason["code"], reason["field"]) for reason in status["reasons"]] == [
        ("outside_window", "applied_on"), ("duplicate", None)]
    assert all(reason["message"] for reason in status["reasons"])
    assert [event["status"] for event in status["history"]] == ["received", "under_review", "rejected"]
    assert client.get("/v1/submissions/" + code).headers["Cache-Control"] == "no-store"


def test_tracking_of_what_is_not_there(world, client):
    number = uuid.uuid4()
    code = tracking_code(client, world, number)
    problem = client.json("/v1/submissions/" + code, 404, {"Accept-Language": "en"})
    assert problem["type"] == "/problems/not_found" and "typing error" not in problem["detail"]
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    for path in (wrong, "x", wrong + "/events"):
        problem = client.json("/v1/submissions/" + path, 404, {"Accept-Language": "en"})
        assert problem["type"] == "/problems/not_found" and "typing error" in problem["detail"]
    assert client.get(f"/v1/submissions/{code}/events").status == 404


def test_tracking_events_until_the_final_status(world, client):
    number = world.submission()
    code = tracking_code(client, world, number)
    events = Events(client, f"/v1/submissions/{code}/events", {"Accept-Language": "en"})
    assert events.response.headers["Content-Type"] == "text/event-stream"
    name, last, data = events.next()
    assert (name, last, data["status"]) == ("status", 0, "received")
    world.decide(number, 1, UNDER_REVIEW)
    assert events.next()[1:] == (1, client.json("/v1/submissions/" + code))
    world.decide(number, 2, COUNTED)
    assert events.next()[2]["status"] == "counted"
    assert events.next() is None
    events.close()
    # A browser comes again with what it has: 204 ends that; with less it gets the end again.
    assert client.get(f"/v1/submissions/{code}/events", {"Last-Event-ID": "2"}).status == 204
    events = Events(client, f"/v1/submissions/{code}/events", {"Last-Event-ID": "1"})
    assert events.next()[1] == 2 and events.next() is None
    events.close()


def test_tracking_events_survive_postgresql(world, client):
    number = world.submission()
    code = tracking_code(client, world, number)
    events = Events(client, f"/v1/submissions/{code}/events")
    assert events.next()[2]["status"] == "received"
    world.postgresql.stop(immediate=True)
    assert client.get("/v1/submissions/" + code).status == 503
    world.postgresql.start()
    world.decide(number, 1, COUNTED)
    assert events.next()[2]["status"] == "counted"
    events.close()


# Streams of boards -----------------------------------------------------------------------------------------------------------
def test_board_events(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5, source="redis")
    events = Events(client, "/v1/campaigns/trial/board/events")
    assert events.response.headers["Cache-Control"] == "no-store"
    name, version, board = events.next()
    assert (name, version) == ("board", 5)
    plain = client.board()
    assert board["rows"] == plain["rows"] and board["total"] == plain["total"]

    world.both(6, {3: (13, 11, 6), 1: (41, 31, 21)})
    name, version, change = events.next()
    assert (name, version, change["version"], change["source"]) == ("change", 6, 6, "redis")
    assert [(row["unit"], row["rank"], row["counted"]) for row in change["rows"]] == [("24", 1, 11)]
    assert change["total"]["counted"] == 31 and change["removed"] == [] and change["current"] is True

    world.both(7, {4: (9, 9, 8), 1: (41, 32, 21)})  # 01 and 25 no longer tie: one row moves, the other's rank stays 3
    change = events.next()[2]
    assert [(row["unit"], row["rank"]) for row in change["rows"]] == [("25", 2), ("01", 3)]
    events.close()


def test_board_events_resume(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5, source="redis")
    has = Events(client, "/v1/campaigns/trial/board/events", {"Last-Event-ID": "5"})
    older = Events(client, "/v1/campaigns/trial/board/events", {"Last-Event-ID": "4"})
    assert older.next()[:2] == ("board", 5)
    world.both(6, {3: (13, 11, 6)})
    assert older.next()[:2] == ("change", 6)
    assert has.next()[:2] == ("change", 6)  # not the full board again
    has.close()
    older.close()


def test_board_events_come_at_most_four_times_a_second(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5, source="redis")
    events = Events(client, "/v1/campaigns/trial/board/events?limit=2")
    events.next()
    times, version, last = [], 5, 0
    start = time.monotonic()
    while time.monotonic() - start < 2:
        version += 1
        world.both(version, {3: (version + 100, version + 100, 6)})
        if version % 8 == 0:
            times.append(time.monotonic())
    received = 0
    while last < version:
        last = events.next()[1]
        received += 1
    assert received <= 4 * (time.monotonic() - start) + 2
    events.close()


def test_board_events_with_a_limit_name_who_left(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5, source="redis")
    events = Events(client, "/v1/campaigns/trial/board/events?limit=1&metric=counted")
    assert [row["unit"] for row in events.next()[2]["rows"]] == ["24"]
    world.both(6, {5: (50, 50, 50)})
    change = events.next()[2]
    assert [row["unit"] for row in change["rows"]] == ["38"] and change["removed"] == ["24"]
    events.close()


def test_board_events_tell_when_they_may_be_old(world, client):
    world.both(5, FIRST)
    awaits_board(client, version=5, source="redis", current=True)
    events = Events(client, "/v1/campaigns/trial/board/events")
    assert events.next()[2]["current"] is True
    world.postgresql.stop()
    name, version, change = events.next()
    assert (name, version, change["current"], change["rows"]) == ("change", 5, False, [])
    world.postgresql.start()
    assert events.next()[2]["current"] is True
    events.close()


def test_many_streams_and_a_drain(world, leaderboard, client):
    world.both(5, FIRST)
    awaits_board(client, version=5, source="redis")
    streams = [Events(client, "/v1/campaigns/trial/board/events") for _ in range(300)]
    for events in streams:
        assert events.next()[:2] == ("board", 5)
    world.both(6, {3: (13, 11, 6)})
    for events in streams:
        assert events.next()[:2] == ("change", 6)
    assert leaderboard.stop() == 0  # streams end at once, not after the whole grace
    for events in streams:
        assert events.next() is None
        events.close()


def test_the_login_can_only_read(world):
    import psycopg2
    for statement in ("UPDATE unit_total SET counted = 0", "DELETE FROM decision", "SELECT sealed FROM submission",
                      "SELECT person FROM submission", "INSERT INTO board VALUES (1, 1)"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            world.postgresql.query(statement, user="sk_leaderboard")
