"""`sangkien campaign apply --dry-run`: what was decided, decided again by other rules.

Would catch: a rehearsal that writes, that judges by another version than the one at the instant of receipt, that forgets
pages, or that replaces what a person decided; a version taken away from under what it decided.
"""
import uuid

import pytest

from harness.small_system import UNITS

PACK = """
code: trial
name: Thử
opens_at: 2022-01-08T00:00:00+07:00
closes_at: {closes}
versions:
  - version: 1
    holds_from: 2022-01-08T00:00:00+07:00
    description_characters_max: {most}
    fields: {{offered: [applied_on]}}
    applied_window: {{from: 2021-09-01, to: {to}}}
    phases:
      - {{number: 1, name: Một, starts_at: 2022-01-08T00:00:00+07:00, ends_at: {change}}}
      - {{number: 2, name: Hai, starts_at: {change}, ends_at: 2023-10-01T00:00:00+07:00}}
    person_key: phone
    duplicates: {{exact_scope: {exact}, near_scope: {near}, near_threshold: {threshold}, review_threshold: {review}}}
  - version: 2
    holds_from: 2022-06-01T00:00:00+07:00
    description_characters_max: 2000
    fields: {{offered: [applied_on]}}
    applied_window: {{from: 2021-09-01, to: 2023-09-01}}
    phases:
      - {{number: 1, name: Một, starts_at: 2022-01-08T00:00:00+07:00, ends_at: {change}}}
      - {{number: 2, name: Hai, starts_at: {change}, ends_at: 2023-10-01T00:00:00+07:00}}
    person_key: phone
    duplicates: {{exact_scope: nation, near_scope: top, near_threshold: 0.72}}
"""
STANDARD = {"closes": "2023-10-01T00:00:00+07:00", "most": 100, "to": "2022-09-01", "change": "2022-06-01T00:00:00+07:00",
            "exact": "nation", "near": "top", "threshold": 0.72, "review": 0.6}
UNDER_REVIEW, COUNTED, REJECTED, DUPLICATE, REVOKED = 1, 2, 3, 4, 5
EARLY, LATE = "2022-03-01T12:00:00+07:00", "2022-07-01T12:00:00+07:00"
HN, A, B, YB = 2, 3, 4, 5


def pack(**changes):
    return PACK.format(**{**STANDARD, **changes})


