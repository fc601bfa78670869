"""The contract as a client sees it, through the edge: each answer a problem with its words, its id and its headers."""
import itertools
import json
import os
import re
import socket
import threading

from harness.openapi import check, document
from harness.process import ROOT
from harness.texts import distinct_text
from harness.waiting import PATIENCE_S, await_condition

NUMBER = itertools.count(30000000)
RECEIPT = "#/components/schemas/Receipt"


def fields(**changes):
    number = next(NUMBER)
    return {"full_name": "Trần Văn Hoà", "phone": f"09{number:08d}", "unit": "01.018.LIXIL", "block": "enterprise",
            "description": distinct_text(number), **changes}


class RawAnswer:
    """Of bytes sent as they are, where a client library would mend them."""

    def __init__(self, system, request, timeout=PATIENCE_S):
        host, port = system.address.split(":")
        with socket.create_connection((host, int(port)), timeout=timeout) as connection:
            connection.sendall(request)
            text = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, self.body = text.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {}
        for line in lines:
            name, value = line.split(": ", 1)
            assert name not in self.headers, f"{name} twice"
            self.headers[name] = value

    def json(self):
        return json.loads(self.body)


def raw(system, start, *headers, body=b""):
    return RawAnswer(system, "\r\n".join([start, "Host: a", "Connection: close", *headers, "", ""]).encode() + body)


def assert_problem(answer, status, code):
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json", answer.headers["Content-Type"]
    assert answer.headers.get("X-Request-Id"), "X-Request-Id is missing"
    problem = answer.json()
    check(problem, {"$ref": "#/components/schemas/Problem"})
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert problem["status"] == status and problem["type"].endswith("/" + code), problem
    # `errors` is for field errors alone: elsewhere they would speak of a check that was not reached.
    assert ("errors" in problem) == (status == 422), problem


def test_what_the_edge_itself_refuses_is_a_problem_too(system):
    """Would catch nginx's own HTML pages, without X-Request-Id, for what never reaches a service."""
    chunked = ["Content-Type: application/json", "Transfer-Encoding: chunked"]
    post = "POST /v1/campaigns/demo/submissions HTTP/1.1"
    cases = [
        (raw(system, "GET /v1/campaigns/% HTTP/1.1"), 400, "bad_request"),
        (raw(system, "GET /v1/campaigns/%00 HTTP/1.1"), 400, "bad_request"),
        (raw(system, post, "Content-Length: -1", body=b"{}"), 400, "bad_request"),
        (raw(system, post, *chunked, body=b"zz\r\n{}\r\n0\r\n\r\n"), 400, "bad_request"),
        (raw(system, post, "Transfer-Encoding: gzip", body=b"{}"), 501, "not_implemented"),
        (raw(system, "GET /v1/" + "a" * 9000 + " HTTP/1.1"), 414, "too_large"),
        (raw(system, "GET /v1/campaigns HTTP/1.1", "X-A: " + "a" * 40000), 431, "header_too_large"),
        (RawAnswer(system, b"\x16\x03\x01\r\n\r\n"), 400, "bad_request"),
        (raw(system, "GET /v1 HTTP/1.1"), 404, "not_found"),
        (raw(system, "GET /nowhere HTTP/1.1"), 404, "not_found"),
        (raw(system, "GET /v1/nowhere HTTP/1.1"), 404, "not_found"),
        (raw(system, "GET /v1/campaigns/ HTTP/1.1"), 404, "not_found"),
    ]
    for answer, status, code in cases:
        assert_problem(answer, status, code)
    english = raw(system, "GET /nowhere HTTP/1.1", "Accept-Language: en", "X-Request-Id: mine")
    assert english.json()["title"] == "There is nothing at this path" and english.headers["X-Request-Id"] == "mine"


