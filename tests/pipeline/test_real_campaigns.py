"""Both real campaigns, replayed through the whole system: each rule at its boundary, as its documents say it.

Would catch: a rule that the pack states and some stage does not keep, or that is off by an instant, a day or a character.
"""
import unicodedata

import pytest

from harness.replay import Replay, text_of

COUNTED_1, COUNTED_2 = ["counted 1"], ["counted 2"]
FAMILY = "👨‍👩‍👧‍👦"


def refused(*reasons, phase=1):
    return [f"rejected {phase}", *reasons]


@pytest.fixture(scope="module")
def million(system):
    return Replay(system, "01-trieu-sang-kien", "2022-05-01T08:00:00+07:00", national_id="", category="enterprise_worker",
                  applied_on="2022-02-01", recognized_on="2022-03-01")


@pytest.fixture(scope="module")
def thousands(system):
    return Replay(system, "75-nghin-sang-kien", "2021-04-01T08:00:00+07:00")


def lengths(most, counted, prefix):
    """The limit and one over it, in each form in which a text of the same characters comes."""
    plain = iter(text_of(f"{prefix} {n}", most + 1) for n in range(8))

    def forms():
        yield lambda text: text
        yield lambda text: unicodedata.normalize("NFD", text)  # stored as NFC: the same characters
        # A family is one character of seven code points.
        yield lambda text: text[:300] + FAMILY * (len(text) - 300)
        # As it comes from Word: its bullets, line ends and a mark at the front, which is none of the text.
        yield lambda text: "\ufeff" + ("\uf0b7 " + text[2:-1].replace(" ", "\n", 2)).replace("\n", "\r\n") + "!\r\n"
    for form in forms():
        text = next(plain)
        yield {"description": form(text[:most])}, counted
        yield {"description": form(text)}, refused("too_long description")


def test_2021_opens_and_closes_by_itself(thousands):
    """R14: closes after 24h of 20/4/2021; what counts is the instant of receipt."""
    thousands.expect([
        ({"received_at": "2021-03-09T23:59:59.999999+07:00"}, "campaign_not_open"),
        ({"received_at": "2021-03-10T00:00:00+07:00"}, COUNTED_1),
        ({"received_at": "2021-04-20T23:59:59.999999+07:00"}, COUNTED_1),
        ({"received_at": "2021-04-20T16:59:59.999999Z"}, COUNTED_1),
        ({"received_at": "2021-04-21T00:00:00+07:00"}, "campaign_closed"),
        ({"received_at": "2021-04-20T17:00:00Z"}, "campaign_closed"),
    ])


def test_2021_form(thousands):
    """R2, R5, R9: name, phone, unit, block, at most 1,000 characters; its kinds are the fields of its awards."""
    kinds = ("high_value", "new_product", "safety_environment", "administration", "community")
    thousands.expect([
        *lengths(1000, COUNTED_1, "2021"),
        *(({"kind": kind}, COUNTED_1) for kind in kinds),
        ({"kind": "technical"}, refused("invalid kind")),
        ({"category": "union_officer"}, refused("invalid category")),
        ({"block": "public"}, COUNTED_1),
        ({"block": "army"}, "invalid_fields"),
        ({"phone": None}, "invalid_fields"),
        ({"unit": "nowhere"}, "invalid_fields"),
    ])


def test_2021_window_and_declarations(thousands):
    """R15, R16: applied from 02/2021 to 05/2021, where a day is given; nothing under IP protection."""
    thousands.expect([
        ({"applied_on": "2021-01-31"}, refused("outside_window applied_on")),
        ({"applied_on": "2021-02-01"}, COUNTED_1),
        ({"applied_on": "2021-05-31"}, COUNTED_1),
        ({"applied_on": "2021-06-01"}, refused("outside_window applied_on")),
        ({"ip_protected": True}, refused("ip_protected ip_protected")),
        ({"ip_protected": False}, COUNTED_1),
        ({"authors": 2, "lead_author": False}, refused("not_lead_author lead_author")),
    ])


