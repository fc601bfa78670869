"""submissions:batch: streamed lines, answers in order, resumable.

Would catch: a bad line that stops or shifts the good ones, a resumed file stored twice, a scope that is not kept, a batch
that grows in memory or hangs with a client that does not read, and a time of receipt that is not the line's own.
"""
import json
import os
import random
import socket
import threading
from datetime import datetime

import pytest

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.intake import fields  # noqa: E402
from harness.waiting import PATIENCE_S, await_condition  # noqa: E402

PATH = "POST /v1/campaigns/demo/submissions:batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"


def memory_kb(service):
    with open(f"/proc/{service.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def test_needs_a_token(intake_world):
    officer, reviewer = intake_world.add_token(), intake_world.add_token("reviewer")
    elsewhere = intake_world.add_token(campaign=2)
    intake = intake_world.start()
    line = json.dumps(fields(1)) + "\n"

    def status(token, campaign="demo", **named):
        return intake.request(line, campaign, "submissions:batch", Authorization=token, **named).status

    await_condition(lambda: status("Bearer " + officer) == 200, 5)
    assert intake.request(line, what="submissions:batch").status == 401
    assert status("Bearer x") == 401
    assert status("Bearer " + reviewer) == 403 and status("Bearer " + elsewhere) == 403
    assert status("Bearer " + officer, "nowhere") == 404
    assert status("Bearer " + officer, Content_Type="application/json") == 415
    assert status("Bearer " + officer, Idempotency_Key="k" * 65) == 422


def test_every_line_its_answer(intake_world):
    """All kinds of bad lines among good ones; line numbers, order, codes; the last line has no end of line."""
    token = intake_world.add_token()
    intake = intake_world.start()
    await_condition(lambda: intake.batch([fields(1)], token), 5)
    good = json.dumps(fields(2))
    lines = [(good, 202), ("", 400), ("{", 400), ("[]", 422), (json.dumps(fields(3, title=5)), 422), (good + "\r", 202),
             (json.dumps(fields(1, description="x" * 70000)), 413), ('{"a":"\xff"}', 400), ('{"a":1,"a":2}', 400),
             (json.dumps(fields(1, unit="nowhere")), 422), (" ", 400), (json.dumps(fields(1, received_at="2021-01-01T00:00:00Z")), 422),
             ("x" * 200000, 413), (good, 202)]
    body = "\n".join(line for line, _ in lines).encode("latin-1")
    answers = intake.batch([body], token)
    assert [(answer["line"], answer["status"]) for answer in answers] == [(n, status) for n, (_, status) in enumerate(lines, 1)]
    assert all(answer["tracking_code"] for answer in answers if answer["status"] == 202)
    assert answers[4]["errors"][0]["field"] == "title" and answers[4]["code"] == "invalid_fields"
    assert answers[11]["errors"][0]["code"] == "unknown_field"  # an officer's line has no received_at
    assert intake_world.count() == 1 + 3
    assert intake.batch([], token) == []


def test_scope_of_the_token(intake_world):
    """R3, R4: an officer enters for the members of the own subtree, and of no other."""
    token = intake_world.add_token(campaign=1, unit=2)
    intake = intake_world.start()
    lines = [fields(1, unit=unit) for unit in ("A", "A1", "B", "nowhere")]
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    answers = intake.batch(lines, token)
    assert [answer["status"] for answer in answers] == [202, 202, 403, 422] and answers[2]["code"] == "out_of_scope"
    assert [answer["status"] for answer in intake.batch([fields(1)], token)] == [202]
    assert intake.request(fields(1, unit="B"), Authorization="Bearer " + token).code() == "out_of_scope"
    stored = intake_world.postgresql.query("SELECT DISTINCT entered_by = (SELECT id FROM token) FROM submission")
    assert stored == [(True,)]


def test_five_thousand_lines_and_again(intake_world):
    """One person, no limit; a tenth is bad; sent again, and again with a part cut off: everything once."""
    token = intake_world.add_token()
    intake = intake_world.start()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    lines = [json.dumps(fields(1, description=f"Dòng {n}", title=5 if n % 10 == 0 else None)).encode() + b"\n" for n in range(5000)]
    before = memory_kb(intake.service)
    part = intake.batch(lines[:1700], token, Idempotency_Key="file")
    whole = intake.batch(lines, token, Idempotency_Key="file", timeout=60)
    again = intake.batch(lines, token, Idempotency_Key="file", timeout=60)
    assert [answer["line"] for answer in whole] == list(range(1, 5001))
    assert [answer["status"] for answer in whole] == [422 if n % 10 == 0 else 202 for n in range(5000)]
    assert whole[:1700] == part and again == whole
    assert intake_world.count() == 1 + 4500
    if "address" not in os.environ.get("SANGKIEN_BUILD", ""):  # a sanitizer keeps what is freed for a while
        assert memory_kb(intake.service) - before < 64 * 1024
    assert intake_world.postgresql.query("SELECT count(DISTINCT received_at) FROM submission") == [(4501,)]


def test_operators_time(intake_world):
    """An operator's line may bear its instant; the open check is against that, the id's time stays now."""
    operator, officer = intake_world.add_token("operator"), intake_world.add_token()
    intake = intake_world.start()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + officer).status == 202, 5)
    lines = [fields(1, received_at=moment) for moment in
             ("2020-12-31T23:59:59.999999+07:00", "2021-01-01T00:00:00+07:00", "2019-12-31T00:00:00Z", "2090-01-01T00:00:00Z")]
    answers = intake.batch(lines, operator, "past", Idempotency_Key="k")
    assert [answer.get("code", 202) for answer in answers[:3]] == [202, "campaign_closed", "campaign_not_open"]
    # An instant that has not come is no time of receipt.
    future = intake.batch([fields(1, received_at="2090-01-01T00:00:00Z")], operator)
    assert [(error["field"], error["code"]) for error in future[0]["errors"]] == [("received_at", "invalid")]
    stored = intake_world.postgresql.query("SELECT received_at FROM submission WHERE campaign_id = 2")
    assert stored == [(datetime.fromisoformat("2020-12-31T23:59:59.999999+07:00"),)]
    assert intake.batch(lines, operator, "past", Idempotency_Key="k")[0] == answers[0]
    other = intake.batch([fields(1, received_at="2020-12-31T23:59:59+07:00")], operator, "past", Idempotency_Key="k")
    assert other[0]["code"] == "idempotency_key_used"
    assert intake.batch(lines[:1], officer, "past")[0]["status"] == 403  # closed by its own clock


