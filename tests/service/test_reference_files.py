"""The files of deploy/campaigns and deploy/units put in force by the operators' tool.

Would catch: a campaign, tree or target that the tool refuses; sums that are not those of the documents; a second time
that changes something; a faulty file of which half is taken.
"""
import contextlib
import os
import subprocess
import tempfile

import pytest

from harness.process import BUILD, ROOT, Directory

TOOL = os.path.join(BUILD, "sangkien")
CAMPAIGNS = ("demo", "75-nghin-sang-kien", "01-trieu-sang-kien")


class Tool:
    """build/sangkien on a run directory that has nothing but the server's socket."""

    def __init__(self, server, directory):
        self.run = directory.make("run")
        os.symlink(server.sockets, os.path.join(self.run, "sock"))
        self.server = server

    def __call__(self, *words):
        env = {**os.environ, "SANGKIEN_RUN": self.run}
        return subprocess.run([TOOL, *words], env=env, capture_output=True, text=True, timeout=60, check=False)

    def load(self, code):
        for words in (("campaign", "apply", f"{code}.yaml"), ("units", "import", "../units/national.csv"),
                      ("quotas", "apply", f"{code}.quotas.yaml")):
            path = os.path.join(ROOT, "deploy", "campaigns", words[2])
            named = () if words[0] == "campaign" else ("--campaign", code)
            done = self(words[0], words[1], path, *named)
            assert done.returncode == 0, done.stderr

    def version(self):
        return self.server.query("SELECT version FROM reference_version")[0][0]


@pytest.fixture(scope="module")
def tool(shared_postgresql):
    directory = Directory()
    loaded = Tool(shared_postgresql, directory)
    for code in CAMPAIGNS:
        loaded.load(code)
    yield loaded
    directory.remove()


def test_tree(tool):
    levels = dict(tool.server.query(
        "SELECT level, count(*) FROM unit JOIN campaign ON campaign.id = campaign_id WHERE campaign.code = 'demo' "
        "GROUP BY level"))
    assert levels[0] == 1 and levels[1] == 63 + 20 and levels[2] >= 705
    # Whoever is asked for a unit can always name one below each province, branch and district.
    assert tool.server.query("SELECT count(*) FROM unit u WHERE level < 3 AND NOT accepts_submissions AND NOT EXISTS "
                             "(SELECT FROM unit c WHERE c.campaign_id = u.campaign_id AND c.parent_id = u.id)") == [(0,)]


def test_targets_of_gia_lam(tool):
    """R22: the rows of its table, and the declared total that they do not add up to."""
    sums = tool.server.query("""
        SELECT q.phase, sum(q.target)::int FROM quota_target q
        JOIN unit u ON u.campaign_id = q.campaign_id AND u.id = q.unit_id
        JOIN unit p ON p.campaign_id = u.campaign_id AND p.id = u.parent_id AND p.code = '01.018.DN'
        JOIN campaign c ON c.id = q.campaign_id AND c.code = '01-trieu-sang-kien'
        GROUP BY q.phase ORDER BY q.phase""")
    assert sums == [(0, 1784), (1, 992), (2, 792)]
    declared = tool.server.query("""
        SELECT q.phase, q.target::int FROM quota_target q
        JOIN unit u ON u.campaign_id = q.campaign_id AND u.id = q.unit_id AND u.code = '01.018'
        JOIN campaign c ON c.id = q.campaign_id AND c.code = '01-trieu-sang-kien' ORDER BY q.phase""")
    assert declared == [(0, 5342), (1, 2771), (2, 2571)]


def test_again_changes_nothing(tool):
    before = tool.version()
    for code in CAMPAIGNS:
        tool.load(code)
    assert tool.version() == before


def test_all_totals_stand_as_declared(tool):
    """R22: 3,558 = 1,779 + 1,779 have no rows, and are said to be missing, not added."""
    shown = tool("quotas", "apply", "--campaign", "01-trieu-sang-kien").stdout
    assert "in force already" in shown
    assert "01.018 all: declared 5342, its parts come to 1784 (3558 without rows)" in shown
    assert "01.018 phase_1: declared 2771, its parts come to 992 (1779 without rows)" in shown
    assert "01.018 phase_2: declared 2571, its parts come to 792 (1779 without rows)" in shown
    assert tool.server.query("""
        SELECT q.phase, q.parts::int FROM quota_target q
        JOIN unit u ON u.campaign_id = q.campaign_id AND u.id = q.unit_id AND u.code = '01.018'
        JOIN campaign c ON c.id = q.campaign_id AND c.code = '01-trieu-sang-kien' ORDER BY q.phase""") == [
            (0, 1784), (1, 992), (2, 792)]
    assert tool.server.query("SELECT name_vi, first_day::text, last_day::text FROM quota_round") == [
        ("Tháng về đích", "2023-08-01", "2023-08-31")]


def state(tool):
    return (tool.version(), tool.server.query("SELECT count(*), sum(target), sum(parts) FROM quota_target"),
            tool.server.query("SELECT count(*) FROM quota_plan_history"),
            tool.server.query("SELECT * FROM member_count ORDER BY 1, 2, 3"))


