"""Notices to officers, from their file to the mail: the operators' tool, the notification service and real gateways.

Would catch: an officer who is told twice, or anew after the address was corrected; one who is told nothing; a notice of an
event that the campaign leaves off; a unit called behind that is not; figures of another unit; letters that no SMS has; an
address in clear text, in a log or in a complaint; a file that is half taken.
"""
import os
from datetime import datetime, timedelta, timezone

import pytest

pytest.importorskip("aiosmtpd.controller", reason="python3-aiosmtpd is not installed")
pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.notices import Web, World  # noqa: E402
from harness.small_system import UNITS  # noqa: E402
from harness.waiting import await_condition  # noqa: E402

VIETNAM = timezone(timedelta(hours=7))
ADDRESSES = ("an@example.vn", "ba.en@example.vn", "ha.noi@example.vn", "0912345678", "+84912345678")
OFFICERS = """unit_code,address,language
01.1,an@example.vn,vi
01.2,ba.en@example.vn,en
01,0912 345 678,
01,ha.noi@example.vn,vi
"""
CAMPAIGN = """
code: {code}
name: {{vi: Thử, en: Trial}}
opens_at: {opens}
closes_at: {closes}
versions:
  - version: 1
    holds_from: 2020-01-01T00:00:00+07:00
    description_characters_max: 2000
    phases:
      - {{number: 1, name: {{vi: Giai đoạn 1, en: Phase 1}}, starts_at: {opens}, ends_at: {turn}}}
      - {{number: 2, name: {{vi: Giai đoạn 2, en: Phase 2}}, starts_at: {turn}, ends_at: {closes}}}
    person_key: phone
    duplicates: {{exact_scope: nation, near_scope: top, near_threshold: 0.72}}
{notices}
"""
# A has met its target, B is behind; Hà Nội's is the sum.
QUOTAS = "campaign: {code}\nquotas:\n  - {{unit: 01.1, initiatives: {{phase_1: 10}}}}\n  - {{unit: 01.2, initiatives: {{phase_1: 40}}}}\n"
MAIL = "- {{name: mail, kind: smtp, url: '{sink}', from: sangkien@example.vn, cleartext: true}}"
SMS = "- {{name: sms, kind: http, url: '{web}/send', cleartext: true, form: {{to: '{{phone_local}}', text: '{{short}}'}}}}"
VN, HN, A, B = 1, 2, 3, 4