def test_2021_people_are_their_phones(thousands):
    """R23: members submit several; a person is counted once, whatever way the number is written."""
    def people():
        return thousands.system.board(thousands.campaign, parent="01.018.DN", limit=1000)["total"]["people"]
    before = people()
    thousands.expect([({"phone": "0912 000 111"}, COUNTED_1), ({"phone": "+84912000111"}, COUNTED_1),
                      ({"phone": "0912.000.112"}, COUNTED_1)])
    thousands.system.assert_all_laws(thousands.campaign, ("", "01", "01.018"))
    assert people() == before + 2


def test_2022_opens_changes_phase_and_closes(million):
    """R14, R20: phase 1 to 31/5/2022, phase 2 to 30/9/2023."""
    million.expect([
        ({"received_at": "2022-01-07T23:59:59.999999+07:00"}, "campaign_not_open"),
        ({"received_at": "2022-01-08T00:00:00+07:00"}, COUNTED_1),
        ({"received_at": "2022-05-31T23:59:59.999999+07:00"}, COUNTED_1),
        ({"received_at": "2022-06-01T00:00:00+07:00"}, COUNTED_2),
        ({"received_at": "2023-09-30T23:59:59.999999+07:00"}, COUNTED_2),
        ({"received_at": "2023-10-01T00:00:00+07:00"}, "campaign_closed"),
    ])


def test_2022_form(million):
    """R6, R7, R8: national ID, one of five categories, at most 2,000 characters, seven kinds."""
    categories = ("union_officer", "enterprise_worker", "civil_servant", "public_service", "rural_development")
    kinds = ("technical", "management", "operational", "applied_progress", "union_work", "covid19")
    million.expect([
        *lengths(2000, COUNTED_1, "2022"),
        ({"national_id": None}, refused("required national_id")),
        ({"national_id": "123456789"}, COUNTED_1),
        ({"national_id": "1234567890"}, "invalid_fields"),
        *(({"category": category}, COUNTED_1) for category in categories),
        ({"category": "army"}, refused("invalid category")),
        ({"category": None}, refused("required category")),
        *(({"kind": kind}, COUNTED_1) for kind in kinds),
        ({"kind": "high_value"}, refused("invalid kind")),
        ({"evidence_url": "https://drive.google.com/file/d/1"}, COUNTED_1),
        ({"evidence_url": "http://drive.google.com/file/d/1"}, "invalid_fields"),
        # R10: a benefit in money, or a social one.
        ({"benefit_vnd": 1500000000, "benefit_social": "Giảm tai nạn lao động"}, COUNTED_1),
        ({"benefit_vnd": -1}, "invalid_fields"),
    ])


def test_2022_both_versions_of_the_window(million):
    """R15: announced to 1/9/2022, then to 1/9/2023. The version at the instant of receipt decides."""
    later = "2022-06-01T00:00:00+07:00"
    first = [("2021-08-31", False), ("2021-09-01", True), ("2022-08-31", True), ("2022-09-01", True), ("2022-09-02", False)]
    second = [("2021-08-31", False), ("2021-09-01", True), ("2022-09-02", True), ("2023-09-01", True), ("2023-09-02", False)]
    million.expect(
        [({"applied_on": day}, COUNTED_1 if good else refused("outside_window applied_on")) for day, good in first] +
        [({"applied_on": day, "received_at": later}, COUNTED_2 if good else refused("outside_window applied_on", phase=2))
         for day, good in second] +
        [({"applied_on": "2022-09-02", "received_at": "2022-05-31T23:59:59.999999+07:00"}, refused("outside_window applied_on")),
         ({"applied_on": None}, refused("required applied_on"))])
    versions = dict(million.system.query(
        "SELECT s.received_at < %s, array_agg(DISTINCT d.rules_version) FROM decision d JOIN submission s ON s.id = d.submission_id "
        "JOIN campaign c ON c.id = d.campaign_id WHERE c.code = %s GROUP BY 1", (later, million.campaign)))
    assert versions == {True: [1], False: [2]}


