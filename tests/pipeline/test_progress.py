"""Where an officer sees that a unit stands: the plan in force, what was sent, the API and the tool. Catches: a plan that
does not reach the running system, totals of days that differ from those of the board, a table that says something else."""
import csv
import io
import json
import subprocess

from harness.system import TOOL
from harness.texts import distinct_text
from harness.waiting import await_condition

PATH = "/v1/campaigns/{}/units/{}/progress"


def progress(system, unit, campaign="demo"):
    answer = system.get(PATH.format(campaign, unit))
    assert answer.status == 200, answer.body
    return answer.json()


def entry(found, phase):
    return next(entry for entry in found["phases"] if entry["phase"] == phase)


def test_what_is_sent_shows_at_once_in_unit_district_and_nation(system):
    before = {unit: entry(progress(system, unit), "all") for unit in ("01.018.LIXIL", "01.018", "VN")}
    for number in range(3):
        decided = system.decided("demo", {"full_name": "Lê Thị Mơ", "phone": f"09123477{number // 2:02}", "unit": "01.018.LIXIL",
                                          "block": "enterprise", "description": distinct_text(f"progress {number}")})
        assert decided["status"] == "counted", decided
    for unit, old in before.items():
        new = entry(progress(system, unit), "all")
        assert (new["counted"], new["people"]) == (old["counted"] + 3, old["people"] + 2)
        assert new["percent"] == round(100 * new["counted"] / new["target"], 1)
        assert abs(new["pace_per_day"] - old["pace_per_day"] - 3 / 7) <= 0.011
    system.assert_no_drift()


def test_the_table_of_gia_lam(system):
    """R22 as an officer sees it; the campaign is over, so nothing is left to be required."""
    found = progress(system, "01.018", "01-trieu-sang-kien")
    for phase, declared, parts in (("all", 5342, 1784), (1, 2771, 992), (2, 2571, 792)):
        at = entry(found, phase)
        assert (at["target"], at["parts_target"], at["target_mismatch"]) == (declared, parts, True)
        assert (at["days_left"], at["required_per_day"], at["met"]) == (0, None, False)
    assert found["rounds"][0]["name"] == "Tháng về đích" and found["rounds"][0]["days_left"] == 0
    table = system.tool("progress", "01.018", "--campaign", "01-trieu-sang-kien").stdout
    row = next(line for line in table.splitlines() if line.startswith("01.018 ") and " all " in line)
    assert "5342" in row and "1784 !" in row
    rows = list(csv.DictReader(io.StringIO(
        system.tool("progress", "01.018.DN", "--campaign", "01-trieu-sang-kien", "--csv").stdout)))
    whole = [row for row in rows if row["period"] == "all" and row["unit"] != "01.018.DN"]
    assert len(whole) == 159 and sum(int(row["target"]) for row in whole) == 1784
    assert json.loads(system.tool("progress", "01.018", "--json").stdout)["unit"] == "01.018"
    assert system.tool("progress", "01.999", check=False).returncode == 65
    assert subprocess.run([TOOL, "progress"], env=system.env, capture_output=True, check=False).returncode == 64


def test_a_new_plan_reaches_the_running_system(system, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("campaign: demo\nquotas:\n  - each: {below: 01.018.DN, level: grassroots}\n    initiatives: {all: 3}\n"
                    "  - unit: 01.018.LIXIL\n    initiatives: {all: 7}\n", encoding="utf-8")
    system.tool("quotas", "apply", str(plan), "--campaign", "demo")
    try:
        def holds():
            at = entry(progress(system, "01.018"), "all")
            assert (at["target"], at["parts_target"]) == (158 * 3 + 7, 158 * 3 + 7)
            return True
        await_condition(holds, 2.5)
        assert system.board("demo", parent="01.018", metric="percent")["rows"][0]["target"] == 481
    finally:
        system.tool("quotas", "apply", "deploy/campaigns/demo.quotas.yaml", "--campaign", "demo")
