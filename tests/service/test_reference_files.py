"""The files of deploy/campaigns and deploy/units put in force by the operators' tool.

Would catch: a campaign, tree or target that the tool refuses; sums that are not those of the documents; a second time
that changes something; a faulty file of which half is taken.
"""
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
                      ("quotas", "import", f"{code}.quotas.csv")):
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


def refused(tool, command, lines, *words):
    """The complaints of a command about a file of these lines; nothing has changed."""
    before = tool.version(), tool.server.query("SELECT count(*), sum(target) FROM quota_target")
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        done = tool(*command, file.name, *words)
        assert done.returncode == 65
    assert (tool.version(), tool.server.query("SELECT count(*), sum(target) FROM quota_target")) == before
    return done.stderr.replace(file.name, "FILE").splitlines()


def test_faulty_targets(tool):
    lines = ["unit_code,phase,counts,target", "VN,0,initiatives,5", "XX,0,initiatives,5", "VN,9,initiatives,5",
             "VN,1,heads,5", "VN,2,people,-1", "VN,2,people,many"]
    said = refused(tool, ("quotas", "import"), lines, "--campaign", "demo")
    assert [line.split(":")[1] for line in said] == ["3", "4", "5", "6", "7"]
    assert "no such unit" in said[0] and "no such phase" in said[1]
    lines = ["unit_code,phase,counts,target", "VN,0,initiatives,5", "01,0,people,5", "VN,0,people,6"]
    said = refused(tool, ("quotas", "import"), lines, "--campaign", "demo")
    assert len(said) == 1 and said[0].startswith("FILE:4: a second target")