class Officers(World):
    def __init__(self, control, *parts):
        super().__init__(*parts)
        self.control = control
        self.web = Web()
        self.sink.start()
        self.server.query("TRUNCATE campaign, unit CASCADE")
        control.directory.make("keys")
        for name, key in (("person.key", os.urandom(32)), ("sealing.public", self.reader)):
            with open(control.directory.below("keys", name), "wb") as file:
                file.write(key)
        self.settings["NOTIFICATION_PLAN_MS"] = "50"

    def campaign(self, code, send="", more=""):
        """Phase 1 began 60 days ago and ends in 10; tells what `send` says."""
        today = datetime.now(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
        notices = ""
        if send:
            channels = "\n".join("    " + channel.format(sink=self.sink.url, web=self.web.url) for channel in (MAIL, SMS))
            notices = f"notices:\n  send: {{{send}}}\n{more}  channels:\n{channels}\n"
        text = CAMPAIGN.format(code=code, notices=notices, opens=(today - timedelta(60)).isoformat(),
                               turn=(today + timedelta(10)).isoformat(), closes=(today + timedelta(300)).isoformat())
        self.control.do("campaign", "apply", self.control.write(f"{code}.yaml", text))

    def begin(self, code, officers=OFFICERS, units=UNITS, **rules):
        self.campaign(code, **rules)
        self.control.do("units", "import", self.control.write("u.csv", units), "--campaign", code)
        self.control.do("quotas", "apply", self.control.write("q.yaml", QUOTAS.format(code=code)), "--campaign", code)
        return self.officers(code, officers)

    def officers(self, code, text):
        return self.control.do("officers", "import", self.control.write("o.csv", text), "--campaign", code)

    def count(self, number, figures):
        """{unit: counted of phase 1}, as quota would leave it."""
        for unit, counted in figures.items():
            self.server.query("INSERT INTO unit_total (campaign_id, unit_id, phase, entered, counted, people) VALUES "
                              "(%s, %s, 1, %s, %s, 1) ON CONFLICT (campaign_id, unit_id, phase) DO UPDATE SET entered = "
                              "excluded.entered, counted = excluded.counted", (number, unit, counted, counted))
        self.server.query("INSERT INTO board (campaign_id, version) VALUES (%s, 1) ON CONFLICT (campaign_id) DO UPDATE "
                          "SET version = board.version + 1", (number,))

    def notices(self, number):
        """{(event, unit): how many}"""
        return {(event, unit): count for event, unit, count in self.server.query(
            "SELECT event, facts ->> 'unit', count(*) FROM outbox WHERE campaign_id = %s GROUP BY 1, 2", (number,))}

    def mail_to(self, address):
        for at in range(len(self.sink.mails)):
            if self.sink.mails[at][0] == [address]:
                return self.sink.mail(at)
        return None

    def await_mail(self, address):
        return await_condition(lambda: self.mail_to(address), 60, f"a mail to {address}")


@pytest.fixture
def world(control, postgresql, run_directory, start_service):
    whole = Officers(control, postgresql, run_directory, start_service)
    yield whole
    whole.close()


def test_officers_of_a_merged_unit_are_told_of_the_one_it_went_to(world):
    """R1, R21: through two merges, in their own language; who is an officer of both is told once. What they were told
    before stays as it was."""
    both = "01.1,both@example.vn,vi\n01.2,both@example.vn,vi\n"
    world.begin("trial", OFFICERS.replace("01.1,an@", "01.3,an@") + both, units=UNITS + "01.3,Công đoàn C,3,01,,1\n",
                send="quota_met: mail")
    world.count(1, {VN: 13, HN: 13, A: 12, B: 1})
    world.start()
    world.await_mail("both@example.vn")
    today = datetime.now(VIETNAM).date()
    for code, into in (("01.3", "01.1"), ("01.1", "01.2")):
        path = world.control.write("moves.csv", f"valid_from,code,merged_into,parent_code,name\n{today},{code},{into},,\n")
        world.control.do("units", "import", path, "--campaign", "trial")
    before = world.notices(1)
    assert before == {("quota_met", "01.1"): 1}
    world.count(1, {VN: 80, HN: 80, A: 12, B: 80})
    for address in ("an@example.vn", "ba.en@example.vn"):
        told = world.await_mail(address)
        assert "80/50" in told.get_content(), told.get_content()
    await_condition(lambda: world.server.query("SELECT count(*) FROM outbox WHERE state = 0") == [(0,)], 60, "all to be sent")
    assert world.notices(1) == {**before, ("quota_met", "01.2"): 3, ("quota_met", "01"): 2}
    assert world.server.query("SELECT count(*) FROM officer o JOIN unit u ON u.id = o.unit_id WHERE u.merged") == [(2,)]


def due_an_hour_ago():
    then = datetime.now(VIETNAM) - timedelta(hours=1)
    return f"  weekly_on: {then.strftime('%A').lower()}\n  weekly_at: '{then.strftime('%H:%M')}'\n"


def test_each_is_told_once_whoever_looks(world):
    """R21, and off means off: the second campaign has officers and tells nobody."""
    world.begin("trial", send="quota_met: mail, behind: mail")
    world.begin("quiet")
    for number in (1, 2):
        world.count(number, {VN: 13, HN: 13, A: 12, B: 1})
    services = [world.start("notification-1"), world.start("notification-2")]
    met, behind = world.await_mail("an@example.vn"), world.await_mail("ba.en@example.vn")
    assert met["Subject"] == "Công đoàn A đã đạt chỉ tiêu Giai đoạn 1" and "12/10 sáng kiến, 120.0 %" in met.get_content()
    assert behind["Subject"] == "Công đoàn B may miss its target for Phase 1"
    assert "has 1/40 initiatives" in behind.get_content() and "10 days are left" in behind.get_content()
    world.await_mail("ha.noi@example.vn")  # the sum of the parts: 13 of 50
    # It falls below: its new officers hear that it is behind. It rises again: that has been told, whoever they are.
    world.officers("trial", OFFICERS.replace("an@", "binh@") + "01.1,chi@example.vn,vi\n")
    world.count(1, {A: 9})
    world.await_mail("binh@example.vn")
    world.await_mail("chi@example.vn")
    world.count(1, {A: 30, B: 45})
    assert "B has met" in await_condition(
        lambda: [m for m in map(world.sink.mail, range(len(world.sink.mails))) if "has met" in m["Subject"]], 60,
        "that B has met its target")[0]["Subject"].replace("Công đoàn ", "")
    assert world.notices(1) == {("quota_met", "01.1"): 1, ("behind", "01.1"): 2, ("behind", "01.2"): 1, ("behind", "01"): 2,
                                ("quota_met", "01.2"): 1}
    assert world.notices(2) == {} and world.server.query("SELECT count(*) FROM officer_event WHERE campaign_id = 2") == [(0,)]
    await_condition(lambda: sum(service.metrics()["sangkien_notification_officers_told_total"] for service in services) == 7,
                    60, "seven notices in the metrics")
    text = "".join(service.process.output() for service in services)
    assert not any(address in text for address in ADDRESSES)


def test_the_week_by_sms_and_a_number_that_is_none(world):
    """A summary with the laggards first; the short form has only letters that an SMS has."""
    world.begin("trial", send="weekly: sms", more=due_an_hour_ago())
    world.count(1, {VN: 13, HN: 13, A: 12, B: 1})
    world.start()
    request = await_condition(world.web.seen, 60, "a summary")[0]
    assert request[3].startswith(b"to=0912345678&text=01+Giai+doan+1%3A+13%2F50+sang+kien+%2826.0+%25%29")
    # Of mail: no gateway of SMS can send there, and a dead letter says so.
    await_condition(lambda: world.server.query("SELECT count(*) FROM outbox WHERE state = 2") == [(3,)], 60, "dead letters")
    assert len(world.web.seen()) == 1
    assert {row["error"] for row in world.control.json("notices")["notices"]} == {
        "its address is of mail, and this gateway wants a number"}
    facts, = world.server.query("SELECT facts FROM outbox WHERE facts ->> 'unit' = '01' LIMIT 1")[0]
    assert facts["laggards"] == [{"unit": "01.2", "counted": 1, "target": 40, "percent": "2.5"}]
    assert world.server.query("SELECT count(*) FROM officer_event WHERE event = 'weekly'") == [(3,)]


def test_they_wait_for_the_end_of_the_quiet_hours(world):
    """The same event in a campaign without such hours goes out meanwhile."""
    now = datetime.now(VIETNAM)
    quiet = f"  quiet_hours: {{from: '{(now - timedelta(hours=2)).strftime('%H:%M')}', to: '{(now + timedelta(hours=2)).strftime('%H:%M')}'}}\n"
    world.begin("night", "unit_code,address,language\n01.1,night@example.vn,vi\n", send="quota_met: mail", more=quiet)
    world.count(1, {A: 12})
    world.start()
    await_condition(lambda: world.notices(1) == {("quota_met", "01.1"): 1}, 60, "the notice of the night")
    world.begin("day", "unit_code,address,language\n01.1,day@example.vn,vi\n", send="quota_met: mail")
    world.count(2, {A: 12})
    world.await_mail("day@example.vn")
    assert world.mail_to("night@example.vn") is None
    world.campaign("night", send="quota_met: mail")
    world.await_mail("night@example.vn")


def test_officers_are_sealed_and_replaced_as_a_whole(world):
    assert "4 officers, 4 new, 0 changed, 0 gone" in world.begin("trial")
    before = world.server.query("SELECT id, sealed FROM officer ORDER BY id")
    stored = b"".join(bytes(sealed) for _, sealed in before)
    assert not any(address.encode() in stored for address in ADDRESSES)
    assert "4 officers, 0 new, 0 changed, 0 gone" in world.officers("trial", OFFICERS)
    assert world.server.query("SELECT id, sealed FROM officer ORDER BY id") == before
    other = OFFICERS.replace("vn,en", "vn,vi").replace("01,ha.noi@example.vn,vi\n", "15,yen.bai@example.vn,en\n")
    path = world.control.write("o.csv", other)
    assert "nothing written" in world.control.do("officers", "import", path, "--campaign", "trial", "--dry-run")
    assert world.server.query("SELECT id, sealed FROM officer ORDER BY id") == before
    assert "4 officers, 1 new, 1 changed, 1 gone" in world.officers("trial", other)
    assert world.server.query("SELECT u.code, o.english FROM officer o JOIN unit u ON u.id = o.unit_id ORDER BY u.code") == [
        ("01", False), ("01.1", False), ("01.2", False), ("15", True)]


FAULTS = {
    "99,x@example.vn,vi": "there is no unit \"99\"; write a code", "01,not an address,vi": "no address; write one of mail",
    "01,1234,vi": "or a Vietnamese telephone number", "01,x@example.vn,fr": "no language \"fr\"; write vi or en",
    "01.1,an@example.vn,en": "the address of line 2 again", "01,0912345678": "2 cells, and the header has 3"}


def test_a_bad_line_is_named_and_nothing_is_taken(world):
    world.begin("trial", "unit_code,address,language\n15,before@example.vn,vi\n")
    for line, fault in FAULTS.items():
        path = world.control.write("bad.csv", OFFICERS + line + "\n")
        code, _, complaint = world.control.run("officers", "import", path, "--campaign", "trial")
        assert code == 65 and f"{path}:6: " in complaint and fault in complaint, line
        assert not any(address in complaint for address in ADDRESSES), line
    assert world.server.query("SELECT count(*) FROM officer") == [(1,)]
