"""The days of units, made from what was decided before there were any (deploy/schema/0003_days.sql).

Would catch: a day of another time zone, a person new on two days, an ancestor without its share.
"""
import datetime
import glob
import os

import pytest
from harness.process import ROOT


def schema(server, *numbers):
    for number in numbers:
        with open(glob.glob(os.path.join(ROOT, "deploy", "schema", f"{number}_*.sql"))[0], encoding="utf-8") as file:
            server.query(file.read(), user="sk_owner")


@pytest.fixture
def before(empty_postgresql):
    """Three units in a line and a neighbour, and decided submissions of three people."""
    server = empty_postgresql
    schema(server, "0001", "0002")
    server.query("INSERT INTO campaign VALUES (1, 'c', '', '')")
    server.query("INSERT INTO unit VALUES (1, 1, 'VN', 'VN', 0, 0, 0, false), (1, 2, 'A', 'A', 1, 1, 0, true), "
                 "(1, 3, 'B', 'B', 3, 2, 0, true), (1, 4, 'C', 'C', 1, 1, 0, true)")
    rows = [(3, "lan", "2022-05-31T16:59:59Z", 1, 2), (3, "lan", "2022-05-31T17:00:00Z", 2, 2),
            (4, "lan", "2022-05-30T12:00:00Z", 1, 2), (2, "mai", "2022-05-31T10:00:00Z", 0, 2),
            (2, "mai", "2022-06-01T10:00:00Z", 2, 2), (3, "tú", "2022-05-31T10:00:00Z", 1, 3)]
    for number, (unit, person, at, phase, status) in enumerate(rows):
        name = f"00000000-0000-0000-0000-{number:012}"
        server.query("INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, "
                     "has_national_id) VALUES (%s, 1, %s, %s, %s, '', 1, '', false)",
                     (name, unit, at, person.encode().ljust(16)))
        server.query("INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, "
                     "decided_at) VALUES (%s, 1, 1, %s, 2, %s, 1, now())", (name, unit, phase))
        if status != 2:
            server.query("INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, "
                         "rules_version, decided_by, decided_at) VALUES (%s, 2, 1, %s, %s, %s, 1, 1, now())",
                         (name, unit, status, phase))
    return server


def test_what_was_counted_before_has_its_days(before):
    schema(before, "0003")
    may_30, may_31, june_1 = (datetime.date(2022, 5, 30), datetime.date(2022, 5, 31), datetime.date(2022, 6, 1))
    found = before.query("SELECT unit_id, day, phase, counted::int, people::int, newcomers::int FROM unit_day "
                         "ORDER BY unit_id, day, phase")
    assert found == [
        (1, may_30, 1, 1, 1, 1),  # Lan's first, in C
        (1, may_31, 0, 1, 0, 1),  # Mai's first, in no phase
        (1, may_31, 1, 1, 0, 0),
        (1, june_1, 2, 2, 2, 0),
        (2, may_31, 0, 1, 0, 1),
        (2, may_31, 1, 1, 1, 1),
        (2, june_1, 2, 2, 2, 0),
        (3, may_31, 1, 1, 1, 1),
        (3, june_1, 2, 1, 1, 0),
        (4, may_30, 1, 1, 1, 1),
    ]
    assert before.query("SELECT unit_id, phase, day, counted FROM participation WHERE person = %s ORDER BY 1, 2, 3",
                        (b"lan".ljust(16),)) == [(3, 1, may_31, 1), (3, 2, june_1, 1), (4, 1, may_30, 1)]
