"""Reviews through the public address: a reviewer counts, rejects and revokes, and every board, tracking and the log follow.

Would catch: a review that the edge does not lead to intake, one whose effect is not on every board or is there twice, two
reviewers who both decided, an answer that is wrong while quota is away, a token that reaches beyond its subtree.
"""
import json
import random
import threading

import pytest

from harness.texts import distinct_text
from harness.waiting import await_condition

PHONE = iter(f"09{n:08d}" for n in range(31000000, 32000000))
UNIT = "01.018.LIXIL"
PATH = ("", "01", "01.018", "01.018.DN")


class Reviewer:
    def __init__(self, system, *scope):
        self.system = system
        made = json.loads(system.tool("token", "create", "--role", "reviewer", "--json", *scope).stdout)
        self.id, self.secret = made["id"], made["token"]
        await_condition(lambda: self.decide("x", "count").status != 401, 15, "the token to be known")

    def decide(self, code, decision, reason="Đã kiểm tra"):
        """Sent again as the contract says where the system is too busy to answer: it is made once."""
        answers = []

        def answered():
            answers.append(self.decide_once(code, decision, reason))
            return answers[-1].status not in (503, 504)
        await_condition(answered, 60, "the review to be answered")
        return answers[-1]

    def decide_once(self, code, decision, reason):
        return self.system.request("POST", f"/v1/submissions/{code}/review",
                                   {"decision": decision, "reason": reason},
                                   {"Authorization": f"Bearer {self.secret}"})


@pytest.fixture(scope="module")
def lan(system):
    return Reviewer(system, "--campaign", "demo", "--unit", "01")


@pytest.fixture(scope="module")
def minh(system):
    return Reviewer(system, "--campaign", "demo")


def submit(system, **changes):
    fields = {"full_name": "Nguyễn Thị Lan", "phone": next(PHONE), "unit": UNIT, "block": "enterprise",
              "description": distinct_text(next(PHONE)), **changes}
    return system.decided("demo", fields)


def figures(system):
    """(counted, people) of the nation and of each unit above the submissions."""
    nation = system.board("demo")["total"]
    rows = {row["unit"]: row for parent in PATH
            for row in system.board("demo", limit=1000, **({"parent": parent} if parent else {}))["rows"]}
    return [(row["counted"], row["people"]) for row in [nation] + [rows[unit] for unit in (*PATH[1:], UNIT)]]


def expect(system, before, counted, people):
    should = [(was[0] + counted, was[1] + people) for was in before]
    await_condition(lambda: figures(system) == should, 15, f"{should} on the boards")


def test_revoke_count_reject_on_every_board_once(system, lan):
    before = figures(system)
    phone = next(PHONE)
    first, _ = submit(system, phone=phone), submit(system, phone=phone)
    expect(system, before, 2, 1)
    answer = lan.decide(first["tracking_code"], "revoke")
    assert answer.status == 200, answer.body
    status = answer.json()
    assert (status["status"], status["revision"], status["unit"]) == ("revoked", 2, UNIT)
    expect(system, before, 1, 1)
    tracked = system.get("/v1/submissions/" + first["tracking_code"]).json()
    assert tracked == {name: value for name, value in status.items() if name != "revision"}
    assert [step["status"] for step in tracked["history"]] == ["received", "counted", "revoked"]
    events = system.get("/v1/submissions/" + first["tracking_code"] + "/events").body.decode()
    assert '"status":"revoked"' in events
    assert lan.decide(first["tracking_code"], "revoke").json()["revision"] == 2
    assert lan.decide(first["tracking_code"], "count").json()["revision"] == 3
    expect(system, before, 2, 1)
    assert lan.decide(first["tracking_code"], "reject").json()["status"] == "rejected"
    expect(system, before, 1, 1)
    system.assert_no_drift()


def test_copies_of_a_revoked_original_and_a_counted_duplicate(system, lan):
    before = figures(system)
    text = distinct_text(next(PHONE))
    original, copy, other = (submit(system, description=text) for _ in range(3))
    assert [one["status"] for one in (original, copy, other)] == ["counted", "duplicate", "duplicate"]
    assert lan.decide(copy["tracking_code"], "count", "Khác nhau").json()["status"] == "counted"
    assert lan.decide(original["tracking_code"], "revoke", "Rút lại").json()["status"] == "revoked"
    now = system.get("/v1/submissions/" + other["tracking_code"]).json()
    assert now["status"] == "under_review" and [one["code"] for one in now["reasons"]] == ["original_revoked"]
    expect(system, before, 1, 1)
    system.assert_no_drift()


