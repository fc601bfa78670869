"""The contract's table of answers, row by row and in its order.

Would catch: a refusal that lets something in, one that hides an earlier row of the table, an answer without its stable
word, its header or its language, and a limit that counts what it should not.
"""
import json
import os
import subprocess
from datetime import datetime, timedelta

import pytest

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.intake import VIETNAM, fields, instant, together  # noqa: E402
from harness.waiting import await_condition  # noqa: E402

HEAD = b"POST /v1/campaigns/demo/submissions HTTP/1.1\r\nHost: a\r\n"


def test_receipt(intake_world):
    intake = intake_world.start()
    answer = intake.submit(1, X_Request_Id="abc")
    assert answer.status == 202 and answer.headers["X-Request-Id"] == "abc"
    receipt = answer.json()
    assert set(receipt) == {"id", "tracking_code", "received_at", "status_url"}
    assert receipt["status_url"] == "/v1/submissions/" + receipt["tracking_code"]
    stored = intake_world.postgresql.query(
        "SELECT id::text, campaign_id, unit_id, received_at, length(person), block, description, kind, authors, lead_author, "
        "has_national_id, entered_by, trace_parent FROM submission")[0]
    assert stored[:3] == (receipt["id"], 1, 2)
    assert stored[3] == datetime.fromisoformat(receipt["received_at"])
    assert stored[4:12] == (16, 1, "Cải tiến số 1", None, 1, True, False, None)
    assert len(stored[12]) == 55


def test_every_field_is_stored(intake_world):
    intake = intake_world.start()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = intake.request(fields(
        1, national_id="001234567890", category="c", kind="k", title="t", applied_on="2021-03-01", recognized_on="2021-03-02",
        recognized_by="r", benefit_vnd=1.5e6, benefit_social="s", evidence_url="https://a.vn/x", attachments=[],
        ip_protected=True, authors=3, lead_author=False, accepted_on="2021-03-03"), traceparent=trace)
    assert answer.status == 202, answer.body
    stored = intake_world.postgresql.query(
        "SELECT category, kind, title, applied_on::text, recognized_on::text, recognized_by, benefit_vnd, benefit_social, "
        "evidence_url, ip_protected, authors, lead_author, accepted_on::text, has_national_id, trace_parent FROM submission")
    assert stored == [("c", "k", "t", "2021-03-01", "2021-03-02", "r", 1500000, "s", "https://a.vn/x", True, 3, False,
                       "2021-03-03", True, trace)]
    # Personal data is nowhere but in the seal (law 10).
    row = intake_world.postgresql.query("SELECT submission::text, encode(sealed, 'escape') FROM submission")[0]
    log = intake.service.process.output()
    for secret in ("Hoà", "900000001", "001234567890"):
        assert secret not in row[0] and secret not in row[1] and secret not in log


