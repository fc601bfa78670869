"""Everything at once: submissions and their copies, verdicts that come twice, reviews by two, units that merge and move,
quota plans and rounds that change, on two instances of quota, over random trees.

Would catch: what each of these keeps right alone and two of them together do not. The recount is one SQL statement of this
test's own, so it sees one moment, also while all goes on.
"""
import datetime
import random

import pytest

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.reviews import review  # noqa: E402
from test_moves import HEADER, random_tree  # noqa: E402
from test_quota import COUNTED, REJECTED, World, load_campaign  # noqa: E402
from test_quota import redis_with_users  # noqa: E402, F401 pylint: disable=unused-import
from test_quota_review import LAN, MINH, Desk  # noqa: E402

FIRST_DAY = datetime.date(2023, 11, 15)
DAYS = 5
STEPS = 6
ASKED_AGAIN_MAX = 100
INSTANCES = ("quota-1", "quota-2")

WRONG = """
WITH RECURSIVE line (unit_id, above) AS (
    SELECT id, id FROM unit UNION ALL
    SELECT l.unit_id, u.parent_id FROM line l JOIN unit u ON u.id = l.above WHERE u.parent_id <> 0),
latest AS (
    SELECT DISTINCT ON (submission_id) submission_id, unit_id, phase, status FROM decision
    ORDER BY submission_id, revision DESC),
fact AS (
    SELECT l.above AS unit_id, d.unit_id AS own, d.phase, d.status, s.person,
        (s.received_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day
    FROM latest d JOIN submission s ON s.id = d.submission_id JOIN line l ON l.unit_id = d.unit_id),
good AS (SELECT * FROM fact WHERE status = 2),
total AS (
    SELECT unit_id, p.phase, count(*) AS entered, count(*) FILTER (WHERE status = 1) AS under_review,
        count(*) FILTER (WHERE status = 2) AS counted, count(*) FILTER (WHERE status = 3) AS rejected,
        count(*) FILTER (WHERE status = 4) AS duplicate, count(*) FILTER (WHERE status = 5) AS revoked,
        count(DISTINCT person) FILTER (WHERE status = 2) AS people, 0::bigint AS awarded
    FROM fact CROSS JOIN LATERAL (SELECT fact.phase UNION SELECT 0::int2) AS p (phase) GROUP BY 1, 2),
stored_total AS (
    SELECT unit_id, phase, entered, under_review, counted, rejected, duplicate, revoked, people, awarded
    FROM unit_total WHERE entered <> 0),
day AS (
    SELECT unit_id, day, phase, count(*) AS counted, count(DISTINCT person) FILTER (WHERE phase <> 0 AND day = (
            SELECT min(day) FROM good o WHERE (o.unit_id, o.person, o.phase) = (g.unit_id, g.person, g.phase))) AS people,
        count(DISTINCT person) FILTER (WHERE (day, phase) = (
            SELECT o.day, o.phase FROM good o WHERE (o.unit_id, o.person) = (g.unit_id, g.person)
            ORDER BY o.day, o.phase LIMIT 1)) AS newcomers
    FROM good g GROUP BY 1, 2, 3),
stored_day AS (
    SELECT unit_id, day, phase, counted, people, newcomers FROM unit_day WHERE (counted, people, newcomers) <> (0, 0, 0)),
round AS (
    SELECT unit_id, number AS round, day, count(*) AS people FROM (
        SELECT g.unit_id, r.number, g.person, min(g.day) AS day FROM good g
        JOIN quota_round r ON g.day BETWEEN r.first_day AND r.last_day GROUP BY 1, 2, 3) AS first GROUP BY 1, 2, 3),
stored_round AS (SELECT unit_id, round, day, people FROM unit_round WHERE people <> 0),
bound AS (
    SELECT t.unit_id, t.phase, t.people, coalesce(max(c.people), 0) AS greatest_part, coalesce(sum(c.people), 0) AS all_parts,
        (SELECT count(DISTINCT person) FROM good g WHERE g.unit_id = t.unit_id AND g.own = t.unit_id
            AND t.phase IN (0, g.phase)) AS own
    FROM stored_total t LEFT JOIN unit u ON u.parent_id = t.unit_id
    LEFT JOIN stored_total c ON c.unit_id = u.id AND c.phase = t.phase GROUP BY t.unit_id, t.phase, t.people)
SELECT 'total should be', to_jsonb(r) FROM (TABLE total EXCEPT TABLE stored_total) AS r
UNION ALL SELECT 'total is', to_jsonb(r) FROM (TABLE stored_total EXCEPT TABLE total) AS r
UNION ALL SELECT 'day should be', to_jsonb(r) FROM (TABLE day EXCEPT TABLE stored_day) AS r
UNION ALL SELECT 'day is', to_jsonb(r) FROM (TABLE stored_day EXCEPT TABLE day) AS r
UNION ALL SELECT 'round should be', to_jsonb(r) FROM (TABLE round EXCEPT TABLE stored_round) AS r
UNION ALL SELECT 'round is', to_jsonb(r) FROM (TABLE stored_round EXCEPT TABLE round) AS r
UNION ALL SELECT 'people of a parent', to_jsonb(r) FROM bound AS r
    WHERE people > all_parts + own OR people < greatest(greatest_part, own)
"""


