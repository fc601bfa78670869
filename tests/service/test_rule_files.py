"""Rule packs and quota plans as files: what the JSON Schemas say and what the operators' tool says.

Would catch: a schema that an editor trusts and the tool does not; a fault without its file, line and remedy; a faulty file
of which anything is applied.
"""
import glob
import itertools
import os
import re
import textwrap

import pytest

pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
from harness.control import Control  # noqa: E402
from harness.rule_files import FOLDER, fault  # noqa: E402

PACK = """code: trial
name: {vi: Thử, en: Trial}
opens_at: 2022-01-08T00:00:00+07:00
closes_at: 2023-10-01T00:00:00+07:00
versions:
  - version: 1
    holds_from: 2022-01-01T00:00:00+07:00
    description_characters_max: 2000
    fields:
      required: [national_id, applied_on]
      offered: [kind]
    categories:
      - {code: officer, name: {vi: Cán bộ, en: Officer}}
    kinds:
      - {code: technical, name: Kỹ thuật}
      - {code: research, name: Đề tài}
    research_kind: research
    applied_window: {from: 2021-09-01, to: 2022-09-01}
    phases:
      - {number: 1, name: Đợt 1, starts_at: 2022-01-08T00:00:00+07:00, ends_at: 2022-06-01T00:00:00+07:00}
      - {number: 2, name: Đợt 2, starts_at: 2022-06-01T00:00:00+07:00, ends_at: 2023-10-01T00:00:00+07:00}
    person_key: national_id
    duplicates: {exact_scope: nation, near_scope: top, near_threshold: 0.72}
    target: 1000000
  - version: 2
    holds_from: 2022-06-01T00:00:00+07:00
    description_characters_max: 2000
    fields: {required: [national_id]}
    person_key: national_id
    duplicates: {exact_scope: unit, near_scope: unit, near_threshold: 1}
notices:
  channels:
    - {name: mail, kind: smtp, url: "smtp://gateway.example.vn:587", from: a@example.vn, to: "{phone}@sms.example.vn"}
    - {name: hook, kind: webhook, url: "https://example.vn/hook", secret: hook}
    - name: sms
      kind: http
      url: https://example.vn/send
      headers: {Authorization: "Bearer {secret}"}
      form: {to: "{phone}", text: "{short}"}
      success: {status: {from: 200, to: 201}, field: code, matches: "^0$"}
  send: {receipt: sms, verdict: mail}
  quiet_hours: {from: "21:30", to: "07:00"}
"""
GOOD = {  # what -> by what
    "target: 1000000": ("target: 0", "lead_author_only: false", "refuse_ip_protected: true", "phase_by: applied_on",
                        "support: Hãy hỏi", "support: {vi: Hãy hỏi, en: Ask}", "rate_limit: {submissions: 5, seconds: 60}",
                        "recognized_window: {from: 2021-09-01, to: 2022-12-31}",
                        "blocks: [{code: enterprise, name: {vi: Doanh nghiệp}}]"),
    "near_threshold: 0.72": ("near_threshold: 1", "near_threshold: 0.72, review_threshold: 0.6",
                             "near_threshold: 0.72, weighting: {prior: 500, power: 2, cold_start_margin: 0}",
                             "near_threshold: 0.72, weighting: {power: 1.5}"),
    "2022-01-08T00:00:00+07:00": ("2022-01-07T17:00:00Z", "2022-01-08T00:00:00.25+07:00"),
    "name: {vi: Thử, en: Trial}": ("name: Thử",),
    "      form: {to: \"{phone}\", text: \"{short}\"}": ("      json: '{\"to\": \"{phone}\"}'", "      method: GET"),
    "quiet_hours:": ("language: vi\n  weekly_on: friday\n  weekly_at: 17:00\n  quiet_hours:",),
}
BAD = {  # what, by what -> its line, and words of the complaint
    ("code: trial", "kode: trial"): (1, "unknown key"),
    ("code: trial\n", ""): (1, '"code" is missing'),
    ("code: trial", "code: Trial 1"): (1, "is no code"),
    ("name: {vi: Thử, en: Trial}", "name: {en: Trial}"): (2, '"vi" is missing'),
    ("name: {vi: Thử, en: Trial}", 'name: ""'): (2, "an empty text"),
    ("2022-01-08T00:00:00+07:00", "2022-01-08"): (3, "is no instant"),
    ("2022-01-08T00:00:00+07:00", "2022-02-30T00:00:00+07:00"): (3, "is no instant"),
    ("2022-01-08T00:00:00+07:00", "2022-01-08T00:00:00"): (3, "is no instant"),
    ("versions:", "extra: 1\nversions:"): (5, "unknown key"),
    ("version: 1", "version: 0"): (6, "out of range"),
    ("version: 1", "version: one"): (6, "out of range"),
    ("_max: 2000", "_max: 0"): (8, "out of range"),
    ("_max: 2000", "_max: 20001"): (8, "out of range"),
    ("_max: 2000", "_max: 99.5"): (8, "out of range"),
    ("[kind]", "kind"): (11, "not a list"),
    ("[kind]", "[kint]"): (11, "is not known here"),
    ("{code: officer, name: {vi: Cán bộ, en: Officer}}", "{code: officer}"): (13, '"name" is missing'),
    ("from: 2021-09-01", "from: 2021-09-31"): (18, "is no day"),
    ("applied_window: {from: 2021-09-01, to: 2022-09-01}", "applied_window: {from: 2021-09-01}"): (18, '"to" is missing'),
    ("number: 1, name: Đợt 1", "number: 0, name: Đợt 1"): (20, "out of range"),
    ("person_key: national_id", "person_key: shoe_size"): (22, "is not known here"),
    ("person_key: national_id", "person_key: phone"): (22, "a person is the national_id"),
    ("exact_scope: nation", "exact_scope: world"): (23, "is not known here"),
    ("near_threshold: 0.72", "near_threshold: 1.01"): (23, "out of range"),
    ("near_threshold: 0.72", "near_threshold: 0"): (23, "every text a duplicate"),
    ("near_threshold: 0.72", "near_threshold: -0.5"): (23, "out of range"),
    ("near_threshold: 0.72", "near_threshold: 0.72, review_threshold: 1.5"): (23, "out of range"),
    ("near_threshold: 0.72", "near_threshold: 0.72, weighting: {prior: 0}"): (23, "out of range"),
    ("near_threshold: 0.72", "near_threshold: 0.72, weighting: {power: 9}"): (23, "out of range"),
    ("near_threshold: 0.72", "near_threshold: 0.72, weighting: {cold_start_margin: -1}"): (23, "out of range"),
    ("near_threshold: 0.72", "near_threshold: 0.72, weighting: {powre: 2}"): (23, "unknown key"),
    (", near_threshold: 0.72", ""): (23, '"near_threshold" is missing'),
    ("target: 1000000", "target: -1"): (24, "out of range"),
    ("target: 1000000", "target: many"): (24, "out of range"),
    ("target: 1000000", "lead_author_only: yes"): (24, "neither"),
    ("target: 1000000", "rate_limit: {submissions: 5}"): (24, '"seconds" is missing'),
    ("target: 1000000", "phase_by: moon"): (24, "is not known here"),
    ("target: 1000000", "blocks: [{code: army, name: Quân đội}]"): (24, "is no block"),
    ("target: 1000000", "blocks: []"): (24, "no block could take part"),
    ("target: 1000000", "target: 1\n    target: 2"): (25, "given twice"),
    ("fields: {required: [national_id]}", "fields: {required: [national_id, kind]}"): (28, "there are no kinds"),
    ("fields: {required: [national_id]}", "fields: {required: [national_id, category]}"): (28, "there are no categories"),
    ("fields: {required: [national_id]}", "fields: {required: [national_id]}\n    phase_by: applied_on"): (29, "need the date"),
    ("fields: {required: [national_id]}", "fields: {required: [national_id]}\n    research_kind: research"): (29, "none of the kinds"),
    ("kind: smtp", "kind: fax"): (33, "is not known here"),
    ("from: a@example.vn, ", ""): (33, "no address"),
    ("smtp://gateway", "ftp://gateway"): (33, "is no such URL"),
    ("to: \"{phone}@sms.example.vn\"", "user: me"): (33, "give both or none"),
    ("https://example.vn/hook", "http://example.vn/hook"): (34, "in the clear"),
    (", secret: hook", ""): (34, "a webhook is signed"),
    ("secret: hook", "secret: hook, method: PUT"): (34, "kind http"),
    ("      kind: http", "      kind: http\n      from: a@example.vn"): (35, "kind smtp"),
    ("      form:", "      method: GET\n      form:"): (35, "GET has no body"),
    ("      form:", "      json: '{}'\n      form:"): (35, "two bodies"),
    ("to: 201", "to: 301"): (40, "no range of success"),
    (", matches: \"^0$\"", ""): (40, "add \"matches\""),
    ("verdict: mail", "monthly: mail"): (41, "unknown key"),
    ("21:30", "24:30"): (42, "no time of day"),
    ("versions:\n", "versions: []\nversion:\n"): (5, "no version of the rules"),
}
# What stands between two places of a file; a schema cannot say it.
BETWEEN = {
    ("closes_at: 2023-10-01", "closes_at: 2022-01-08"): (4, "the campaign closes before it opens"),
    ("starts_at: 2022-06-01", "starts_at: 2022-05-31"): (21, "phase 2 overlaps phase 1"),
    ("number: 2", "number: 3"): (21, "phase number 3"),
    ("ends_at: 2022-06-01", "ends_at: 2022-01-08"): (20, "the phase ends before it starts"),
    ("holds_from: 2022-06-01", "holds_from: 2022-01-01"): (26, "hold from the same instant"),
    ("holds_from: 2022-06-01", "holds_from: 2021-01-01"): (26, "an earlier instant"),
    ("holds_from: 2022-01-01", "holds_from: 2022-01-09"): (7, "no rules hold at the opening"),
    ("version: 2", "version: 1"): (25, "version 1 after version 1"),
    ("research_kind: research", "research_kind: reserch"): (17, "is none of the kinds"),
    ("code: research", "code: technical"): (16, "is given twice"),
    ("from: 2021-09-01", "from: 2022-09-02"): (18, "the window ends before it begins"),
    ("verdict: mail", "verdict: fax"): (41, "there is no channel"),
    ("verdict: mail", "weekly: fax"): (41, "there is no channel"),
    ("name: hook", "name: mail"): (34, "is given twice"),
    ("to: \"07:00\"", "to: \"21:30\""): (42, "when they begin"),
    ("near_threshold: 0.72", "near_threshold: 0.5, review_threshold: 0.6"): (23, "above near_threshold"),
}
LINE = re.compile(r"^(.+):(\d+): .+[;,] .+$")


