"""The provinces of 2025 merge while submissions arrive. Catches: a submission counted for ancestors of both trees or of
none, a board of half a tree, an instance that stays with the tree of before, a nation that changes."""
import http.client
import json
import threading

from harness.texts import distinct_text
from harness.waiting import await_condition

# Of Phú Thọ, Vĩnh Phúc and Hòa Bình, which become one, and of Bắc Giang and Bắc Ninh.
UNITS = ("25.227", "26.243.D1", "26.244", "17.150", "17.152.C1", "24.215", "27.256.D1")
MOVES = "valid_from,code,merged_into,parent_code,name\n"


class Traffic:
    """Three who submit without a pause, and note every answer."""

    def __init__(self, system):
        self.system, self.stopping, self.answers = system, threading.Event(), []
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(3)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        count = 0
        while not self.stopping.is_set():
            count += 1
            unit = UNITS[(count + number) % len(UNITS)]
            answer = self.system.submit("demo", {
                "full_name": "Lê Thị Mơ", "phone": f"09{number}{count % 7}000{count % 900:03}", "unit": unit,
                "block": "enterprise", "description": distinct_text(f"moves {number} {count}")})
            self.answers.append((unit, answer.status, answer.body))

    def accepted(self):
        return sum(status == 202 for _, status, _ in list(self.answers))

    def await_more(self, count):
        wanted = self.accepted() + count
        await_condition(lambda: self.accepted() >= wanted, 60, "more submissions to be accepted")

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def top_rows(system):
    return {row["unit"]: row for row in system.board("demo", limit=200)["rows"]}


def events(system, wanted, found):
    """Reads a board's stream until a whole board has `wanted` rows."""
    connection = http.client.HTTPConnection(system.address, timeout=60)
    connection.request("GET", "/v1/campaigns/demo/board/events?limit=200")
    stream = connection.getresponse()
    name = None
    for line in iter(stream.readline, b""):
        if line.startswith(b"event: "):
            name = line[7:].strip()
        elif line.startswith(b"data: ") and name == b"board":
            found.append(len(json.loads(line[6:])["rows"]))
            if found[-1] == wanted:
                break
    connection.close()


def _keeps_the_units_of_before(system):
    """Submissions stay with the unit they were made for, which shows what it had and is on no board."""
    (count,), = system.query("SELECT count(*) FROM submission s JOIN unit u ON u.campaign_id = s.campaign_id "
                             "AND u.id = s.unit_id JOIN campaign c ON c.id = s.campaign_id WHERE c.code = 'demo' "
                             "AND u.code = '26.244'")
    progress = system.get("/v1/campaigns/demo/units/26.244/progress").json()
    assert progress["phases"][0]["counted"] == count > 0
    assert "26.244" not in {row["unit"] for row in system.board("demo", parent="25.227", limit=100)["rows"]}


def test_provinces_merge_under_way(system, tmp_path):
    for unit in UNITS:
        assert system.query("SELECT accepts_submissions FROM unit JOIN campaign c ON c.id = campaign_id "
                            "WHERE c.code = 'demo' AND unit.code = %s", (unit,)) == [(True,)], unit
    seen, district = [], tmp_path / "district.csv"
    watcher = threading.Thread(target=events, args=(system, 34 + 20, seen), daemon=True)
    watcher.start()
    await_condition(lambda: seen == [63 + 20], 30, "the stream to begin")
    traffic = Traffic(system)
    try:
        traffic.await_more(30)
        dry = system.tool("units", "import", "deploy/units/provinces-2025.csv", "--campaign", "demo", "--dry-run").stdout
        assert "26 (Liên đoàn Lao động tỉnh Vĩnh Phúc) is merged into 25" in dry and "25: entered " in dry
        assert len(top_rows(system)) == 63 + 20
        system.tool("units", "import", "deploy/units/provinces-2025.csv", "--campaign", "demo")
        traffic.await_more(30)
        district.write_text(MOVES + "2025-07-01,26.244,25.227,,\n2025-07-01,17.150,,24,\n", encoding="utf-8")
        system.tool("units", "import", str(district), "--campaign", "demo")

        def refused():
            return any(status == 422 for _, status, _ in list(traffic.answers))
        await_condition(refused, 30, "the merged district's code to be refused")
        traffic.await_more(30)
    finally:
        traffic.end()
    for unit, status, body in traffic.answers:
        assert status == 202 or (unit == "26.244" and status == 422 and b"unknown_unit" in body), (unit, status, body)
    watcher.join(60)
    assert seen[-1] == 34 + 20
    rows = top_rows(system)
    assert len(rows) == 34 + 20 and rows["24"]["name"] == "Liên đoàn Lao động tỉnh Bắc Ninh" and "26" not in rows
    system.assert_all_laws("demo", ("", "25", "24", "25.227"))
    nation, = system.query("SELECT count(*) FROM submission s JOIN campaign c ON c.id = s.campaign_id WHERE c.code = 'demo'")
    assert system.recount("demo")["VN"][0] == nation[0]
    await_condition(lambda: system.board("demo")["source"] == "redis", 60, "the board to be built anew")
    assert system.board("demo")["total"]["entered"] == nation[0]
    for instance in system.instances():
        if instance.startswith("quota"):
            assert "transaction_refused" not in system.log(instance)
    _keeps_the_units_of_before(system)