class Joint:
    def __init__(self, world, control, chance):
        self.world, self.control, self.chance = world, control, chance
        tree, self.levels = random_tree(chance)
        control.do("units", "import", control.write("u.csv", tree), "--campaign", "demo")
        ids = dict(world.server.query("SELECT code, id FROM unit"))
        world.units, world.received_us = list(ids.values()), DAYS * 86400 * 10 ** 6
        self.everything, self.verdicts, self.handed_out, self.asked, self.plan = [], {}, [], [], {}
        self.moved_on, self.moves = datetime.date(2025, 6, 1), 0

    def submit(self):
        fresh = self.world.submissions(self.chance.randrange(4, 14), texts=25)
        self.everything += fresh
        for one in fresh:
            phase = self.chance.randrange(3)
            self.verdicts[one[0]] = self.world.verdict(
                one, REJECTED if self.chance.random() < 0.15 else COUNTED, has_phase=True, phase=phase)
        some = self.chance.sample(self.everything, min(len(self.everything), 12))
        self.hand_out(some, self.chance.choice(INSTANCES))

    def hand_out(self, some, instance):
        self.handed_out.append((some, instance, self.world.hand_out([self.verdicts[one[0]] for one in some], instance)))

    def act(self):
        for instance in INSTANCES:
            self.asked.append(self.world.desk.hand_out(*(
                review(self.chance.choice(self.everything)[0], self.chance.choice(("count", "reject", "revoke")),
                       self.chance.choice((LAN, MINH)), self.chance.choice(("một", "hai"))) for _ in range(3)),
                instance=instance))

    def move(self):
        """One that is refused moves nothing; the file is all or nothing."""
        self.moved_on += datetime.timedelta(days=1)
        rows = ""
        for code in self.chance.sample(list(self.levels), 2):
            twin = self.chance.choice([other for other in self.levels if self.levels[other] == self.levels[code]])
            parent = self.chance.choice([other for other in self.levels if self.levels[other] <= self.levels[code]])
            rows += f"{self.moved_on},{code}," + self.chance.choice([f"{twin},,", f",{parent},"]) + "\n"
        path = self.control.write("m.csv", HEADER + rows)
        code, _, complaints = self.control.run("units", "import", path, "--campaign", "demo")
        assert code in (0, 65), complaints
        self.moves += code == 0

    def set_quotas(self):
        """Every form of number on a few units, and other rounds."""
        days = sorted(self.chance.sample(range(DAYS), 2))
        first, last = (FIRST_DAY + datetime.timedelta(days=day) for day in days)
        self.plan = {code: self.chance.randrange(1, 90) for code in self.chance.sample(list(self.levels), 8)}
        text = f"campaign: demo\nrounds:\n  - {{number: 1, name: R, from: {first}, to: {last}}}\nquotas:\n" + "".join(
            f"  - {{unit: \"{code}\", initiatives: {{all: {target}}}, people: {{round_1: {target + 1}}}}}\n"
            for code, target in self.plan.items())
        self.control.do("quotas", "apply", self.control.write("q.yaml", text), "--campaign", "demo")

    def settle(self):
        """Who has not read the new tree yet asks for its verdicts again, as it would ask deduplication."""
        for _ in range(ASKED_AGAIN_MAX):
            if not self.handed_out:
                break
            some, instance, handed_out = self.handed_out.pop()
            rejected = self.world.settled(handed_out, 60).rejected
            assert all(one.retry for one in rejected), rejected
            if rejected:
                self.hand_out([some[one.index] for one in rejected], instance)
        assert not self.handed_out, "quota asks again and again"
        for one in self.asked:
            self.world.desk.outcomes(one)
        self.asked = []

    def expect_exact(self):
        assert self.world.server.query(WRONG) == []

    def expect_targets(self):
        """Declared or the sum of the parts, up to the root; of a merged unit with the one it went to."""
        units = self.world.server.query("SELECT code, id, parent_id, merged FROM unit")
        codes = {number: code for code, number, _, _ in units}
        below = {code: [] for code in codes.values()}
        heirs = {code: [] for code in codes.values()}
        for code, _, parent, merged in units:
            if parent:
                (heirs if merged else below)[codes[parent]].append(code)

        def target(code):
            inherited = [self.plan[heir] for heir in heirs[code] if heir in self.plan]
            parts = [part for part in map(target, below[code]) if part is not None]
            mine = ([self.plan[code]] if code in self.plan else parts) + inherited
            found[code] = sum(mine) if mine else None
            return found[code]

        found = {}
        target("VN")
        stored = dict(self.world.server.query(
            "SELECT DISTINCT ON (u.code) u.code, q.target FROM quota_target q JOIN unit u ON u.id = q.unit_id "
            "WHERE q.phase = 0 AND q.counts = 1 AND NOT u.merged ORDER BY u.code, q.holds_from DESC"))
        assert stored == {code: amount for code, amount in found.items() if amount is not None}


@pytest.fixture
def world(postgresql, redis_with_users, run_directory, start_service):  # noqa: F811 pylint: disable=redefined-outer-name
    load_campaign(postgresql, units={})
    whole = World(postgresql, redis_with_users, run_directory, start_service)
    whole.desk = Desk(whole)
    yield whole
    whole.close()


@pytest.mark.parametrize("seed", [3])
def test_totals_people_and_targets_whatever_comes_together(world, control, seed):
    joint = Joint(world, control, random.Random(seed))
    joint.set_quotas()
    for instance in INSTANCES:
        world.start(instance)
        world.desk.ready(instance)
    for step in range(STEPS):
        joint.submit()
        joint.act()
        if step % 2:
            joint.move()
        if step % 3 == 2:
            joint.set_quotas()
        joint.expect_exact()
        joint.settle()
        joint.expect_exact()
        joint.expect_targets()
    joint.hand_out(joint.everything, "quota-1")
    joint.settle()
    assert joint.moves > 0 and world.decision_count()[1] == len(joint.everything)
    joint.expect_exact()
    world.expect_board()