def test_two_reviewers_together(system, lan, minh):
    """Always one is answered 200 and the other 409 with what happened."""
    for _ in range(5):
        code = submit(system)["tracking_code"]
        start = threading.Barrier(2)
        answers = []

        def decide(who, code=code, start=start, answers=answers):
            start.wait()
            answers.append(who.decide(code, "revoke"))

        threads = [threading.Thread(target=decide, args=(who,)) for who in (lan, minh)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made, told = sorted(answers, key=lambda answer: answer.status)
        assert (made.status, told.status, told.json()["code"]) == (200, 409, "already_decided")
        current = told.json()["current"]
        assert (current["status"], current["revision"], current["decided_by"]) == ("revoked", 2, "reviewer")
    system.assert_no_drift()


def test_who_may_not(system, lan):
    code = submit(system)["tracking_code"]
    officer = json.loads(system.tool("token", "create", "--role", "officer", "--json").stdout)["token"]
    elsewhere = Reviewer(system, "--campaign", "demo", "--unit", "15")
    answer = elsewhere.decide(code, "revoke")
    assert (answer.status, answer.json()["code"]) == (403, "out_of_scope")

    def ask(secret):
        return system.request("POST", f"/v1/submissions/{code}/review", {"decision": "count", "reason": "x"},
                              {"Authorization": f"Bearer {secret}"} if secret else {})
    await_condition(lambda: ask(officer).status == 403, 15, "the officer's token to be known")
    assert (ask(None).status, ask("x").status) == (401, 401)
    assert lan.decide("00000-00000-00000-00000-00000-00", "count").status == 404
    assert system.get(f"/v1/submissions/{code}").json()["status"] == "counted"
    system.tool("token", "revoke", elsewhere.id)
    await_condition(lambda: elsewhere.decide(code, "revoke").status == 401, 15, "the revoked token to be refused")


def test_quota_is_killed_and_the_retry_is_made_once(system, lan):
    """Whatever was answered meanwhile: a retry ends with the one revision."""
    before = figures(system)
    code = submit(system)["tracking_code"]
    expect(system, before, 1, 1)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(lan.decide_once(code, "revoke", "Thử tắt")))
    thread.start()
    system.kill("quota-1")
    thread.join()
    assert answers[0].status in (200, 503, 504), answers[0].body

    def made():
        answer = lan.decide_once(code, "revoke", "Thử tắt")
        assert answer.status in (200, 503, 504), answer.body
        return answer.status == 200 and answer.json()["revision"] == 2
    await_condition(made, 60, "the retry to be answered")
    expect(system, before, 0, 0)
    (rows,), = system.query("SELECT count(*) FROM audit_log WHERE reason = 'Thử tắt'")
    assert rows == 1
    await_condition(lambda: system.assert_no_drift() or True, 30, "no drift")


def test_a_text_that_nobody_has_any_more_counts_anew(system, lan):
    """The index goes by what stands now: neither the revoked original nor its rejected copy is in the way."""
    before = figures(system)
    text = distinct_text(next(PHONE))
    original, copy = submit(system, description=text), submit(system, description=text)
    assert lan.decide(original["tracking_code"], "revoke").status == 200
    assert lan.decide(copy["tracking_code"], "reject").status == 200
    expect(system, before, 0, 0)
    again = submit(system, description=text)
    assert (again["status"], again["reasons"]) == ("counted", [])
    assert submit(system, description=text)["status"] == "duplicate"
    expect(system, before, 1, 1)
    system.assert_no_drift()