@contextlib.contextmanager
def file_of(lines, suffix):
    with tempfile.NamedTemporaryFile("w", suffix=suffix, encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        yield file.name


def refused(tool, plan, members=()):
    """The complaints about files of these lines; nothing has changed."""
    before = state(tool)
    with file_of(plan, ".yaml") as plan_file, file_of(members, ".csv") as members_file:
        words = ("--members", members_file) if members else ()
        done = tool("quotas", "apply", plan_file, "--campaign", "demo", *words)
        assert done.returncode == 65, done.stdout
        assert state(tool) == before
        return done.stderr.replace(plan_file, "PLAN").replace(members_file, "MEMBERS").splitlines()


PERCENT = ["campaign: demo", "quotas:", "  - unit: 15.CDVC", "    percent_of_members: {phase_1: 4}"]


def test_faulty_plans(tool):
    """Every fault with its line, nothing applied."""
    said = refused(tool, ["campaign: demo", "quotas:", "  - unit: XX", "    initiatives: {all: 5}", "  - unit: VN",
                          "    initiatives: {phase_9: 5, all: -1}", "    speed: 1"])
    assert [line.split(":")[1] for line in said] == ["3", "6", "6", "7"]
    assert "there is no unit" in said[0] and "there is no period" in said[1] and "is no target" in said[2]
    said = refused(tool, ["campaign: 75-nghin-sang-kien", "quotas: []"])
    assert len(said) == 1 and said[0].startswith("PLAN:1: a plan for")


def test_faulty_members(tool):
    said = refused(tool, PERCENT, ["unit_code,from,members", "XX,2022-01-01,5", "15.CDVC,2022-02-30,5",
                                   "15.CDVC,2022-01-01,-5"])
    assert [line.split(":")[:2] for line in said] == [["MEMBERS", "2"], ["MEMBERS", "3"], ["MEMBERS", "4"]]
    said = refused(tool, PERCENT, ["unit_code,from,members", "15.CDVC,2022-01-01,5", "15.CDVC,2022-01-01,6"])
    assert said == ['MEMBERS:3: a second count of unit "15.CDVC" from the same day; keep one']
    said = refused(tool, PERCENT, ["unit_code,from,members", "15.CDVC,2022-01-01,0"])
    assert len(said) == 1 and said[0].startswith('PLAN:4: a share of the members of "15.CDVC", who has 0 members')
    assert refused(tool, PERCENT, ["unit_code,members", "15.CDVC,5"])[0].startswith("MEMBERS:1:")


def test_members_by_date(tool):
    """Would catch a target that does not follow its unit's members, or one that a dry run writes."""
    demo = "(SELECT id FROM campaign WHERE code = 'demo')"
    rows = f"""SELECT u.code, q.holds_from::text, q.target::int, q.counts FROM quota_target q JOIN unit u USING (campaign_id)
        WHERE campaign_id = {demo} AND u.id = q.unit_id AND q.phase = 1 AND u.code IN ('15.CDVC', '15') ORDER BY 1, 2"""
    with file_of(PERCENT, ".yaml") as plan, file_of(
            ["unit_code,from,members", "15.CDVC,2022-01-01,101", "15.CDVC,2023-01-01,200"], ".csv") as members:
        before = state(tool)
        done = tool("quotas", "apply", plan, "--members", members, "--campaign", "demo", "--dry-run")
        assert done.returncode == 0 and "nothing written" in done.stdout and state(tool) == before
        done = tool("quotas", "apply", plan, "--campaign", "demo")
        assert done.returncode == 0 and "members not known in 1 of 1 cases" in done.stderr
        assert tool.server.query(rows) == []
        # Without a plan, the one in force with new counts; without counts, those in force.
        assert tool("quotas", "apply", "--campaign", "demo", "--members", members).returncode == 0
        wanted = [(code, day, target, 2) for code in ("15", "15.CDVC") for day, target in
                  (("2022-01-01", 5), ("2023-01-01", 8))]
        assert tool.server.query(rows) == wanted
        assert "in force already" in tool("quotas", "apply", plan, "--campaign", "demo").stdout
        assert tool.server.query(rows) == wanted
    tool.load("demo")
    assert tool("quotas", "apply", "--campaign", "nothing").returncode == 65


def test_new_units_get_their_group_s_targets(tool):
    """Would catch targets that stay those of the tree before."""
    plan = ["campaign: demo", "quotas:", "  - each: {below: 01.018.XA}", "    initiatives: {all: 2}"]
    with open(os.path.join(ROOT, "deploy", "units", "national.csv"), encoding="utf-8") as file:
        tree = file.read().splitlines()
    asked = """SELECT q.target::int FROM quota_target q JOIN unit u ON u.campaign_id = q.campaign_id AND u.id = q.unit_id
        JOIN campaign c ON c.id = q.campaign_id AND c.code = 'demo' WHERE u.code = '01.018.XA'"""
    with file_of(plan, ".yaml") as file:
        assert "no unit fits yet" in tool("quotas", "apply", file, "--campaign", "demo").stderr
    assert tool.server.query(asked) == []
    with file_of(tree + [f"01.018.XA.{n},CĐCS xã {n},3,01.018.XA,public,1" for n in range(20)], ".csv") as file:
        assert tool("units", "import", file, "--campaign", "demo").returncode == 0
    assert tool.server.query(asked) == [(40,)]
