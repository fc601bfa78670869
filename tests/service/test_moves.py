"""Units merged, moved and renamed while a campaign runs, on totals as quota leaves them.

Would catch: a total, a person or a day that is lost or counted twice by a move, a nation that changes, a history that is
written anew, a file of which half is applied, a dry run that does something.
"""
import collections
import datetime
import json
import random

import pytest
from harness.small_system import CAMPAIGN

HEADER = "valid_from,code,merged_into,parent_code,name\n"
DAY = "2025-07-01"
UNITS = """code,name,level,parent_code,block,accepts
VN,Tổng Liên đoàn,0,,,0
25,Phú Thọ,1,VN,,0
26,Vĩnh Phúc,1,VN,,1
17,Hòa Bình,1,VN,,1
25.1,Việt Trì,2,25,,1
26.1,Vĩnh Yên,2,26,,1
26.2,Phúc Yên,2,26,,1
17.1,Kim Bôi,2,17,,1
"""
FIRST_DAY = datetime.date(2023, 11, 1)
STATUS = {1: "under_review", 2: "counted", 3: "rejected", 4: "duplicate", 5: "revoked"}


class Books:
    """A campaign whose totals are made by a recount of this test's own."""

    def __init__(self, control, server, units=UNITS, seed=0):
        self.control, self.server, self.random, self.next = control, server, random.Random(seed), 0
        control.do("campaign", "apply", control.write("c.yaml", CAMPAIGN.format(code="trial")))
        control.do("units", "import", control.write("u.csv", units), "--campaign", "trial")
        server.query("INSERT INTO board VALUES (1, 1) ON CONFLICT (campaign_id) DO UPDATE SET version = 1")
        self.round = (FIRST_DAY + datetime.timedelta(days=1), FIRST_DAY + datetime.timedelta(days=2))
        server.query("INSERT INTO quota_round VALUES (1, 1, 'R', 'R', %s, %s)", self.round)

    def units(self):
        """{code: (id, parent's id, name, accepts, merged)}"""
        return {row[0]: row[1:] for row in self.server.query(
            "SELECT code, id, parent_id, name, accepts_submissions, merged FROM unit")}

    def tree_version(self):
        rows = self.server.query("SELECT version FROM unit_tree")
        return rows[0][0] if rows else 0

    def decide(self, count, people=12):
        """Random submissions with a decision; totals and days are made from all of them."""
        ids = [unit[0] for unit in self.units().values() if not unit[4]]
        for _ in range(count):
            self.next += 1
            name = f"00000000-0000-0000-0000-{self.next:012x}"
            unit, person = self.random.choice(ids), str(self.random.randrange(people)).ljust(16).encode()
            status, phase = self.random.choices([1, 2, 3, 5], [1, 6, 1, 1])[0], self.random.randrange(3)
            day = FIRST_DAY + datetime.timedelta(days=self.random.randrange(4))
            self.server.query(
                "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
                "has_national_id) VALUES (%s, 1, %s, %s::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh', %s, '', 1, %s, false)",
                (name, unit, datetime.datetime.combine(day, datetime.time(12, 0, 0, self.next)), person, f"text {self.next}"))
            self.server.query(
                "INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
                "decided_at) VALUES (%s, 1, 1, %s, %s, %s, 1, now())", (name, unit, status, phase))
        self.write_totals()

    def rows(self):
        return self.server.query("SELECT d.unit_id, d.phase, d.status, s.person, (s.received_at AT TIME ZONE "
                                 "'Asia/Ho_Chi_Minh')::date FROM decision d JOIN submission s ON s.id = d.submission_id")

    def lines(self):
        parents = {unit[0]: unit[1] for unit in self.units().values()}
        lines = {}
        for unit in parents:
            lines[unit], at = [], unit
            while at:
                lines[unit].append(at)
                at = parents[at]
        return lines

    def write_totals(self):
        lines, totals, people = self.lines(), collections.defaultdict(collections.Counter), collections.defaultdict(set)
        days, firsts = collections.Counter(), collections.defaultdict(list)
        part = collections.Counter()
        for unit, phase, status, person, day in self.rows():
            person = bytes(person)
            part[person, unit, phase, day] += status == 2
            for above in lines[unit]:
                for period in {0, phase}:
                    totals[above, period][STATUS[status]] += 1
                    if status == 2:
                        people[above, period].add(person)
                if status == 2:
                    days[above, day, phase] += 1
                    firsts[above, 0, person].append((day, phase))
                    firsts[above, 1 + phase, person].append((day, phase))
                    if self.round[0] <= day <= self.round[1]:
                        firsts[above, -1, person].append((day, phase))
        new, new_of_phase, of_round = collections.Counter(), collections.Counter(), collections.Counter()
        for (above, kind, _), seen in firsts.items():
            day, phase = min(seen)
            if kind == -1:
                of_round[above, day] += 1
            elif kind == 0:
                new[above, day, phase] += 1
            elif phase:
                new_of_phase[above, day, phase] += 1
        for table in ("unit_total", "unit_day", "unit_round", "participation"):
            self.server.query(f"DELETE FROM {table}")
        for (unit, phase), counts in totals.items():
            columns = list(STATUS.values())
            self.server.query(f"INSERT INTO unit_total (campaign_id, unit_id, phase, entered, people, {', '.join(columns)}) "
                              "VALUES (1, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                              (unit, phase, sum(counts.values()), len(people[unit, phase]), *(counts[c] for c in columns)))
        for key, counted in days.items():
            self.server.query("INSERT INTO unit_day VALUES (1, %s, %s, %s, %s, %s, %s)",
                              (*key, counted, new_of_phase[key], new[key]))
        for (unit, day), people_of_day in of_round.items():
            self.server.query("INSERT INTO unit_round VALUES (1, %s, 1, %s, %s)", (unit, day, people_of_day))
        for (person, unit, phase, day), counted in part.items():
            if counted:
                self.server.query("INSERT INTO participation (campaign_id, person, unit_id, phase, day, counted) "
                                  "VALUES (1, %s, %s, %s, %s, %s)", (person, unit, phase, day, counted))

    def figures(self):
        """{code: (entered, counted, people)} of the whole campaign"""
        return {row[0]: row[1:] for row in self.server.query(
            "SELECT code, entered, counted, people FROM unit_total JOIN unit ON id = unit_id WHERE phase = 0")}

    def move(self, rows, *words, name="m.csv"):
        return self.control.run("units", "import", self.control.write(name, HEADER + rows), "--campaign", "trial", *words)

    def assert_exact(self):
        """Nothing but the board in Redis, which nobody builds here, may differ."""
        code, output, complaints = self.control.run("audit", "--json", "--wait", "0")
        assert code in (0, 1), complaints
        wrong = [row for row in json.loads(output)["rows"] if row["check"] != "board"]
        assert wrong == []

    def everything(self):
        return [self.server.query(f"SELECT * FROM {table} whole ORDER BY whole") for table in (
            "unit", "unit_past", "unit_total", "unit_day", "unit_round", "participation", "decision", "quota_target")] + \
            self.server.query("SELECT version FROM reference_version") + self.server.query("SELECT version FROM board") + \
            [self.tree_version()]


@pytest.fixture
def books(control, postgresql, redis_of_control):
    assert redis_of_control
    made = Books(control, postgresql)
    made.decide(60)
    made.assert_exact()
    return made


THREE_INTO_ONE = f"{DAY},26,25,,\n{DAY},17,25,,\n{DAY},25,,,Phú Thọ (mới)\n"


def test_three_provinces_become_one(books):
    before, units = books.figures(), books.units()
    history = books.server.query("SELECT submission_id, unit_id FROM decision ORDER BY 1")
    version, = books.server.query("SELECT version FROM board")
    code, output, complaints = books.move(THREE_INTO_ONE)
    assert code == 0, complaints
    after, moved = books.figures(), books.units()
    assert after["VN"] == before["VN"]
    assert after["25"][:2] == tuple(sum(before[unit][i] for unit in ("25", "26", "17")) for i in (0, 1))
    assert max(before[unit][2] for unit in ("25", "26", "17")) <= after["25"][2] <= sum(
        before[unit][2] for unit in ("25", "26", "17"))
    assert after["26.1"] == before["26.1"] and after["17.1"] == before["17.1"]
    assert moved["25"][2] == "Phú Thọ (mới)" and moved["26"][1] == moved["25"][0] and moved["26"][3:] == (False, True)
    assert {code: unit[0] for code, unit in moved.items()} == {code: unit[0] for code, unit in units.items()}
    assert books.server.query("SELECT submission_id, unit_id FROM decision ORDER BY 1") == history
    assert books.server.query("SELECT version FROM board")[0][0] == version[0] + 1
    assert f"25: entered {before['25'][0]} -> {after['25'][0]}, counted {before['25'][1]} -> {after['25'][1]}, " \
           f"people {before['25'][2]} -> {after['25'][2]}" in output
    assert f"VN: entered {before['VN'][0]}," in output and "as before" in output
    assert f"{DAY} 26 (Vĩnh Phúc) is merged into 25 (Phú Thọ (mới))" in output
    books.assert_exact()
    state = books.everything()
    assert "in force already" in books.move(THREE_INTO_ONE)[1]
    assert books.everything() == state


def board(books, *words):
    """{unit: [rank, entered, counted, people, name]}, the whole first."""
    lines = books.control.do("board", "--campaign", "trial", "--csv", *words).splitlines()[1:]
    rows = [line.split(",", 5) for line in lines]
    return {unit: [rank, int(entered), int(counted), int(people), name.strip('"')]
            for rank, unit, entered, counted, people, name in rows}


def test_the_board_of_a_day_before_the_moves(books):
    before = board(books)
    assert list(before)[0] == "VN" and set(before) == {"VN", "25", "26", "17"}
    assert {unit: tuple(row[1:4]) for unit, row in before.items()} == \
        {unit: figures for unit, figures in books.figures().items() if unit in before}
    below = board(books, "26")
    assert books.move(THREE_INTO_ONE)[0] == 0
    assert board(books, "--as-of", "2025-06-30") == before
    assert board(books, "26", "--as-of", "2025-06-30") == below
    now = board(books, "--as-of", DAY)
    assert now == board(books) and set(now) == {"VN", "25"} and now["25"][4] == "Phú Thọ (mới)"
    assert {unit: tuple(row[1:4]) for unit, row in now.items()} == {unit: books.figures()[unit] for unit in now}
    assert set(board(books, "25")) == {"25", "25.1", "26.1", "26.2", "17.1"}
    assert books.control.run("board", "--campaign", "trial", "--as-of", "June")[0] == 64
    assert books.control.run("board", "99", "--campaign", "trial")[0] == 65
    assert {unit: tuple(row[1:4]) for unit, row in board(books, "--phase", "1").items()} == dict(
        (row[0], row[1:]) for row in books.server.query("SELECT code, entered, counted, people FROM unit_total "
                                                        "JOIN unit ON id = unit_id WHERE phase = 1 AND code = ANY(%s)",
                                                        (list(now),)))


def test_a_dry_run_says_it_all_and_does_nothing(books):
    state = books.everything()
    code, output, complaints = books.move(THREE_INTO_ONE, "--dry-run")
    assert code == 0, complaints
    assert books.everything() == state
    done = books.move(THREE_INTO_ONE)[1]
    assert output.replace("what would move; nothing is changed", "moved") == done
    assert books.everything() != state


FAULTS = {
    "an unknown unit": ("2025-07-01,99,25,,\n", "m.csv:2: there is no unit '99' (code)"),
    "into itself": ("2025-07-01,26,26,,\n", "m.csv:2: '26' cannot be merged into itself"),
    "into a merged one": (f"{THREE_INTO_ONE}2025-07-02,25,26,,\n", "m.csv:5: '26' is itself merged"),
    "the root": ("2025-07-01,VN,25,,\n", "m.csv:2: 'VN' is the root"),
    "a circle": ("2025-07-01,25,,26,\n2025-07-01,26,,25,\n", "would stand below itself"),
    "an unknown parent": (f"{THREE_INTO_ONE}2025-07-01,26.1,,99,\n", "m.csv:5: there is no unit '99' (parent_code)"),
    "a day to come": ("2999-01-01,26,25,,\n", "m.csv:2: 2999-01-01 has not come yet"),
    "a cell too few": ("2025-07-01,26,25,\n", "m.csv:2: another number of cells"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_file_moves_nothing(books, name):
    state = books.everything()
    rows, complaint = FAULTS[name]
    for words in ((), ("--dry-run",)):
        code, _, complaints = books.move(rows, *words)
        assert code == 65 and complaint in complaints, complaints
    assert books.everything() == state


def test_a_tree_of_before_the_moves_leaves_them_in_force(books):
    assert books.move(THREE_INTO_ONE)[0] == 0
    state = books.everything()
    output = books.control.do("units", "import", books.control.write("u.csv", UNITS), "--campaign", "trial")
    assert "0 of them new or changed" in output and "6 of them stand and are named as later moves say" in output
    assert books.everything() == state
    code, _, complaints = books.control.run("units", "import", books.control.write("u.csv", UNITS + "26.3,X,2,26,,1\n"),
                                            "--campaign", "trial")
    assert code == 65 and "u.csv:10: its parent was merged into another unit" in complaints
    assert books.control.run("units", "import", books.control.write("u.csv", UNITS + "25.3,X,2,25,,1\n"),
                             "--campaign", "trial")[0] == 0
    code, _, complaints = books.move("2025-06-30,25.1,,VN,\n")
    assert code == 65 and "moves of 2025-07-01 are in force already" in complaints


def test_declared_targets_go_along_and_are_shown(books):
    plan = books.control.write("plan.yaml", "campaign: trial\nquotas:\n  - unit: \"25\"\n    initiatives: {all: 40}\n"
                                            "  - unit: \"26\"\n    initiatives: {all: 30}\n"
                                            "  - unit: \"17\"\n    initiatives: {all: 5}\n")
    books.control.do("quotas", "apply", plan, "--campaign", "trial")
    token = json.loads(books.control.do("token", "create", "--role", "officer", "--campaign", "trial", "--unit", "26",
                                        "--json"))
    assert token["id"]
    code, output, complaints = books.move(THREE_INTO_ONE)
    assert code == 0, complaints
    assert "25, whole campaign, initiatives: 40 -> 75" in output
    assert "26, whole campaign, initiatives: 30 -> none" in output
    assert "1 tokens are for the merged unit 26" in output
    targets = dict(books.server.query("SELECT code, target FROM quota_target JOIN unit ON id = unit_id WHERE phase = 0"))
    assert targets == {"25": 75, "VN": 75}


def random_tree(chance):
    lines, codes = ["code,name,level,parent_code,block,accepts", "VN,Gốc,0,,,0"], [("VN", 0)]
    for number in range(18):
        code, level = chance.choice([pair for pair in codes if pair[1] < 4])
        codes.append((f"{number:02}", min(4, level + chance.choice([1, 1, 2]))))
        lines.append(f"{number:02},Đơn vị {number},{codes[-1][1]},{code},,1")
    return "\n".join(lines) + "\n", dict(codes)


@pytest.mark.parametrize("seed", range(3))
def test_random_trees_submissions_and_moves(control, postgresql, redis_of_control, seed):
    """Every total equals a recount; people of a parent are never more than the sum of its parts, nor less than the
    greatest; the nation stays."""
    assert redis_of_control
    chance = random.Random(seed)
    tree, levels = random_tree(chance)
    books = Books(control, postgresql, tree, seed)
    applied = 0
    for day in range(1, 13):
        if day % 6 == 1:
            books.decide(25)
        before, state = books.figures(), books.everything()
        rows = ""
        for code in chance.sample(list(levels), chance.choice([1, 1, 2])):
            twin = chance.choice([other for other in levels if levels[other] == levels[code]])
            parent = chance.choice([other for other in levels if levels[other] <= levels[code]])
            rows += f"2025-06-{day:02},{code}," + chance.choice([f"{twin},,", f",{parent},", f",{parent},Tên mới {day}"]) + "\n"
        code, _, complaints = books.move(rows)
        if code != 0:
            assert code == 65 and complaints.startswith(control.directory.below("m.csv") + ":"), complaints
            assert books.everything() == state
            continue
        applied += books.everything() != state
        after = books.figures()
        assert after.get("VN") == before.get("VN")
        units = books.units()
        for parent, unit in units.items():
            parts = [after.get(child, (0, 0, 0)) for child, row in units.items() if row[1] == unit[0]]
            own, = postgresql.query("SELECT count(DISTINCT person) FROM participation WHERE unit_id = %s AND counted > 0",
                                    (unit[0],))
            people = after.get(parent, (0, 0, 0))[2]
            assert max([part[2] for part in parts] + [own[0]]) <= people <= sum(part[2] for part in parts) + own[0]
            assert after.get(parent, (0, 0, 0))[0] >= sum(part[0] for part in parts)
        books.assert_exact()
    assert applied >= 3, "the moves were nearly all refused"