def test_lines_in_any_pieces(intake_world):
    """Where the network cuts does not matter."""
    token = intake_world.add_token()
    intake = intake_world.start()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    body = b"".join(json.dumps(fields(n)).encode() + b"\n" for n in range(40))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(intake.path)
        client.sendall(f"{PATH}Authorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        chance, sent, received = random.Random(1), 0, b""
        while sent < len(body):
            size = chance.choice([1, 2, 7, 100, 1500])
            piece = body[sent:sent + size]
            client.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            sent += len(piece)
        client.sendall(b"0\r\n\r\n")
        while not received.endswith(b"0\r\n\r\n"):
            received += client.recv(65536)
    assert received.count(b'"status":202') == 40
    assert intake_world.count() == 41


def test_client_that_reads_late(intake_world):
    """Sends all of its file before it reads anything."""
    token = intake_world.add_token()
    intake = intake_world.start()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    body = b'{"unit":"A"}\n' * 3000  # an answer of many times the line's size
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(intake.path)
        client.sendall(f"{PATH}Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        client.sendall(body)
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            piece = client.recv(65536)
            assert piece, "cut off"
            received += piece
    assert received.count(b'"status":422') == 3000


def test_client_that_goes(intake_world):
    """In the middle of a line, with lines under way: others are served, and the next file resumes."""
    token = intake_world.add_token()
    intake = intake_world.start()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    lines = [json.dumps(fields(1, description=f"Dòng {n}")).encode() + b"\n" for n in range(2000)]
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(intake.path)
            client.sendall(f"{PATH}Authorization: Bearer {token}\r\nIdempotency-Key: f\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            piece = b"".join(lines[:500]) + lines[500][:20]
            client.sendall(f"{len(piece):x}\r\n".encode() + piece)
    assert [answer["status"] for answer in intake.batch(lines, token, Idempotency_Key="f")] == [202] * 2000
    assert intake_world.count() == 2001


def test_batches_and_people_together(intake_world):
    """Several files at once do not keep single submissions waiting."""
    token = intake_world.add_token()
    intake = intake_world.start()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    lines = [json.dumps(fields(n % 50, description=f"Dòng {n}")).encode() + b"\n" for n in range(2000)]
    counts = []
    threads = [threading.Thread(target=lambda: counts.append(len(intake.batch(lines, token, timeout=60)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    statuses = [intake.submit(100 + n).status for n in range(50)]
    for thread in threads:
        thread.join()
    assert statuses == [202] * 50 and counts == [2000] * 3
    assert intake_world.count() == 1 + 50 + 6000


def test_postgresql_away_within_a_batch(own_intake_world):
    """The lines of that moment say 503; the file sent again fills the gaps and nothing is there twice."""
    world = own_intake_world
    token = world.add_token()
    intake = world.start()
    await_condition(lambda: intake.request(fields(1), Authorization="Bearer " + token).status == 202, 5)
    lines = [json.dumps(fields(1, description=f"Dòng {n}")).encode() + b"\n" for n in range(3000)]
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(intake.batch(lines, token, Idempotency_Key="f", timeout=60)))
    thread.start()
    await_condition(lambda: world.count() > 300, 20)
    world.postgresql.stop(immediate=True)
    world.postgresql.start()
    thread.join()
    assert [answer["line"] for answer in answers] == list(range(1, 3001))
    assert {answer["status"] for answer in answers} <= {202, 503, 504}

    def all_in():
        again = intake.batch(lines, token, Idempotency_Key="f", timeout=60)
        return again if {answer["status"] for answer in again} == {202} else None

    again = await_condition(all_in, 30)
    assert all(was == now for was, now in zip(answers, again) if was["status"] == 202)
    assert world.count() == 3001