@pytest.fixture(scope="module")
def tool(shared_postgresql):
    return Control(shared_postgresql.directory)


def changed(text, what, by):
    assert what in text, what
    return text.replace(what, by, 1)


def state(server):
    return server.query("SELECT (SELECT count(*) FROM campaign), (SELECT count(*) FROM campaign_history), "
                        "(SELECT version FROM reference_version), (SELECT count(*) FROM quota_plan)")


def test_files_of_the_repository_fit_their_schemas():
    paths = sorted(glob.glob(os.path.join(FOLDER, "*.yaml")))
    assert len(paths) >= 6
    for path in paths:
        with open(path, encoding="utf-8") as file:
            assert fault("quota-plan" if path.endswith(".quotas.yaml") else "rule-pack", file.read()) is None, path


def test_the_example_of_the_readme_fits(tool):
    with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    begin = lines.index("    notices:")
    example = "\n".join(itertools.takewhile(lambda line: line.startswith("    "), lines[begin:]))
    text = PACK[:PACK.index("notices:")] + textwrap.dedent(example) + "\n"
    assert fault("rule-pack", text) is None
    tool.do("campaign", "apply", tool.write("good.yaml", text), "--dry-run")


def test_schema_and_tool_take_the_same_packs(tool):
    for what, others in GOOD.items():
        for by in others:
            text = changed(PACK, what, by)
            assert fault("rule-pack", text) is None, by
            code, _, complaints = tool.run("campaign", "apply", tool.write("good.yaml", text), "--dry-run")
            assert code == 0, (by, complaints)


