"""The README's first minutes: submit, receipt, counted, and one more on every board within a second (issue: the main job)."""
import http.client
import json
import time

from harness.texts import distinct_text
from harness.waiting import PATIENCE_S, await_condition

PHONE = iter(f"09{n:08d}" for n in range(11000000, 12000000))


def fields(**changes):
    return {"full_name": "Nguyễn Thị Lan", "phone": next(PHONE), "unit": "01.018.LIXIL", "block": "enterprise",
            "description": distinct_text(next(PHONE)), **changes}


def totals(system):
    """(nation, Hà Nội, Gia Lâm, its enterprises, Lixil) as the board shows them."""
    row = {}
    for parent in ("", "01", "01.018", "01.018.DN"):
        board = system.board("demo", limit=1000, **({"parent": parent} if parent else {}))
        row.update({r["unit"]: r["counted"] for r in board["rows"]})
        row.setdefault("nation", board["total"]["counted"])
    return row["nation"], row["01"], row["01.018"], row["01.018.DN"], row["01.018.LIXIL"]


def test_receipt_then_counted_then_on_every_board(system):
    """Would catch a pipeline that loses, delays or counts twice what it acknowledged."""
    before = totals(system)
    answer = system.submit("demo", fields())
    assert answer.status == 202, answer.body
    receipt = answer.json()
    assert set(receipt) == {"id", "tracking_code", "received_at", "status_url"}
    assert answer.headers["X-Request-Id"]

    def counted():
        tracked = system.get(receipt["status_url"])
        assert tracked.status == 200, tracked.body
        return tracked.json()["status"] == "counted"
    await_condition(counted, 5, "the submission to count")
    await_condition(lambda: totals(system) == tuple(n + 1 for n in before), 5, "every ancestor to go up by one")


def test_prefer_wait_gives_the_verdict(system):
    def waited():
        answer = system.submit("demo", fields(), Prefer="wait=10")
        return answer.json() if answer.status == 200 else None
    status = await_condition(waited, what="an answer with the verdict")
    assert status["status"] == "counted" and status["reasons"] == [] and status["tracking_code"] and status["id"]


def test_a_copy_is_a_duplicate_and_too_long_is_rejected(system):
    """R18 and R6: refused with a reason, entered all the same."""
    text = fields()["description"]
    first = system.decided("demo", fields(description=text))
    copy = system.decided("demo", fields(description=text.upper() + "  "))
    long = system.decided("demo", fields(description="ý" * 2001))
    assert (first["status"], copy["status"], long["status"]) == ("counted", "duplicate", "rejected")
    assert [r["code"] for r in copy["reasons"]] == ["duplicate"] and [r["code"] for r in long["reasons"]] == ["too_long"]


def read_event(response, name):
    event, data = None, []
    for line in response:
        line = line.decode().rstrip("\r\n")
        if line.startswith("event:"):
            event = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].strip())
        elif line == "" and data:
            if event == name:
                return json.loads("".join(data))
            event, data = None, []
    raise AssertionError("the stream ended")


def test_an_open_stream_shows_it_within_a_second(system):
    connection = http.client.HTTPConnection(system.address, timeout=PATIENCE_S)
    connection.request("GET", "/v1/campaigns/demo/board/events")
    stream = connection.getresponse()
    assert stream.status == 200 and stream.headers["Content-Type"].startswith("text/event-stream")
    seen = read_event(stream, "board")["total"]["counted"]
    wanted = system.recount("demo")["VN"][1] + 1
    sent = time.monotonic()
    answer = system.submit("demo", fields())
    assert answer.status == 202
    while seen < wanted:
        seen = read_event(stream, "change")["total"]["counted"]
    waited = time.monotonic() - sent
    connection.close()
    assert seen == wanted
    # The aim is one second on an idle machine; what gates is that it is not a matter of polling by minutes.
    assert waited < 30, waited


def test_tracking_events_end_with_the_verdict(system):
    receipt = system.submit("demo", fields()).json()
    connection = http.client.HTTPConnection(system.address, timeout=PATIENCE_S)
    connection.request("GET", receipt["status_url"] + "/events")
    stream = connection.getresponse()
    text = stream.read().decode()
    connection.close()
    assert '"status":"counted"' in text.replace(" ", "")
    for secret in ("Nguyễn Thị Lan", "phone", "national_id"):
        assert secret not in text


def test_campaigns_units_and_openapi_are_served(system):
    codes = [c["code"] for c in system.get("/v1/campaigns").json()["campaigns"]]
    assert codes == sorted(codes) and {"demo", "75-nghin-sang-kien", "01-trieu-sang-kien"} <= set(codes)
    provinces = system.get("/v1/campaigns/demo/units").json()["units"]
    assert len(provinces) == 63 + 20  # R1
    found = system.get("/v1/campaigns/demo/units", q="bac giang").json()["units"]
    assert any(unit["code"] == "24" for unit in found)
    assert system.get("/v1/openapi.yaml").body.startswith(b"openapi: 3.1")


def test_deadlines_of_the_real_campaigns_hold(system):
    """R14: 75-nghin closed at 2021-04-21T00:00+07:00; an operator's token may replay, the public path never."""
    answer = system.submit("75-nghin-sang-kien", fields())
    assert answer.status == 403 and answer.json()["type"].endswith("campaign_closed")
    answer = system.submit("demo", fields(received_at="2021-04-01T00:00:00+07:00"))
    assert answer.status == 422 and answer.json()["errors"][0]["code"] == "unknown_field"


def test_everything_is_ready_and_audited(system):
    system.assert_all_laws("demo", ("", "01", "01.018", "01.018.DN"))