def test_a_wrong_method_is_405_with_allow(system):
    """Would catch an edge that routes by method, so that the service asked knows nothing of the path."""
    reads = ["/v1/campaigns", "/v1/campaigns/demo", "/v1/campaigns/demo/board", "/v1/campaigns/demo/units",
             "/v1/submissions/X", "/v1/openapi.yaml", "/"]
    writes = ["/v1/campaigns/demo/submissions", "/v1/campaigns/demo/submissions:batch"]
    for allow, paths, methods in (("GET, HEAD", reads, ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO")),
                                  ("POST", writes, ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"))):
        for path, method in itertools.product(paths, methods):
            answer = raw(system, f"{method} {path} HTTP/1.1", "Content-Length: 0")
            assert_problem(answer, 405, "method_not_allowed")
            assert answer.headers["Allow"] == allow, (method, path)
    assert system.request("HEAD", "/v1/campaigns").body == b""


def test_only_a_422_names_fields(system):
    """A 409 or 429 of a request with faults as well says what applied first, and nothing of later checks."""
    given = fields()
    assert system.submit("demo", given, Idempotency_Key="contract-1").status == 202
    assert_problem(system.submit("demo", {**given, "colour": 1}, Idempotency_Key="contract-1"), 409, "idempotency_key_used")
    answers = [system.submit("demo", {**fields(), "phone": "0977665544"}) for _ in range(30)]
    assert {answer.status for answer in answers} == {202}
    for changes, campaign in (({}, "demo"), ({"colour": 1}, "demo"), ({"unit": "nowhere"}, "demo"), ({}, "75-nghin-sang-kien")):
        limited = system.submit(campaign, {**fields(), "phone": "+84 977.665.544", **changes})
        assert_problem(limited, 429, "rate_limited")
        assert 1 <= int(limited.headers["Retry-After"]) <= 600
    assert_problem(system.submit("demo", {"unit": "nowhere"}), 422, "invalid_fields")


def test_each_bad_line_of_a_batch_is_a_whole_problem(system):
    """RFC 9457's members, in the line's own object; as many lines out as in, in their order."""
    made = json.loads(system.tool("token", "create", "--role", "officer", "--campaign", "demo", "--unit", "01.018",
                                  "--json").stdout)
    headers = {"Content-Type": "application/x-ndjson", "Authorization": "Bearer " + made["token"]}
    lines = [fields(), fields(unit="nowhere"), fields(unit="02.026"), fields(received_at="2026-01-01T00:00:00+07:00")]
    body = "\r\n".join([json.dumps(line) for line in lines] + ["{", "", "x" * 70000, json.dumps(fields())]).encode()
    answer = system.request("POST", "/v1/campaigns/demo/submissions:batch", body, headers)
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in answer.body.splitlines()]
    assert [(row["line"], row["status"]) for row in rows] == list(enumerate([202, 422, 403, 422, 400, 400, 413, 202], 1))
    for row in rows:
        check(row, {"$ref": "#/components/schemas/BatchAnswer"})
        assert row["status"] == 202 or {"type", "title", "detail"} <= set(row), row
    for key, code in (("k" * 65, "too_long"), ("", "invalid")):
        refused = system.request("POST", "/v1/campaigns/demo/submissions:batch", body, {**headers, "Idempotency-Key": key})
        assert_problem(refused, 422, "invalid_fields")
        assert refused.json()["errors"][0]["code"] == code


def test_a_bad_query_parameter_is_422(system):
    """Also a text that is no UTF-8, which would else be looked for as if nothing had been asked."""
    for path in ("units?q=%ff", "units?q=%ed%a0%80", "units?parent=nowhere", "board?metric=x", "board?phase=9", "board?limit=0",
                 "board?parent=x", "board?around=x", "board/events?metric=x"):
        assert_problem(system.request("GET", "/v1/campaigns/demo/" + path), 422, "invalid")


def test_preferences_may_come_in_several_lines(system):
    body = json.dumps(fields()).encode()
    key = "Idempotency-Key: contract-preferences"  # 202 is right where it took longer

    def waited():
        answer = raw(system, "POST /v1/campaigns/demo/submissions HTTP/1.1", "Prefer: respond-async", "Prefer: wait=10", key,
                     "Content-Type: application/json", f"Content-Length: {len(body)}", body=body)
        return answer.status == 200 and answer.headers["Preference-Applied"] == "wait"
    await_condition(waited, what="an answer with the verdict")


def test_the_first_things_to_try_do_not_get_in_each_other_s_way(system):
    """What `up` prints and what the README shows both count, in whichever order they are tried."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        readme = re.search(r"-d '(\{.*?\})'", file.read(), re.DOTALL).group(1)
    printed = re.search(r"'(\{.*?\})'", system.tool("up").stdout, re.DOTALL).group(1)
    for text in (printed, readme):
        decided = system.decided("demo", json.loads(text))
        assert decided["status"] == "counted", decided


def test_a_tracking_code_as_people_write_it(system):
    receipt = system.submit("demo", fields()).json()
    check(receipt, {"$ref": RECEIPT})
    code = receipt["tracking_code"]
    spoken = [code.lower(), code.replace("-", ""), code.replace("-", "%20"), code.replace("0", "O").replace("1", "l")]
    assert {system.request("GET", "/v1/submissions/" + word).status for word in [code, *spoken]} == {200}
    wrong = code[:-1] + ("0" if code[-1] != "0" else "2")
    assert_problem(system.request("GET", "/v1/submissions/" + wrong), 404, "not_found")


def test_an_intake_that_goes_says_whether_anything_was_kept(system):
    """503 promises that nothing was kept: of a write that an intake had taken over the edge may not say so."""
    given, answers = fields(), []
    key = {"Idempotency_Key": "contract-gone"}
    sender = threading.Thread(target=lambda: answers.append(system.submit("demo", given, Prefer="wait=10", **key)))
    system.control("validation-1", "-d")
    try:
        sender.start()
        stored = "SELECT id::text FROM submission WHERE description = %s"
        await_condition(lambda: system.query(stored, (given["description"],)), 10, "it to be stored")
        system.control("intake-1", "-dk")
        sender.join()
        assert_problem(answers[0], 504, "outcome_unknown")
        refused = system.submit("demo", fields())
        assert_problem(refused, 503, "unavailable")
        assert int(refused.headers["Retry-After"]) > 0
    finally:
        system.control("intake-1", "-u")
        system.control("validation-1", "-u")
    await_condition(lambda: system.submit("demo", given, **key).status == 202, 15, "intake to be back")
    (stored_id,), = system.query(stored, (given["description"],))
    assert system.submit("demo", given, **key).json()["id"] == stored_id


def test_the_source_of_a_board_is_redis_again(system):
    """PostgreSQL stands in while Redis is away, and only so long; would catch an answer kept until the next decision."""
    def source():
        return system.board("demo", limit=1)["source"]
    await_condition(lambda: source() == "redis", 10, "the board to come from Redis")
    system.control("redis", "-d")
    try:
        await_condition(lambda: system.submit("demo", fields(), Prefer="wait=10").status == 200 and source() == "postgresql", 20,
                        "PostgreSQL to stand in")
    finally:
        system.control("redis", "-u")
    await_condition(lambda: source() == "redis", 20, "Redis to be read again")


def test_the_document_is_served_as_it_stands(system):
    served = system.get("/v1/openapi.yaml")
    assert served.status == 200 and served.headers["Content-Type"] == "application/yaml"
    assert f"title: {document()['info']['title']}".encode() in served.body


def test_help_everywhere(system):
    """Each command of the tool's own list, and each family of commands, tells of itself."""
    listed = system.tool("--help").stdout
    names = [line[2:].split("  ")[0] for line in listed.splitlines() if line.startswith("  ")]
    assert {"up", "token create", "audit"} <= set(names)
    for name in names:
        assert system.tool(*name.split(), "--help").stdout.startswith(f"sangkien {name}"), name
    for family in ("campaign", "units", "token", "quotas"):
        assert f"sangkien {family} " in system.tool(family, "--help").stdout
        assert system.tool(family, check=False).returncode == 64
