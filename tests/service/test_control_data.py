"""Would catch: half a campaign or half a unit tree in force; a unit that changes its id; a token that can be read back."""
import hashlib
import json

import pytest
from harness.small_system import CAMPAIGN, UNITS


def campaigns(server):
    return server.query("SELECT id, code FROM campaign ORDER BY id")


def version(server):
    return server.query("SELECT version FROM reference_version")[0][0]


def units(server):
    return {code: (number, parent, name) for number, code, parent, name in
            server.query("SELECT id, code, parent_id, name FROM unit")}


@pytest.fixture
def trial(control):
    control.do("campaign", "apply", control.write("c.yaml", CAMPAIGN.format(code="trial")))


# Campaigns -------------------------------------------------------------------------------------------------------------
def test_a_campaign_is_in_force_with_its_history_and_board(control, postgresql):
    text = CAMPAIGN.format(code="trial")
    path = control.write("c.yaml", text)
    assert "trial: in force" in control.do("campaign", "apply", path)
    assert campaigns(postgresql) == [(1, "trial")] and version(postgresql) == 2
    assert postgresql.query("SELECT source, sha256 FROM campaign_history")[0][0] == text
    assert postgresql.query("SELECT sha256 FROM campaign")[0][0].tobytes() == hashlib.sha256(text.encode()).digest()
    assert postgresql.query("SELECT campaign_id, version FROM board") == [(1, 0)]
    assert "in force already" in control.do("campaign", "apply", path)
    assert version(postgresql) == 2 and postgresql.query("SELECT count(*) FROM campaign_history") == [(1,)]


def test_a_changed_campaign_keeps_its_id(control, postgresql, trial):
    control.do("campaign", "apply", control.write("d.yaml", CAMPAIGN.format(code="other")))
    control.do("campaign", "apply", control.write("c.yaml", CAMPAIGN.format(code="trial").replace("2000", "1000")))
    assert campaigns(postgresql) == [(1, "trial"), (2, "other")] and version(postgresql) == 4
    assert postgresql.query("SELECT count(*) FROM campaign_history WHERE campaign_id = 1") == [(2,)]
    listed = control.json("campaign", "list")["campaigns"]
    assert [(entry["code"], entry["open"], entry["units"]) for entry in listed] == [("trial", True, 0), ("other", True, 0)]
    assert "trial" in control.do("campaign", "list")


def test_a_faulty_campaign_changes_nothing_and_names_the_line(control, postgresql):
    path = control.write("c.yaml", CAMPAIGN.format(code="trial").replace("person_key: phone", "person_key: shoe size"))
    code, _, complaints = control.run("campaign", "apply", path)
    assert code == 65 and f"{path}:12:" in complaints
    assert campaigns(postgresql) == [] and version(postgresql) == 1
    assert control.run("campaign", "apply", "/nonexistent")[0] == 66
    assert control.run("campaign", "apply")[0] == 64


def test_people_are_never_counted_by_two_keys(control, postgresql, trial):
    changed = control.write("d.yaml", CAMPAIGN.format(code="trial").replace(
        "person_key: phone", "person_key: national_id\n    fields: {required: [national_id]}"))
    postgresql.query("UPDATE board SET version = 1")
    code, _, complaints = control.run("campaign", "apply", changed)
    assert code == 65 and "person_key" in complaints
    postgresql.query("UPDATE board SET version = 0")
    control.do("campaign", "apply", changed)


# Units -----------------------------------------------------------------------------------------------------------------
def import_units(control, text, *words):
    return control.run("units", "import", control.write("u.csv", text), "--campaign", "trial", *words)


def test_units_keep_their_ids_and_new_ones_come_after(control, postgresql, trial):
    assert import_units(control, UNITS)[:2] == (0, "trial: 5 units, 5 of them new or changed\n")
    before = units(postgresql)
    assert before["VN"][:2] == (1, 0) and before["01.1"][1] == before["01"][0]
    lines = UNITS.splitlines()
    shuffled = [lines[0], '01.0,"Công đoàn ""O"", mới",3,01,,1'] + lines[:0:-1]
    assert import_units(control, "\ufeff" + "\r\n".join(shuffled).replace("Hà Nội", "Thủ đô Hà Nội"))[0] == 0
    after = units(postgresql)
    assert {code: row[:2] for code, row in after.items() if code != "01.0"} == \
        {code: row[:2] for code, row in before.items()}
    assert after["01.0"] == (6, before["01"][0], 'Công đoàn "O", mới') and after["01"][2] == "Thủ đô Hà Nội"
    assert version(postgresql) == 4
    assert "0 of them" in import_units(control, "\n".join(shuffled).replace("Hà Nội", "Thủ đô Hà Nội"))[1]
    assert version(postgresql) == 4