def test_2022_recognition_and_declarations(million):
    """R11, R12, R16: recognised in writing; a research topic accepted; the lead author alone; nothing under IP protection."""
    million.expect([
        ({"recognized_on": None}, refused("not_recognised recognized_on")),
        ({"recognized_on": "2021-08-31"}, refused("outside_window recognized_on")),
        ({"recognized_on": "2021-09-01", "recognized_by": "Hội đồng sáng kiến"}, COUNTED_1),
        ({"recognized_on": "2022-09-01"}, COUNTED_1),
        ({"recognized_on": "2022-09-02"}, refused("outside_window recognized_on")),
        ({"kind": "research"}, refused("required accepted_on")),
        ({"kind": "research", "accepted_on": "2021-08-31"}, refused("outside_window accepted_on")),
        ({"kind": "research", "accepted_on": "2021-09-01"}, COUNTED_1),
        ({"kind": "technical", "accepted_on": "2021-08-31"}, COUNTED_1),
        ({"ip_protected": True}, refused("ip_protected ip_protected")),
        ({"authors": 3, "lead_author": False}, refused("not_lead_author lead_author")),
        ({"authors": 3, "lead_author": True}, COUNTED_1),
        ({"authors": 1, "lead_author": False}, COUNTED_1),
        ({"authors": 21}, "invalid_fields"),
        # All reasons at once, in the order of the form.
        ({"national_id": None, "category": "army", "applied_on": "2021-08-31", "recognized_on": None, "ip_protected": True},
         refused("required national_id", "invalid category", "outside_window applied_on", "not_recognised recognized_on",
                 "ip_protected ip_protected")),
    ])


def test_2022_new_within_the_unit(million):
    """R17, R17a: the same idea in another province is legitimate, within one's own province it is a copy; and it has been
    applied or trialled."""
    text = text_of("idea", 1200)
    words = text.split()
    words[20::40] = ["khác"] * len(words[20::40])
    other = " ".join(words)
    million.expect([({"description": text}, COUNTED_1)])
    million.expect([({"description": other, "unit": "15.CDVC"}, COUNTED_1)])
    million.expect([({"description": other.replace("khác", "lạ"), "unit": "01.018.STANLEY"}, ["duplicate 1", "duplicate description"]),
                    ({"applied_on": None}, refused("required applied_on"))])


def test_2022_copies_and_people(million):
    """R17a, R18, R23: the same text is a duplicate in the whole country, an own one for its sender; people by national ID."""
    text = text_of("copies", 600)
    million.expect([({"description": text, "national_id": "001099000001"}, COUNTED_1)])
    million.expect([
        ({"description": text.upper() + "  ", "unit": "15.CDVC"}, ["duplicate 1", "duplicate description"]),
        ({"description": text, "national_id": "001099000001"}, ["duplicate 1", "own_duplicate description"]),
        ({"national_id": "001099000001"}, COUNTED_1),
        ({"national_id": "001099000001", "received_at": "2022-07-01T08:00:00+07:00"}, COUNTED_2),
    ])
    board = {phase: million.system.board(million.campaign, phase=phase, limit=1000)["total"] for phase in ("1", "2", "all")}
    # R24: the national ID counts once in each phase and once in the whole.
    (people,), = million.system.query("SELECT count(DISTINCT person) FROM participation p JOIN campaign c ON c.id = p.campaign_id "
                                      "WHERE c.code = %s", (million.campaign,))
    assert board["all"]["people"] == people < board["1"]["people"] + board["2"]["people"]
    million.system.assert_all_laws(million.campaign, ("", "01", "01.018", "01.018.DN"))
