"""Would catch: an audit that overlooks a row of the log of reviews that was changed, added, moved, or taken out of its
middle or from its end."""
import json
import struct
import uuid
from hashlib import blake2b

import pytest
from harness.small_system import A, COUNTED, REJECTED, REVOKED

TOKEN = uuid.UUID(int=999)
AT = 1700000000


def number(value):
    return struct.pack("<Q", value)


def link(previous, row, at, token, submission, revision, before, after, act, reason):
    """The hash as services/quota writes it, here in other words."""
    texts = b"".join(number(len(text.encode())) + text.encode() for text in (act, reason))
    return blake2b(previous + number(row) + number(at) + token.bytes + submission.bytes + number(1) + number(revision) +
                   number(before) + number(after) + texts, digest_size=32).digest()


@pytest.fixture
def reviewed(world, redis_of_control):
    """Five submissions were counted, and revoked by a person."""
    previous, world.rows = bytes(32), []
    for row in range(1, 6):
        name = world.submit(A, "lan", f"văn bản {row}", COUNTED)
        world.run("INSERT INTO decision SELECT submission_id, 2, campaign_id, unit_id, 5, phase, rules_version, '', NULL, NULL, "
                  "1, to_timestamp(%s) FROM decision WHERE submission_id = %s", AT + row, name)
        world.run("UPDATE unit_total SET counted = counted - 1, revoked = revoked + 1 WHERE unit_id IN (1, 2, 3) "
                  "AND phase IN (0, 1)")
        world.counted.pop()
        now = link(previous, row, (AT + row) * 1000000, TOKEN, uuid.UUID(name), 2, COUNTED, REVOKED, "revoke", "Trùng")
        world.run("INSERT INTO audit_log VALUES (%s, to_timestamp(%s), %s, 'revoke', 1, %s, 2, 2, 5, 'Trùng', %s, %s)",
                  row, AT + row, str(TOKEN), name, previous, now)
        previous = now
        world.rows.append((row, previous))
    world.run("UPDATE audit_head SET number = 5, hash = %s", previous)
    world.run("UPDATE participation SET counted = counted - 5 WHERE unit_id = 3 AND phase = 1")
    world.write_days()
    world.board_to(redis_of_control.client())
    return world


def audit(control):
    code, output, complaints = control.run("audit", "--json", "--wait", "1")
    assert code in (0, 1), complaints
    report = json.loads(output)
    return [(row["check"], row["what"]) for row in report["rows"]], report["log"]


def test_a_log_that_is_whole(control, reviewed):
    found, log = audit(control)
    assert found == [] and log == {"rows": 5, "head": reviewed.rows[-1][1].hex()}
    assert f"log of reviews: 5 rows, head {log['head']}" in control.do("audit")


TAMPERED = {
    "a reason": ("UPDATE audit_log SET reason = 'Khác' WHERE number = 3", ["row 3 was changed"]),
    "who": ("UPDATE audit_log SET token_id = submission_id WHERE number = 1", ["row 1 was changed"]),
    "when": ("UPDATE audit_log SET at = at + interval '1 microsecond' WHERE number = 5", ["row 5 was changed"]),
    "a row in the middle": ("DELETE FROM audit_log WHERE number = 3", ["row 3 is gone"]),
    "the first row": ("DELETE FROM audit_log WHERE number = 1", ["row 1 is gone"]),
    "the last rows": ("DELETE FROM audit_log WHERE number >= 4", ["row 4 is gone", "row 5 is gone"]),
    "all rows": ("DELETE FROM audit_log", [f"row {row} is gone" for row in range(1, 6)]),
    "the head": ("UPDATE audit_head SET number = 4", ["row 5 lies beyond the head"]),
    "the head's hash": ("UPDATE audit_head SET hash = decode(repeat('11', 32), 'hex')", ["row 5 is not what the head was set to"]),
    "the head itself": ("DELETE FROM audit_head", ["row 5 is the last, but the head is gone"]),
    "a row's hash": ("UPDATE audit_log SET hash = previous WHERE number = 2",
                     ["row 2 was changed", "row 3 does not follow the one before"]),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_named_by_its_number(control, reviewed, what):
    statement, expected = TAMPERED[what]
    reviewed.run(statement)
    found, _ = audit(control)
    assert [row for check, row in found if check == "audit_log"] == expected
    # A decision without its row, and the other way round, is found by the decisions too.
    assert ("reviews" in {check for check, _ in found}) == statement.startswith("DELETE FROM audit_log")


def test_a_row_forged_with_its_own_hash_does_not_fit_the_next(control, reviewed):
    (submission,), = reviewed.run("SELECT submission_id FROM audit_log WHERE number = 2")
    forged = link(reviewed.rows[0][1], 2, (AT + 2) * 1000000, TOKEN, uuid.UUID(submission), 2, COUNTED, REVOKED, "revoke", "Khác")
    reviewed.run("UPDATE audit_log SET reason = 'Khác', hash = %s WHERE number = 2", forged)
    assert audit(control)[0] == [("audit_log", "row 3 does not follow the one before")]


def test_a_decision_that_is_told_otherwise(control, reviewed):
    reviewed.run("UPDATE decision SET status = %s WHERE revision = 2 AND submission_id = (SELECT submission_id FROM audit_log "
                 "WHERE number = 4)", REJECTED)
    assert ("reviews", "row 4 revision 2") in audit(control)[0]
