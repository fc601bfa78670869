"""A campaign with five units and a few submissions, written by hand as the services would leave it."""
import uuid

from .redis_server import Redis

CAMPAIGN = """
code: {code}
name: {{vi: Thử, en: Trial}}
opens_at: 2020-01-01T00:00:00+07:00
closes_at: 2100-01-01T00:00:00+07:00
versions:
  - version: 1
    holds_from: 2020-01-01T00:00:00+07:00
    description_characters_max: 2000
    phases:
      - {{number: 1, name: {{vi: Một}}, starts_at: 2020-01-01T00:00:00+07:00, ends_at: 2100-01-01T00:00:00+07:00}}
    person_key: phone
    duplicates: {{exact_scope: nation, near_scope: top, near_threshold: 0.72}}
"""
UNITS = """code,name,level,parent_code,block,accepts
VN,Tổng Liên đoàn,0,,,0
01,Hà Nội,1,VN,,0
01.1,Công đoàn A,3,01,enterprise,1
01.2,Công đoàn B,3,01,public,1
15,Yên Bái,1,VN,,1
"""
VN, HN, A, B, YB = 1, 2, 3, 4, 5
UNDER_REVIEW, COUNTED, REJECTED, DUPLICATE, REVOKED = 1, 2, 3, 4, 5
ABOVE = {A: (A, HN, VN), B: (B, HN, VN), YB: (YB, VN)}
DAY = "2023-11-15"  # of all instants of receipt, in Vietnam
COLUMN = {UNDER_REVIEW: "under_review", COUNTED: "counted", REJECTED: "rejected", DUPLICATE: "duplicate",
          REVOKED: "revoked"}


class SmallSystem:
    """A small system as quota would leave it, written by hand."""

    def __init__(self, server):
        self.server, self.ids, self.next, self.people, self.counted = server, [], 0, {}, []

    def run(self, sql, *values):
        return self.server.query(sql, values)

    def submit(self, unit, person, text, status=None, phase=1, duplicate_of=None):
        self.next += 1
        name = str(uuid.UUID(int=self.next))
        self.run("INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
                 "has_national_id) VALUES (%s, 1, %s, to_timestamp(1700000000 + %s), %s, '', 1, %s, false)",
                 name, unit, self.next, person.encode().ljust(16), text)
        if status:
            self.decide(name, unit, person, status, phase, duplicate_of)
        return name

    def decide(self, name, unit, person, status, phase=1, duplicate_of=None, revision=1, decided_by=0):
        self.run("INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
                 "duplicate_of, decided_by, decided_at) VALUES (%s, %s, 1, %s, %s, %s, 1, %s, %s, now())",
                 name, revision, unit, status, phase, duplicate_of, decided_by)
        for above in ABOVE[unit]:
            for total_phase in {0, phase}:
                self.run(f"INSERT INTO unit_total (campaign_id, unit_id, phase, entered, {COLUMN[status]}) "
                         f"VALUES (1, %s, %s, 1, 1) ON CONFLICT (campaign_id, unit_id, phase) DO UPDATE SET "
                         f"entered = unit_total.entered + 1, {COLUMN[status]} = unit_total.{COLUMN[status]} + 1",
                         above, total_phase)
                if status == COUNTED:
                    self.people.setdefault((above, total_phase), set()).add(person)
                    self.run("UPDATE unit_total SET people = %s WHERE campaign_id = 1 AND unit_id = %s AND phase = %s",
                             len(self.people[above, total_phase]), above, total_phase)
        if status == COUNTED:
            self.run("INSERT INTO participation (campaign_id, person, unit_id, phase, day, counted) VALUES (1, %s, %s, %s, "
                     "%s, 1) ON CONFLICT (campaign_id, person, unit_id, phase, day) DO UPDATE "
                     "SET counted = participation.counted + 1", person.encode().ljust(16), unit, phase, DAY)
            self.counted.append((unit, person, phase))
            self.write_days()
        self.run("UPDATE board SET version = version + 1 WHERE campaign_id = 1")

    def write_days(self):
        """All were received on one day; who counted in two phases that day is new in the lesser one."""
        self.run("DELETE FROM unit_day")
        for above in (VN, HN, A, B, YB):
            below = [(person, phase) for unit, person, phase in self.counted if above in ABOVE[unit]]
            first = {person: min(phase for other, phase in below if other == person) for person, _ in below}
            for phase in {phase for _, phase in below}:
                people = {person for person, of_phase in below if of_phase == phase}
                self.run("INSERT INTO unit_day VALUES (1, %s, %s, %s, %s, %s, %s)", above, DAY, phase,
                         sum(of_phase == phase for _, of_phase in below), len(people) if phase else 0,
                         list(first.values()).count(phase))

    def board_to(self, client, generation=1):
        version = self.run("SELECT version FROM board WHERE campaign_id = 1")[0][0]
        for unit, parent, phase, *figures in self.run(
                "SELECT t.unit_id, u.parent_id, t.phase, t.entered, t.counted, t.people, t.awarded FROM unit_total t "
                "JOIN unit u ON u.campaign_id = t.campaign_id AND u.id = t.unit_id"):
            client.hset(f"board:{{c1}}:g{generation}:{parent}:{phase}", unit,
                        " ".join(str(figure) for figure in [version] + figures))
        client.hset("board:{c1}:meta", mapping={"generation": generation, "applied": version})


def fill(control, postgresql, redis_server):
    """Something of every status; the board in Redis is right."""
    control.do("campaign", "apply", control.write("c.yaml", CAMPAIGN.format(code="trial")))
    control.do("units", "import", control.write("u.csv", UNITS), "--campaign", "trial")
    system = SmallSystem(postgresql)
    system.first = system.submit(A, "lan", "một", COUNTED)
    system.submit(A, "lan", "hai", COUNTED)
    system.submit(B, "lan", "ba", COUNTED, phase=0)
    system.submit(B, "minh", "bốn", REJECTED)
    system.submit(YB, "hoa", "một", DUPLICATE, duplicate_of=system.first)
    system.submit(YB, "hoa", "năm", UNDER_REVIEW)
    system.submit(YB, "tuấn", "sáu")
    poison = system.submit(YB, "tuấn", "bảy")
    system.run("INSERT INTO quarantine (submission_id, stage, reason) VALUES (%s, 'validation', 'x')", poison)
    system.board_to(redis_server.client())
    return system


def redis_for_control(directory):
    """In the run directory, with the administrator's login."""
    directory.make("keys")
    with open(directory.below("keys", "redis-control.password"), "w", encoding="ascii") as file:
        file.write("secret")
    return Redis(acl=["user control on >secret ~* &* +@all"], socket=directory.below("sock", "redis.sock"))