class Trial:
    """Decisions as quota would leave them; an id's place is its number."""

    def __init__(self, control, server):
        self.control, self.server, self.next = control, server, 0
        control.do("campaign", "apply", control.write("now.yaml", pack()))
        control.do("units", "import", control.write("u.csv", UNITS), "--campaign", "trial")
        server.query("UPDATE board SET version = 1")

    def add(self, unit=A, at=EARLY, text="một", applied="2022-01-01", status=COUNTED, phase=1, reasons="", version=1, by=0, of=None,
            score=None):
        self.next += 1
        name = str(uuid.UUID(int=self.next))
        self.server.query(
            "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, applied_on, "
            "has_national_id) VALUES (%s, 1, %s, %s, '', '', 1, %s, %s, false)", (name, unit, at, text, applied))
        if status:
            self.server.query(
                "INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, reasons, "
                "duplicate_of, score, decided_by, decided_at) VALUES (%s, 1, 1, %s, %s, %s, %s, %s, %s, %s, %s, now())",
                (name, unit, status, phase, version, reasons, of, score, by))
        return name

    def rehearse(self, **changes):
        path = self.control.write("next.yaml", pack(**changes))
        before = self.everything()
        found = self.control.json("campaign", "apply", path, "--dry-run")
        assert self.everything() == before
        return found

    def everything(self):
        return [self.server.query(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t") for table in
                ("campaign", "campaign_history", "submission", "decision", "unit_total", "board", "reference_version")]


@pytest.fixture
def trial(control, postgresql):
    return Trial(control, postgresql)


def moves(found):
    return {(move["from"], move["to"]): move["count"] for move in found["moves"]}


def reasons(found):
    return {(reason["code"], reason["field"]): (reason["arises"], reason["falls_away"]) for reason in found["reasons"]}


def units(found):
    return {row["unit"]: (row["would_change"], row["counted_more"], row["counted_less"]) for row in found["units"]}


def test_the_same_rules_change_nothing(trial):
    trial.add()
    trial.add(status=REJECTED, reasons="outside_window applied_on", applied="2022-09-02")
    trial.add(at=LATE, phase=2, version=2, applied="2023-09-01")
    trial.add(status=0)
    found = trial.rehearse()
    assert (found["looked_at"], found["would_change"], found["undecided"]) == (3, 0, 1)
    assert found["moves"] == found["reasons"] == found["units"] == []


def test_a_wider_window_counts_what_it_had_refused(trial):
    """The version at the instant of receipt decides: only version 1 changes, so only what was received under it."""
    for day in ("2022-09-02", "2023-09-01", "2023-09-02"):
        trial.add(A, status=REJECTED, reasons="outside_window applied_on", applied=day)
    trial.add(YB, at=LATE, phase=2, version=2, status=REJECTED, reasons="outside_window applied_on", applied="2023-09-02")
    found = trial.rehearse(to="2023-09-01")
    assert moves(found) == {("rejected", "counted"): 2} and found["not_compared"] == 2
    assert reasons(found) == {("outside_window", "applied_on"): (0, 2)} and units(found) == {"01.1": (2, 2, 0)}
    text = trial.control.do("campaign", "apply", trial.control.write("next.yaml", pack(to="2023-09-01")), "--dry-run")
    assert "of 4 decided 2 would be decided otherwise" in text and "rejected -> counted: 2" in text and "01.1" in text


def test_a_lower_limit_and_an_earlier_close_refuse(trial):
    trial.add(text="ế" * 100)
    trial.add(text="👨‍👩‍👧‍👦" * 50)
    trial.add(text="e\u0302\u0301" * 51)  # stored as it came: the limit counts characters, not code points
    trial.add(B, at=LATE, phase=2, version=2, text="ế" * 100)
    found = trial.rehearse(most=50)
    assert reasons(found) == {("too_long", "description"): (2, 0)} and units(found) == {"01.1": (2, 0, 2)}
    found = trial.rehearse(closes="2022-07-01T12:00:00+07:00")
    assert reasons(found) == {("campaign_closed", ""): (1, 0)} and units(found) == {"01.2": (1, 0, 1)}
    assert trial.rehearse(closes="2022-07-01T12:00:00.000001+07:00")["would_change"] == 0


def test_another_phase_is_a_change(trial):
    trial.add()
    trial.add(at=LATE, phase=2, version=2)
    found = trial.rehearse(change="2022-03-01T12:00:00+07:00")
    assert (found["would_change"], found["other_phase"], found["moves"]) == (1, 1, []) and units(found) == {"01.1": (1, 0, 0)}
    assert trial.rehearse(change="2022-03-01T12:00:00.000001+07:00")["would_change"] == 0


def test_bounds_and_thresholds_of_copies(trial):
    first = trial.add(A)
    trial.add(YB, status=DUPLICATE, reasons="duplicate description", of=first, score=1)
    trial.add(B, status=DUPLICATE, reasons="own_duplicate description", of=first, score=0.8, text="hai")
    trial.add(A, status=UNDER_REVIEW, of=first, score=0.65, text="ba")
    assert trial.rehearse()["would_change"] == 0
    assert moves(trial.rehearse(exact="top")) == {("duplicate", "counted"): 1}
    assert moves(trial.rehearse(near="unit")) == {("duplicate", "counted"): 1}
    found = trial.rehearse(threshold=0.9)
    assert moves(found) == {("duplicate", "under_review"): 1}
    assert reasons(found) == {("own_duplicate", "description"): (0, 1)}
    assert moves(trial.rehearse(review=0.7)) == {("under_review", "counted"): 1}
    assert moves(trial.rehearse(threshold=0.65)) == {("under_review", "duplicate"): 1}


def test_copies_of_what_would_be_refused_are_reviewed(trial):
    first = trial.add(A, applied="2022-08-31")
    trial.add(B, status=DUPLICATE, reasons="duplicate description", of=first, score=1)
    found = trial.rehearse(to="2022-08-30")
    assert moves(found) == {("counted", "rejected"): 1, ("duplicate", "under_review"): 1}
    assert reasons(found)["original_revoked", ""] == (1, 0)


def test_what_a_person_decided_stands(trial):
    trial.add(status=COUNTED, by=1, applied="2024-01-01")
    trial.add(status=REVOKED, by=1)
    found = trial.rehearse(most=1)
    assert (found["by_person"], found["would_change"]) == (2, 0)


def test_more_than_a_page(trial):
    """Would catch a keyset that loses or repeats rows at the edge of a page, or takes those of another campaign."""
    trial.add()
    trial.server.query(
        "INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, has_national_id) "
        "SELECT lpad(to_hex(n + 100), 32, '0')::uuid, 1 + n %% 2, 3, %s, '', '', 1, 'dài quá', false FROM generate_series(1, 12000) n;"
        "INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, decided_at) "
        "SELECT id, 1, campaign_id, unit_id, 2, 1, 1, now() FROM submission WHERE description = 'dài quá'", (EARLY,))
    found = trial.rehearse(most=6)
    assert (found["looked_at"], found["would_change"]) == (6001, 6000) and units(found) == {"01.1": (6000, 0, 6000)}


def test_a_new_campaign_and_faulty_ones(control, postgresql):
    path = control.write("next.yaml", pack())
    assert control.json("campaign", "apply", path, "--dry-run") == {"campaign": "trial", "looked_at": 0, "would_change": 0}
    assert "nothing was decided" in control.do("campaign", "apply", path, "--dry-run")
    assert postgresql.query("SELECT count(*) FROM campaign") == [(0,)]
    assert control.run("campaign", "apply", control.write("bad.yaml", pack(most=0)), "--dry-run")[0] == 65
    assert control.run("campaign", "apply", path, "--json")[0] == 64


def test_a_version_that_decided_stays(trial):
    """What it decided names it: nobody could say any more why."""
    trial.add()
    text = pack()
    without = text.replace("version: 1\n", "version: 7\n").replace("version: 2\n", "version: 8\n")
    path = trial.control.write("next.yaml", without)
    for words in ((), ("--dry-run",)):
        code, _, complaints = trial.control.run("campaign", "apply", path, *words)
        assert code == 65 and "decided by version 1" in complaints and "keep it in the file" in complaints
    only_second_renamed = text.replace("version: 2\n", "version: 8\n")
    trial.control.do("campaign", "apply", trial.control.write("next.yaml", only_second_renamed))


def test_a_version_that_says_something_else_is_said(trial):
    """It may be mended, but nobody shall believe that this decides again what it decided."""
    trial.add()
    words = "version 1 says something else"
    assert words not in trial.control.run("campaign", "apply", trial.control.write("next.yaml", pack() + "# new\n"))[2]
    named = pack().replace("name: Một", "name: Đợt một").replace("name: Thử", "name: Chương trình")
    assert words not in trial.control.run("campaign", "apply", trial.control.write("next.yaml", named))[2]
    for changes in ({"most": 99}, {"to": "2022-09-02"}, {"change": "2022-06-02T00:00:00+07:00"}, {"exact": "top"},
                    {"threshold": 0.73}, {"review": 0.61}):
        trial.control.do("campaign", "apply", trial.control.write("next.yaml", named))
        code, _, complaints = trial.control.run("campaign", "apply", trial.control.write("next.yaml", pack(**changes)))
        assert code == 0 and words in complaints and "version 2" not in complaints, (changes, complaints)
        trial.server.query("UPDATE campaign SET source = %s", (named,))
