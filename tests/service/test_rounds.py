"""People of rounds (R19, R20) when the plan of a campaign that runs changes its rounds.

Would catch: people of days that are no more in the round, of a round that is gone, or none of what was counted before the
round was; a plan that is applied again and makes everybody count anew.
"""
import datetime
import json
import re

from test_moves import FIRST_DAY, Books

PLAN = "campaign: trial\nrounds:\n{rounds}quotas:\n  - {{unit: VN, people: {{round_1: 20}}}}\n"
UNTIL = datetime.date(2023, 11, 4)


def round_line(number, first, last):
    return f"  - {{number: {number}, name: R, from: {first}, to: {last}}}\n"


def people(books, root="VN"):
    """{round: people of the root}, counted here."""
    rounds = books.server.query("SELECT number, first_day, last_day FROM quota_round")
    return {number: len({bytes(person) for _, _, status, person, day in books.rows() if status == 2 and first <= day <= last})
            for number, first, last in rounds}


def stored(books):
    return dict(books.server.query("SELECT round, sum(people)::int FROM unit_round JOIN unit u ON u.id = unit_id "
                                   "WHERE u.parent_id = 0 GROUP BY 1"))


def test_rounds_that_change_are_counted_anew(control, postgresql, redis_of_control):
    assert redis_of_control
    books = Books(control, postgresql)
    books.decide(60)
    books.assert_exact()
    for rounds in ([(FIRST_DAY, FIRST_DAY)], [(FIRST_DAY, FIRST_DAY), (FIRST_DAY, UNTIL)], []):
        lines = "".join(round_line(number, *days) for number, days in enumerate(rounds, 1))
        text = PLAN.format(rounds=lines) if rounds else "campaign: trial\nquotas: []\n"
        plan, version = control.write("q.yaml", text), books.tree_version()
        control.do("quotas", "apply", plan, "--campaign", "trial")
        assert stored(books) == people(books) and len(stored(books)) == len(rounds)
        books.assert_exact()
        assert books.tree_version() == version + 1
        state = books.everything()
        control.do("quotas", "apply", plan, "--campaign", "trial")
        assert books.everything() == state


def test_what_an_old_quota_left_out_is_counted_anew(control, postgresql, redis_of_control):
    """Between migration 0017 and its restart a quota of before it counts nobody in rounds."""
    assert redis_of_control
    books = Books(control, postgresql)
    books.decide(60)
    state, right = books.everything(), postgresql.query("SELECT * FROM unit_round WHERE people <> 0 ORDER BY 1, 2, 3, 4")
    assert len(right) > 4
    postgresql.query("DELETE FROM unit_round WHERE unit_id IN (1, 2)")
    postgresql.query("UPDATE unit_round SET people = people + 3 WHERE unit_id = 5")
    code, output, _ = control.run("audit", "--json", "--wait", "0")
    wrong = {(row["check"], row["unit"]) for row in json.loads(output)["rows"] if row["check"] != "board"}
    assert code == 1 and wrong == {("rounds", "VN"), ("rounds", "25"), ("rounds", "25.1")}
    said = control.do("rebuild-rounds")
    assert re.fullmatch(r"trial: people of rounds counted anew, [1-9]\d* rows were wrong\n", said), said
    assert books.everything() == state
    books.assert_exact()
    assert control.do("rebuild-rounds", "trial") == "trial: people of rounds counted anew, 0 rows were wrong\n"
    assert control.run("rebuild-rounds", "nowhere")[0] == 65