def refused(tool, text, line, words):
    path = tool.write("bad.yaml", text)
    code, output, complaints = tool.run("campaign", "apply", path)
    assert code == 65 and output == "", (words, code, complaints)
    lines = complaints.splitlines()
    for one in lines:  # each says file, line, what, and how to mend
        assert LINE.match(one) and one.startswith(path + ":"), one
    assert any(one.startswith(f"{path}:{line}: ") and words in one for one in lines), (line, words, complaints)


def test_schema_and_tool_refuse_the_same_packs(tool, shared_postgresql):
    before = state(shared_postgresql)
    for (what, by), (line, words) in BAD.items():
        text = changed(PACK, what, by)
        assert fault("rule-pack", text) is not None, by
        refused(tool, text, line, words)
    assert state(shared_postgresql) == before


def test_what_does_not_agree_is_refused_with_its_line(tool, shared_postgresql):
    before = state(shared_postgresql)
    for (what, by), (line, words) in BETWEEN.items():
        refused(tool, changed(PACK, what, by), line, words)
    for text, line, words in (("", 1, "the file is empty"), ("# nothing\n", 1, "the file is empty"), ("code: [1\n", 2, "correct the YAML"),
                              ("code: \x07\n", 1, "correct the YAML"), (PACK + "---\ncode: b\n", PACK.count("\n") + 2, "a second document")):
        refused(tool, text, line, words)
    assert state(shared_postgresql) == before


