"""What `campaign apply --dry-run` says is what happens: the same submissions, sent to a campaign with the other rules.

Would catch: a rehearsal that judges, or takes for phases and copies, by anything else than what the services go by.
"""
import collections
import json
import random

import pytest

from harness.replay import Replay, text_of

PACK = """
code: {code}
name: Thử
opens_at: 2022-01-08T00:00:00+07:00
closes_at: {closes}
versions:
"""
VERSION = """
  - version: {version}
    holds_from: {holds_from}
    description_characters_max: {most}
    fields: {{required: [national_id, category, applied_on], offered: [kind, recognized_on, accepted_on]}}
    blocks: {blocks}
    categories: [{{code: officer, name: Cán bộ}}, {{code: {category}, name: Công nhân}}]
    kinds: [{{code: technical, name: Kỹ thuật}}, {{code: research, name: Đề tài}}]
    research_kind: research
    applied_window: {{from: 2021-09-01, to: {to}}}
    recognized_window: {{from: 2021-09-01, to: 2022-12-31}}
    phase_by: {phase_by}
    phases:
      - {{number: 1, name: Một, starts_at: 2021-09-01T00:00:00+07:00, ends_at: {change}}}
      - {{number: 2, name: Hai, starts_at: {change}, ends_at: 2023-10-01T00:00:00+07:00}}
    person_key: national_id
    duplicates: {{exact_scope: {exact}, near_scope: unit, near_threshold: 0.72}}
    refuse_ip_protected: {refuse_ip}
    lead_author_only: {lead_only}
"""
FIRST = {"version": 1, "holds_from": "2022-01-08T00:00:00+07:00", "most": 300, "blocks": "[{code: enterprise, name: Doanh nghiệp}]",
         "category": "worker", "to": "2022-09-01", "phase_by": "receipt", "change": "2022-06-01T00:00:00+07:00", "refuse_ip": "true",
         "lead_only": "true", "exact": "nation"}
SECOND = {**FIRST, "version": 2, "holds_from": "2022-06-01T00:00:00+07:00", "to": "2023-09-01"}
OTHER = [{**FIRST, "most": 250, "to": "2022-12-01", "blocks": "[{code: enterprise, name: D}, {code: public, name: C}]",
          "phase_by": "applied_on", "exact": "unit"},
         {**SECOND, "holds_from": "2022-05-01T00:00:00+07:00", "category": "labourer", "refuse_ip": "false", "lead_only": "false",
          "change": "2022-07-01T00:00:00+07:00"}]
UNITS = "code,name,level,parent_code,block,accepts\nVN,Gốc,0,,,0\n01,Hà Nội,1,VN,,1\n15,Yên Bái,1,VN,,1\n"


def pack(code, versions, closes="2023-10-01T00:00:00+07:00"):
    return PACK.format(code=code, closes=closes) + "".join(VERSION.format(**version) for version in versions)


def make(system, folder, code, versions):
    path = folder / f"{code}.yaml"
    path.write_text(pack(code, versions), encoding="utf-8")
    system.tool("campaign", "apply", str(path))
    units = folder / "units.csv"
    units.write_text(UNITS, encoding="utf-8")
    system.tool("units", "import", str(units), "--campaign", code)


def lines(replay, count):
    """Random ones, each rule met and missed; some are copies of an earlier one in the other province."""
    dice = random.Random(75)
    made = []
    for number in range(count):
        day = dice.choice(["2021-08-31", "2021-09-01", "2022-05-31", "2022-06-01", "2022-09-02", "2022-12-02", "2023-09-01"])
        fields = {"received_at": dice.choice(["2022-03-01", "2022-05-15", "2022-06-15", "2023-01-01"]) + "T08:00:00.%06d+07:00" % number,
                  "unit": dice.choice(["01", "15"]), "block": dice.choice(["enterprise", "enterprise", "public"]), "applied_on": day,
                  "category": dice.choice(["officer", "worker", "labourer", None]),
                  "description": text_of(f"true {number}", dice.choice([240, 250, 251, 300, 301])),
                  "kind": dice.choice([None, "technical", "research"]), "recognized_on": dice.choice([None, "2022-12-31", "2023-01-01"]),
                  "accepted_on": dice.choice([None, "2022-05-01"]), "ip_protected": dice.random() < 0.1,
                  "authors": dice.choice([1, 2]), "lead_author": dice.random() < 0.7}
        made.append(replay.line(**fields))
    for number in range(10):
        text = text_of(f"copied {number}", 200)
        for unit, at in (("01", "08"), ("15", "09")):
            made.append(replay.line(unit=unit, description=text, received_at=f"2022-03-02T{at}:00:{number:02}+07:00",
                                    applied_on="2022-01-01", category="officer"))
    return made


@pytest.fixture(scope="module")
def both(system, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    make(system, folder, "rehearsed", [FIRST, SECOND])
    make(system, folder, "other", OTHER)
    return [Replay(system, code, "2022-03-01T08:00:00+07:00", national_id="") for code in ("rehearsed", "other")]


def test_a_rehearsal_says_what_would_have_happened(system, both, tmp_path):
    rehearsed, other = both
    sent = lines(rehearsed, 300)
    before, after = rehearsed.verdicts(sent), other.verdicts(sent)
    moves, changed, units = collections.Counter(), 0, collections.Counter()
    for line, was, is_now in zip(sent, before, after):
        if was[0] != is_now[0]:
            changed += 1
            units[line["unit"]] += 1
            if was[0].split()[0] != is_now[0].split()[0]:
                moves[was[0].split()[0], is_now[0].split()[0]] += 1
    assert changed > 50 and moves["rejected", "counted"] > 0 and moves["counted", "rejected"] > 0 and moves["duplicate", "counted"] == 10
    path = tmp_path / "next.yaml"
    path.write_text(pack("rehearsed", OTHER), encoding="utf-8")
    found = json.loads(system.tool("campaign", "apply", str(path), "--dry-run", "--json").stdout)
    assert (found["looked_at"], found["would_change"]) == (len(sent), changed)
    assert {(move["from"], move["to"]): move["count"] for move in found["moves"]} == moves
    assert {row["unit"]: row["would_change"] for row in found["units"]} == units
    arises = {reason for was, is_now in zip(before, after) if was[0] != is_now[0] for reason in set(is_now[1:]) - set(was[1:])}
    assert {f"{row['code']} {row['field']}".strip() for row in found["reasons"] if row["arises"]} == arises
    system.assert_exact_copies_count_once(rehearsed.campaign)  # in the other they count once in each unit
    for replay in both:
        system.assert_one_verdict_each(replay.campaign)
        system.assert_board_is_recount(replay.campaign)
    system.assert_no_drift()