def test_any_order_of_submissions_and_reviews(system, lan, minh):
    """The property, with a real index: whatever is submitted and decided at the same time, all adds up in the end."""
    chance = random.Random(11)
    texts = [distinct_text(next(PHONE)) for _ in range(8)]
    phones = [next(PHONE) for _ in range(6)]
    codes, strange = [], []

    def enter(seed):
        own = random.Random(seed)
        for _ in range(25):
            answer = system.submit("demo", {"full_name": "Nguyễn Thị Lan", "phone": own.choice(phones), "unit": UNIT,
                                            "block": "enterprise", "description": own.choice(texts)})
            if answer.status == 202:
                codes.append(answer.json()["tracking_code"])
            elif answer.status != 429:
                strange.append(answer.body)

    def decide(who, seed):
        own = random.Random(seed)
        for _ in range(40):
            answer = who.decide(own.choice(codes), own.choice(("count", "reject", "revoke")), own.choice(("một", "hai")))
            if answer.status not in (200, 409):
                strange.append(answer.body)

    codes.append(submit(system, description=chance.choice(texts))["tracking_code"])
    threads = [threading.Thread(target=enter, args=(seed,)) for seed in (1, 2)]
    threads += [threading.Thread(target=decide, args=pair) for pair in ((lan, 3), (minh, 4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert strange == []
    system.await_decided("demo")
    system.assert_board_is_recount("demo", PATH, deadline=30)
    await_condition(lambda: system.assert_no_drift() or True, 30, "no drift")


# What people ask about texts (R18) ---------------------------------------------------------------------------------------
def ask(system, text, unit=UNIT, **headers):
    """Asked again where nobody could tell at that moment, as the answer says."""
    answers = []

    def answered():
        answers.append(system.request("POST", "/v1/campaigns/demo/similar", {"unit": unit, "description": text}, headers))
        return answers[-1].status not in (429, 503)
    await_condition(answered, 60, "an answer about a draft")
    return answers[-1]


def explain(system, code, secret, **query):
    answers = []

    def answered():
        path = f"/v1/submissions/{code}/explain" + (f"?with={query['other']}" if query else "")
        answers.append(system.request("GET", path, None, {"Authorization": f"Bearer {secret}"} if secret else {}))
        return answers[-1].status not in (429, 503)
    await_condition(answered, 60, "an explanation")
    return answers[-1]


def test_ask_before_sending(system):
    """A draft is compared as a submission would be, leaves no trace, and learns neither whose nor what it resembles."""
    text = " ".join(distinct_text(next(PHONE)) for _ in range(3))
    before = system.query("SELECT count(*) FROM submission")
    for _ in range(3):
        assert ask(system, text).json() == {"status": "counted", "similar": []}
    assert system.query("SELECT count(*) FROM submission") == before
    assert submit(system, description=text)["status"] == "counted"  # nor was the index taught
    assert ask(system, "  " + text.upper()).json() == {"status": "duplicate", "similar": [{"score": 1.0}]}
    words = text.split()
    near = ask(system, " ".join("xe" if i % 25 == 9 else word for i, word in enumerate(words))).json()
    assert near["status"] == "duplicate" and 0.7 < near["similar"][0]["score"] < 1
    assert set(near) == {"status", "similar"} and set(near["similar"][0]) == {"score"}
    assert ask(system, distinct_text(next(PHONE))).json()["similar"] == []


def test_ask_before_sending_is_refused(system):
    assert ask(system, "", unit=UNIT).status == 422 and ask(system, "x", unit="none").status == 422
    assert system.request("POST", "/v1/campaigns/none/similar", {"unit": UNIT, "description": "x"}).status == 404
    assert system.request("POST", "/v1/campaigns/demo/similar", b"{", {"Content-Type": "application/json"}).status == 400
    assert system.get("/v1/campaigns/demo/similar").status == 405


def test_explained_to_officers(system, lan):
    """Passages with offsets in both texts; by default beside what the decision names; to the token's subtree alone."""
    text = " ".join(distinct_text(next(PHONE)) for _ in range(2))
    head, copy = submit(system, description=text), submit(system, description="Kính gửi: " + text)
    assert copy["status"] == "duplicate"
    found = explain(system, copy["tracking_code"], lan.secret)
    assert found.status == 200
    shown = found.json()
    assert (shown["tracking_code"], shown["with"]) == (copy["tracking_code"], head["tracking_code"])
    assert shown["score"] > 0.9 and shown["passages"]
    for passage in shown["passages"]:
        assert passage["words"] == ("Kính gửi: " + text)[slice(*passage["at"])] == text[slice(*passage["other_at"])]
    assert shown["candidates"] == []  # it is under review for nothing
    system.query("INSERT INTO candidate SELECT c.id, 1, h.id, 0.7 FROM submission c, submission h WHERE c.description = %s AND "
                 "h.description = %s", ("Kính gửi: " + text, text))
    listed = explain(system, copy["tracking_code"], lan.secret).json()["candidates"]
    assert listed == [{"tracking_code": head["tracking_code"], "score": 0.7}]
    other = submit(system)
    apart = explain(system, other["tracking_code"], lan.secret, other=head["tracking_code"]).json()
    assert apart["with"] == head["tracking_code"] and apart["score"] < 0.7
    assert explain(system, other["tracking_code"], lan.secret).status == 404  # it resembles none
    assert explain(system, copy["tracking_code"], None).status == 401
    assert explain(system, copy["tracking_code"], "sk_wrong").status == 401
    far = Reviewer(system, "--campaign", "demo", "--unit", "02")
    assert explain(system, copy["tracking_code"], far.secret).status == 403
    told = system.tool("explain", copy["tracking_code"], head["tracking_code"], "--json").stdout
    assert json.loads(told)["passages"] == shown["passages"]