FAULTS = {
    "an unknown parent": ("01.3,X,3,99,,1", "u.csv:7: there is no unit with the parent's code '99'"),
    "a code that stands twice": ("01.1,X,3,01,,1", "u.csv:7: a code stands twice: '01.1'"),
    "a level that is none": ("01.3,X,9,01,,1", "u.csv:7: a level is"),
    "a block that is none": ("01.3,X,3,01,army,1", "u.csv:7: a block is"),
    "accepts that is neither": ("01.3,X,3,01,,maybe", "u.csv:7: accepts is 0 or 1"),
    "no name": ("01.3,,3,01,,1", "u.csv:7: a name is missing"),
    "a cell too few": ("01.3,X,3,01,", "u.csv:7: another number of cells"),
    "a second root": ("US,X,0,,,1", "u.csv:7: there is a root already"),
    "a circle": ("a,X,3,b,,1\nb,X,3,a,,1", "u.csv:7: it stands below itself; give one of that circle a parent outside it: 'a'"),
    "one below itself": ("a,X,3,a,,1", "u.csv:7: it stands below itself"),
    "one that hangs on a circle": ("z,X,4,c10,,1\n" + "\n".join(f"c{n},X,3,c{(n + 1) % 20},,1" for n in range(20)),
                                   "u.csv:8: it stands below itself; give one of that circle a parent outside it: 'c0'"),
    "a tree too deep": ("\n".join(f"d{n},X,4,{f'd{n - 1}' if n else '01.1'},,1" for n in range(9)),
                        "u.csv:12: it stands deeper than a tree goes; give it or one above it a higher parent: 'd5'"),
    "an open quote": ('01.3,"X,3,01,,1', "u.csv:7: a quote that does not end"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_tree_changes_nothing(control, postgresql, trial, name):
    row, complaint = FAULTS[name]
    code, _, complaints = import_units(control, UNITS + row + "\n")
    assert code == 65 and complaint in complaints
    assert units(postgresql) == {} and version(postgresql) == 2


def test_units_are_never_removed_nor_moved_once_counted(control, postgresql, trial):
    assert import_units(control, UNITS)[0] == 0
    code, _, complaints = import_units(control, UNITS.replace("15,Yên Bái,1,VN,,1\n", ""))
    assert code == 65 and "'15'" in complaints and "never removed" in complaints
    moved = UNITS.replace("01.2,Công đoàn B,3,01", "01.2,Công đoàn B,3,15")
    assert import_units(control, moved)[0] == 0
    postgresql.query("INSERT INTO unit_total (campaign_id, unit_id, phase) VALUES (1, 4, 0)")
    code, _, complaints = import_units(control, UNITS)
    assert code == 65 and "it cannot move: '01.2'" in complaints
    assert import_units(control, moved)[0] == 0


def test_units_of_a_campaign_that_is_not_there(control):
    code, _, complaints = import_units(control, UNITS)
    assert code == 65 and "no campaign 'trial'" in complaints
    assert control.run("units", "import", "/nonexistent", "--campaign", "trial")[0] == 66
    assert control.run("units", "import", control.write("u.csv", UNITS))[0] == 64


# Tokens ----------------------------------------------------------------------------------------------------------------
def test_a_token_is_shown_once_and_kept_hashed(control, postgresql, trial):
    assert import_units(control, UNITS)[0] == 0
    made = json.loads(control.do("token", "create", "--role", "officer", "--unit", "01", "--days", "3", "--label",
                                 "Bà Lan", "--json"))
    digest = hashlib.blake2b(made["token"].encode(), digest_size=32).digest()
    stored = postgresql.query("SELECT id::text, secret_hash, role, campaign_id, unit_id, label, "
                              "round(extract(epoch FROM expires_at - now()) / 86400) FROM token")
    number = units(postgresql)["01"][0]
    assert [(row[0], row[1].tobytes(), *row[2:6], int(row[6])) for row in stored] == \
        [(made["id"], digest, "officer", 1, number, "Bà Lan", 3)]
    assert len(made["token"]) >= 43
    listed = control.do("token", "list")
    assert made["id"] in listed and made["token"] not in listed and "valid" in listed
    control.do("token", "revoke", made["id"])
    assert control.json("token", "list")["tokens"][0]["state"] == "revoked"
    postgresql.query("UPDATE token SET revoked_at = NULL, expires_at = now() - interval '1 day'")
    assert control.json("token", "list")["tokens"][0]["state"] == "expired"


def test_a_token_for_nothing_is_refused(control, postgresql, trial):
    assert import_units(control, UNITS)[0] == 0
    assert control.run("token", "create")[0] == 64
    assert control.run("token", "create", "--role", "king")[0] == 64
    assert control.run("token", "create", "--role", "officer", "--days", "0")[0] == 64
    assert control.run("token", "create", "--role", "officer", "--unit", "99")[0] == 65
    assert control.run("token", "create", "--role", "officer", "--campaign", "none")[0] == 65
    assert control.run("token", "revoke", "not-an-id")[0] == 64
    assert control.run("token", "revoke", "00000000-0000-0000-0000-000000000000")[0] == 65
    control.do("campaign", "apply", control.write("d.yaml", CAMPAIGN.format(code="other")))
    control.do("units", "import", control.write("u.csv", UNITS), "--campaign", "other")
    code, _, complaints = control.run("token", "create", "--role", "officer", "--unit", "01")
    assert code == 65 and "trial other" in complaints
    assert postgresql.query("SELECT count(*) FROM token") == [(0,)]