# Quota plans -----------------------------------------------------------------------------------------------------------
PLAN = """campaign: demo
rounds:
  - {number: 1, name: {vi: Tháng về đích}, from: 2023-08-01, to: 2023-08-31}
quotas:
  - unit: "01"
    initiatives: {all: 10, phase_1: 4, round_1: 2}
    people: {all: 3}
  - each: {below: 01.018.DN, level: grassroots, block: enterprise, except: [01.018.LIXIL]}
    expect: 158
    initiatives_per_member: {all: 0.5}
    percent_of_members: {phase_1: 6.25}
"""
BAD_PLANS = {
    ("campaign: demo\n", ""): '"campaign" is missing',
    ("quotas:", "quota:"): "unknown key",
    ('unit: "01"', 'unit: "01"\n    speed: 1'): "unknown key",
    ("all: 10", "all: 0"): "is no target",
    ("all: 10", "all: -1"): "is no target",
    ("all: 10", "all: ten"): "is no target",
    ("phase_1: 4,", "phase_0: 4,"): "there is no period",
    ("people: {all: 3}", "people: {round_0: 3}"): "there is no period",
    ("{all: 0.5}", "{all: 0}"): "out of range",
    ("6.25", "101"): "out of range",
    ("level: grassroots", "level: village"): "is no level",
    ("block: enterprise", "block: army"): "is no block",
    ("number: 1,", "number: 0,"): "out of range",
    ("from: 2023-08-01", "from: 2023-08-32"): "is no day",
    ('  - unit: "01"\n', '  - expect: 3\n'): "write one of them",
    ("    people: {all: 3}\n", "    people: {all: 3}\n    expect: 3\n"): "is of a group",
    ("    initiatives: {all: 10, phase_1: 4, round_1: 2}\n    people: {all: 3}\n", ""): "a rule without a target",
    ("campaign: demo", "campaign: demo\ncampaign: demo"): "given twice",
}
# What only the tool can know.
UNKNOWN_TO_SCHEMA = {
    ('unit: "01"', 'unit: "99.9"'): "there is no unit",
    ("below: 01.018.DN", "below: 01.018.NO"): "there is no unit",
    ("phase_1: 4,", "phase_7: 4,"): "there is no period",
    ("to: 2023-08-31", "to: 2023-07-31"): "the round ends before it begins",
    ("campaign: demo", "campaign: other"): "a plan for",
}


@pytest.fixture(scope="module")
def with_demo(tool):
    tool.do("campaign", "apply", os.path.join(FOLDER, "demo.yaml"))
    tool.do("units", "import", os.path.join(FOLDER, "..", "units", "national.csv"), "--campaign", "demo")
    return tool


def test_schema_and_tool_agree_on_plans(with_demo, shared_postgresql):
    before = state(shared_postgresql)
    for text in (PLAN, changed(PLAN, 'unit: "01"', "unit: 01"), changed(PLAN, "{all: 0.5}", "{all: 100}")):
        assert fault("quota-plan", text) is None
        path = with_demo.write("plan.yaml", text)
        code, _, complaints = with_demo.run("quotas", "apply", path, "--campaign", "demo", "--dry-run")
        assert code == 0, complaints
    for table, schema_refuses in ((BAD_PLANS, True), (UNKNOWN_TO_SCHEMA, False)):
        for (what, by), words in table.items():
            text = changed(PLAN, what, by)
            assert (fault("quota-plan", text) is not None) == schema_refuses, by
            path = with_demo.write("bad.yaml", text)
            code, output, complaints = with_demo.run("quotas", "apply", path, "--campaign", "demo")
            assert code == 65 and output == "" and words in complaints, (by, code, complaints)
            for one in complaints.splitlines():
                assert LINE.match(one) and one.startswith(path + ":"), one
    assert state(shared_postgresql) == before