def test_before_the_body(intake_world):
    intake = intake_world.start()
    assert b"HTTP/1.1 411" in intake.raw(HEAD + b"Content-Type: application/json\r\n\r\n")
    over = b"Content-Type: application/json\r\nContent-Length: 65537\r\n\r\n"
    assert b"HTTP/1.1 413" in intake.raw(HEAD + over)
    assert intake.request(b" " * 65536).status == 400  # as large as it may be
    chunk = b"10001\r\n" + b" " * 65537 + b"\r\n0\r\n\r\n"
    assert b"HTTP/1.1 413" in intake.raw(HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
    assert intake.submit(1, Content_Type="text/plain").status == 415
    assert intake.submit(1, Content_Type=None).status == 415
    assert intake.submit(1, Content_Type="application/json; charset=utf-8").status == 202
    assert intake_world.count() == 1


def test_body_too_slow(intake_world):
    """408: a body that does not come to its end in time."""
    intake = intake_world.start(INTAKE_BODY_MS="300")
    slow = HEAD + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    assert b"HTTP/1.1 408" in intake.raw(slow)


def test_not_strict_json(intake_world):
    intake = intake_world.start()
    good = json.dumps(fields(1))
    cases = [("", "not_json"), ("{", "not_json"), (good + "x", "not_json"), ("\f" + good, "not_json"),
             (good.encode().replace(b"A", b"\xff"), "not_utf8"), (good.replace("A", "\\ud800"), "not_utf8"),
             (good.replace("{", '{"unit":"A",', 1), "duplicate_key"), (good.replace("A", "\\u0000"), "nul_in_text"),
             ("[" * 1000 + "]" * 1000, "nested_too_deep")]
    for body, code in cases:
        answer = intake.request(body, campaign="nowhere")  # 400 comes before 404
        assert (answer.status, answer.code()) == (400, code), body[:80]
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert intake_world.count() == 0


def test_unknown_campaign(intake_world):
    intake = intake_world.start()
    answer = intake.request({"x": 1}, campaign="nowhere", Idempotency_Key="k")
    assert (answer.status, answer.code()) == (404, "unknown_campaign")


def test_bad_token(intake_world):
    intake = intake_world.start()
    expired, good = intake_world.add_token(expires="-1 second"), intake_world.add_token()
    for token in ("Bearer nonsense", "Basic abc", "Bearer " + expired, "Bearer "):
        answer = intake.submit(1, Authorization=token)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    await_condition(lambda: intake.submit(1, Authorization="Bearer " + good).status == 202, 5)
    intake_world.postgresql.query("UPDATE token SET revoked_at = now()")
    intake_world.tokens_changed()
    await_condition(lambda: intake.submit(1, Authorization="Bearer " + good).status == 401, 3)


def test_field_errors_all_at_once(intake_world):
    intake = intake_world.start()
    wrong = {"phone": 5, "unit": "nowhere", "block": "x", "description": "", "authors": 0, "colour": 1}
    answer = intake.request(wrong)
    assert answer.status == 422
    assert answer.errors() == [("full_name", "required"), ("phone", "invalid"), ("block", "invalid"),
                               ("description", "required"), ("authors", "invalid"), ("colour", "unknown_field"),
                               ("unit", "unknown_unit")]
    english = {error["message"] for error in answer.json()["errors"]}
    vietnamese = {error["message"] for error in intake.request(wrong, Accept_Language=None).json()["errors"]}
    assert not english & vietnamese and all(english | vietnamese)
    assert intake.request(fields(1, unit="VN")).errors() == [("unit", "unknown_unit")]  # takes no submissions
    assert intake.request(fields(1, received_at=instant(datetime.now(VIETNAM)))).errors() == [("received_at", "unknown_field")]
    assert intake.request(b"[1]").status == 422
    assert intake.submit(1, Idempotency_Key="k" * 65).errors() == [("Idempotency-Key", "too_long")]
    assert intake_world.count() == 0


def test_what_the_campaign_says_is_not_said_here(intake_world):
    """Its description limit, required fields and windows are validation's verdict."""
    intake = intake_world.start()
    assert intake.request(fields(1, description="ế" * 5000, applied_on="1999-01-01", category="none")).status == 202


def test_not_open_and_closed(intake_world):
    intake = intake_world.start()
    assert (intake.submit(1, campaign="past").status, intake.submit(1, campaign="past").code()) == (403, "campaign_closed")
    assert intake.submit(1, campaign="future").code() == "campaign_not_open"
    # 403 before 422.
    assert intake.request({}, campaign="past").status == 403


def test_deadline_to_the_microsecond(intake_world):
    """What is received before closes_at gets in, what comes at it or after does not; every receipt proves it."""
    intake = intake_world.start()
    number, open_for_s, answers = 8, 2, []
    while not any(answer.status == 202 for answer in answers):  # a machine may be too slow to be in time
        number, open_for_s, answers = number + 1, 2 * open_for_s, []
        code, closes_at = f"closing-{number}", datetime.now(VIETNAM) + timedelta(seconds=open_for_s)
        intake_world.add_campaign(number, code, closes_at=instant(closes_at), limit=10000)

        def is_closed():
            answers.append(intake.submit(len(answers) % 50, campaign=code))
            return answers[-1].status == 403
        await_condition(is_closed, 2 * open_for_s)
    entered = [answer for answer in answers if answer.status == 202]
    assert {answer.status for answer in answers} <= {404, 202, 403} and answers[-1].code() == "campaign_closed"
    times = [datetime.fromisoformat(answer.json()["received_at"]) for answer in entered]
    assert times == sorted(set(times)) and times[-1] < closes_at
    assert datetime.now(VIETNAM) >= closes_at
    assert intake_world.count() == len(times)


def test_rate_limit_is_shared(intake_world):
    one, two = intake_world.start("intake-1"), intake_world.start("intake-2")
    for number in range(15):
        assert one.submit(7).status == 202 and two.submit(7).status == 202
    for intake in (one, two):
        answer = intake.submit(7)
        assert (answer.status, answer.code()) == (429, "rate_limited")
        assert 590 <= int(answer.headers["Retry-After"]) <= 600
        # 429 comes before 403 and 422, in every campaign.
        assert intake.submit(7, campaign="past").status == 429
        assert intake.request(fields(7, title=5)).status == 429
        assert intake.submit(8).status == 202
    assert intake_world.count() == 32


def test_rate_limit_counts_what_got_in(intake_world):
    """Refusals and repeats are not counted; a token is exempt."""
    intake_world.add_campaign(5, "two", limit=2)
    token = intake_world.add_token()
    intake = intake_world.start()
    for _ in range(3):
        assert intake.request(fields(7, title=5), campaign="two").status == 422
        assert intake.submit(7, campaign="two", Idempotency_Key="k").status == 202
    assert intake.submit(7, campaign="two").status == 202
    assert intake.submit(7, campaign="two").status == 429
    assert intake.submit(7, campaign="two", Idempotency_Key="k").status == 202  # the replay comes first
    assert intake.submit(7, campaign="two", Idempotency_Key="new").status == 429
    assert intake.submit(7, campaign="two", Authorization="Bearer " + token).status == 202
    assert intake_world.count() == 3


def test_rate_limit_window_slides(intake_world):
    intake_world.add_campaign(5, "quick", limit=2, window=1)
    intake = intake_world.start()
    assert [intake.submit(7, campaign="quick").status for _ in range(3)] == [202, 202, 429]
    await_condition(lambda: intake.submit(7, campaign="quick").status == 202, 3)


def test_rate_limit_alone(intake_world):
    """Redis away: each instance on its own; back: shared again."""
    intake_world.redis.stop()
    one, two = (intake_world.start(name, INTAKE_WRITERS="1") for name in ("intake-1", "intake-2"))
    for intake in (one, two):
        assert [intake.submit(7).status for _ in range(31)] == [202] * 30 + [429]
    assert one.service.metrics()["sangkien_intake_redis_up"] == 0
    assert one.service.get("/readyz")[0] == 200
    intake_world.redis.start()
    await_condition(lambda: one.submit(9).status == 202 and one.service.metrics()["sangkien_intake_redis_up"] == 1, 10)
    for _ in range(29):
        assert one.submit(9).status == 202
    await_condition(lambda: two.submit(10).status == 202 and two.service.metrics()["sangkien_intake_redis_up"] == 1, 10)
    assert two.submit(9).status == 429


def test_postgresql_away(own_intake_world):
    """503 at once with Retry-After, nothing kept; goes on by itself."""
    intake = own_intake_world.start()
    assert intake.submit(1, Idempotency_Key="a").status == 202
    own_intake_world.postgresql.stop(immediate=True)
    for number in range(3):
        answer = intake.submit(number, Idempotency_Key=f"away{number}")
        assert (answer.status, answer.code()) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    await_condition(lambda: intake.service.get("/readyz")[0] == 503)
    # What needs no database is still said.
    assert intake.request({}).status == 422
    assert intake.request(b"{").status == 400
    own_intake_world.postgresql.start()
    await_condition(lambda: intake.submit(1, Idempotency_Key="a").status == 202, 15)
    assert own_intake_world.count() == 1
    await_condition(intake.service.is_ready, 15)


def test_postgresql_away_at_start(own_intake_world):
    own_intake_world.postgresql.stop()
    intake = own_intake_world.start(ready=False)
    await_condition(lambda: intake.submit(1).status == 503)
    await_condition(lambda: intake.service.get("/healthz")[0] == 200)  # its admin port opens a moment later
    assert intake.service.get("/readyz")[0] == 503
    own_intake_world.postgresql.start()
    intake.service.await_ready()
    assert intake.submit(1).status == 202


def test_postgresql_stands_still(own_intake_world):
    """Paused before anything was begun there: 503 by its own deadline, long before the client's."""
    intake = own_intake_world.start()
    assert intake.submit(1).status == 202
    pids = [row[0] for row in own_intake_world.postgresql.query("SELECT pid FROM pg_stat_activity WHERE usename = 'sk_intake'")]
    # With its postmaster: a new connection would be served, as it should.
    pids.append(own_intake_world.postgresql.process.pid)
    stop_all(pids, 19)
    try:
        answers = together([lambda: intake.submit(2), lambda: intake.submit(3)])
        assert {answer.status for answer in answers} <= {503, 504}
    finally:
        stop_all(pids, 18)
    await_condition(lambda: intake.submit(4).status == 202, 15)


def stop_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def test_too_many_wait(own_intake_world):
    """A full queue is a named refusal, never growth (law 8)."""
    intake = own_intake_world.start(INTAKE_QUEUE="1", INTAKE_WRITERS="1")
    pids = [row[0] for row in own_intake_world.postgresql.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'intake receipt_writer'")]
    stop_all(pids, 19)
    try:
        answers = together([lambda number=number: intake.submit(number) for number in range(20)])
    finally:
        stop_all(pids, 18)
    # One is with the writer, one waits for it; the writer gives up its connection in time and serves that one.
    assert [answer.status for answer in answers].count(503) >= 17
    assert own_intake_world.count() == [answer.status for answer in answers].count(202)
    await_condition(lambda: intake.submit(50).status == 202, 15)


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	if (real == NULL)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int result = real(id, now);
	now->tv_sec -= id == CLOCK_REALTIME ? 3 : 0;
	return result;
}
"""


@pytest.mark.skipif("LD_PRELOAD" in os.environ or "address" in os.environ.get("SANGKIEN_BUILD", ""),
                    reason="a sanitizer must be loaded first")
def test_clock_off(intake_world):
    """An intake whose clock is more than a second off PostgreSQL's is not ready (law 6)."""
    source, library = intake_world.directory.below("clock.c"), intake_world.directory.below("clock.so")
    with open(source, "w", encoding="ascii") as file:
        file.write(CLOCK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    intake = intake_world.start(ready=False, LD_PRELOAD=library)
    await_condition(lambda: "a second off" in intake.service.get("/readyz")[1])
    assert intake.service.get("/readyz")[0] == 503
