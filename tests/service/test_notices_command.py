"""`sangkien notices`: the dead letters, and sending them again.

Would catch: a dead letter that only SQL can find or revive, one that is revived and given up at once because its old
attempts still count, a letter under way that is touched, personal data in a list.
"""
import json
import uuid

import pytest

from harness.small_system import CAMPAIGN, UNITS

DUE, SENT, DEAD = 0, 1, 2


@pytest.fixture
def letters(control, postgresql):
    """{state: id} of one row each."""
    control.do("campaign", "apply", control.write("c.yaml", CAMPAIGN.format(code="trial")))
    control.do("units", "import", control.write("u.csv", UNITS), "--campaign", "trial")
    ids = {}
    for state in (DUE, SENT, DEAD):
        ids[state] = str(uuid.uuid4())
        postgresql.query("INSERT INTO outbox (id, campaign_id, submission_id, event, channel, event_key, state, attempts, "
                         "last_error, next_at) VALUES (%s, 1, %s, 'verdict', 'sms', %s, %s, 12, %s, now() + interval '1 h')",
                         (ids[state], str(uuid.uuid4()), ids[state], state, "recipient 550" if state == DEAD else None))
    return ids


def state_of(postgresql, letter):
    return postgresql.query("SELECT state, attempts, forgiven, next_at <= now() FROM outbox WHERE id = %s", (letter,))[0]


def test_the_dead_letters_are_listed(control, letters):
    (letter,) = control.json("notices")["notices"]
    assert (letter["id"], letter["campaign"], letter["event"], letter["channel"], letter["state"], letter["attempts"],
            letter["error"]) == (letters[DEAD], "trial", "verdict", "sms", "dead", 12, "recipient 550")
    table = control.do("notices")
    assert letters[DEAD] in table and "550" in table and letters[DUE] not in table
    assert {row["state"] for row in control.json("notices", "--state", "all")["notices"]} == {"due", "sent", "dead"}
    assert json.loads(control.do("notices", "--json", "--campaign", "other")) == {"notices": []}


def test_one_is_sent_again_and_only_it(control, postgresql, letters):
    assert "1 will be sent again" in control.do("notices", "resend", letters[DEAD])
    assert state_of(postgresql, letters[DEAD]) == (DUE, 12, 12, True)
    assert state_of(postgresql, letters[DUE]) == (DUE, 12, 0, False)
    assert state_of(postgresql, letters[SENT]) == (SENT, 12, 0, False)
    for letter in (letters[DEAD], letters[SENT], str(uuid.uuid4())):
        code, _, complaint = control.run("notices", "resend", letter)
        assert code == 65 and letter in complaint


def test_all_of_a_campaign(control, postgresql, letters):
    assert "0 will" in control.do("notices", "resend", "--all", "--campaign", "other")
    assert "1 will" in control.do("notices", "resend", "--all")
    assert state_of(postgresql, letters[DEAD])[0] == DUE


@pytest.mark.parametrize("words", [(), ("x",), ("--all", "7a2b"), ("12",)])
def test_words_that_name_nothing_are_refused(control, words):
    assert control.run("notices", "resend", *words)[0] == 64
