"""Notices through webhooks and HTTP gateways, with a real HTTP server that misbehaves.

Would catch: a signature that no receiver can check or that covers something else, a number that breaks out of a URL or a body,
an answer that was a refusal and is taken for success, a retry that is not wanted, a redirect that takes a number elsewhere, an
answer that never ends and holds everything up, a message in the night, a secret that others can read.
"""
import base64
import hashlib
import hmac
import json
import socket
import struct
import threading
import time
import urllib.parse
from datetime import datetime, timedelta, timezone

import pytest

pytest.importorskip("aiosmtpd.controller", reason="python3-aiosmtpd is not installed")
pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed")
from harness.notices import CAMPAIGN, REJECTED, Web, World, assert_says_nothing_personal  # noqa: E402
from harness.openapi import check, document  # noqa: E402
from harness.waiting import await_condition  # noqa: E402

PHONE = "+84901234567"
KEY = base64.b64encode(b"a key of twenty-four octets!").decode()
OTHER_KEY = base64.b64encode(b"the key it is changed to").decode()


@pytest.fixture
def world(postgresql, run_directory, start_service):
    whole = World(postgresql, run_directory, start_service)
    whole.web = Web()
    yield whole
    whole.close()


def webhook(world, name="hook", path="/hook"):
    world.secret("hook", f"whsec_{KEY}\n")
    return {"name": name, "kind": "webhook", "url": world.web.url + path, "secret": "hook", "cleartext": True}


def sms(world, **more):
    return {"name": "sms", "kind": "http", "url": world.web.url + "/send", "cleartext": True,
            "form": {"to": "{phone_digits}", "text": "{short}"}, **more}


def verify(secret, headers, body):
    """An independent verifier, written from the text of Standard Webhooks; gives the payload, which is as documented."""
    headers = {name.lower(): value for name, value in headers.items()}
    operation = document()["webhooks"]["notice"]["post"]
    for parameter in operation["parameters"]:
        check(headers[parameter["name"]], parameter["schema"], parameter["name"])
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(base64.b64decode(secret), signed, hashlib.sha256).digest()).decode()
    given = [entry.split(",", 1) for entry in headers["webhook-signature"].split(" ")]
    assert any(version == "v1" and hmac.compare_digest(wanted, value) for version, value in given)
    payload = json.loads(body)
    check(payload, operation["requestBody"]["content"]["application/json"]["schema"], "notice")
    return payload


def test_a_webhook_is_signed_as_standard_webhooks_says(world):
    world.apply(CAMPAIGN, "demo", webhook(world), language="vi")
    row = world.decide(PHONE, REJECTED, "required category", channel="hook")
    service = world.start()
    world.await_state(row, 1)
    (method, path, headers, body), = world.web.seen()
    assert (method, path, headers["Content-Type"]) == ("POST", "/hook", "application/json")
    told = verify(KEY, headers, body)
    assert headers["webhook-id"] == "msg_" + row.replace("-", "")
    assert told["type"] == "notice.verdict" and datetime.fromisoformat(told["timestamp"])
    data = told["data"]
    assert (data["to"], data["status"], data["campaign"], data["unit"]) == (PHONE, "rejected", "demo", "A")
    assert data["tracking_code"] in data["text"] and data["tracking_code"] in data["short"]
    assert "không được chấp nhận" in data["text"] and "not accepted" not in data["text"]
    with pytest.raises(AssertionError):
        verify(KEY, headers, body + b" ")
    with pytest.raises(AssertionError):
        verify(OTHER_KEY, headers, body)
    assert_says_nothing_personal(service)
    assert KEY not in service.process.output()


def test_a_secret_that_is_being_changed_signs_with_both(world):
    world.apply(CAMPAIGN, "demo", webhook(world))
    world.secret("hook", f"whsec_{KEY}\nwhsec_{OTHER_KEY}\n")
    row = world.decide(PHONE, channel="hook")
    world.start()
    world.await_state(row, 1)
    (_, _, headers, body), = world.web.seen()
    assert verify(KEY, headers, body) == verify(OTHER_KEY, headers, body)


@pytest.mark.parametrize("text, mode, word", [
    (f"whsec_{KEY}", 0o444, "readable by others"), ("whsec_%%%", 0o400, "whsec_"), (KEY, 0o400, "whsec_"),
    ("", 0o400, "empty"), (None, 0, "cannot be read")])
def test_a_secret_that_cannot_be_used_costs_no_notice(world, text, mode, word):
    world.apply(CAMPAIGN, "demo", {**webhook(world), "secret": "late"})
    if text is not None:
        world.secret("late", text, mode)
    row = world.decide(PHONE, channel="hook")
    service = world.start(ready=False)
    await_condition(lambda: word in service.get("/readyz")[1], 10, "the fault in /readyz")
    assert "demo/hook" in service.get("/readyz")[1] and world.row(row)[0] == 0
    world.secret("late", f"whsec_{KEY}")
    world.await_state(row, 1)
    assert world.row(row)[1] == 1
    service.await_ready()


def test_variables_are_escaped_where_they_stand(world):
    world.secret("sms", "s3cr&t=1")
    world.apply(CAMPAIGN, "demo", sms(world, url=world.web.url + "/v1/{phone}/{campaign_name}?k={secret}", secret="sms",
                                      headers={"X-Key": "Bearer {secret}", "X-Id": "{id}"}, method="PUT"), language="vi")
    row = world.decide(PHONE, channel="sms")
    world.start()
    world.await_state(row, 1)
    (method, path, headers, body), = world.web.seen()
    name = urllib.parse.quote("Chương trình dùng thử", safe="")
    assert (method, path) == ("PUT", f"/v1/%2B84901234567/{name}?k=s3cr%26t%3D1")
    assert (headers["X-Key"], headers["X-Id"]) == ("Bearer s3cr&t=1", "msg_" + row.replace("-", ""))
    form = urllib.parse.parse_qs(body.decode("ascii"), strict_parsing=True)
    assert form["to"] == ["84901234567"]
    (short,) = form["text"]
    assert short.isascii() and len(short) <= 160 and "da duoc tinh" in short


def test_a_json_body_is_json_whatever_is_put_in(world):
    form = {"name": "sms", "kind": "http", "url": world.web.url, "cleartext": True,
            "json": '{"phone": "{phone_local}", "data": {"text": "{text}", "re": "{subject}"}, "braces": "{ {x y} }"}'}
    world.apply(CAMPAIGN, "demo", form)
    row = world.decide(PHONE, REJECTED, 'odd"\\\n{phone} x', channel="sms")
    world.start()
    world.await_state(row, 1)
    (_, _, headers, body), = world.web.seen()
    told = json.loads(body)
    assert headers["Content-Type"] == "application/json" and told["phone"] == "0901234567"
    assert 'odd"\\' in told["data"]["text"] and "was not accepted" in told["data"]["text"]
    assert told["braces"] == "{ {x y} }"


def test_success_is_what_the_campaign_says_it_is(world):
    """Zalo and SMS gateways answer 200 to what they refuse."""
    answers = [b'{"error": -1, "data": {"code": "busy"}}', b'{"error": 0}', b"no json", b'{"data": {"code": 0}}',
               b'{"data": {"code": "no such user"}}']
    world.web.answer = lambda number, _: (200, {}, answers[number - 1])
    world.apply(CAMPAIGN, "demo", sms(world, success={"field": "data.code", "matches": "^0$", "final": "no such"}))
    row = world.decide(PHONE, channel="sms")
    world.start()
    world.await_state(row, 1)
    assert world.row(row)[1] == 4
    lost = world.decide(PHONE, channel="sms")
    world.await_state(lost, 2)
    assert world.row(lost)[1] == 1 and "no success" in world.row(lost)[2]


def test_what_is_final_and_what_is_tried_again(world):
    """By HTTP's classes; the one that answered well was tried once."""
    script = {"/400": [400], "/404": [404], "/500": [500, 503, 200], "/408": [408, 200], "/302": [302], "/204": [204]}

    def answer(_, handler):
        path = handler.path
        status = script[path].pop(0)
        headers = {"Location": world.web.url + "/204"} if status == 302 else {}
        return status, headers, b"" if status == 204 else b"x"

    world.web.answer = answer
    channels = [{**sms(world), "name": path[1:] + "x", "url": world.web.url + path} for path in script]
    world.apply(CAMPAIGN, "demo", *channels)
    rows = {path: world.decide(PHONE, channel=path[1:] + "x") for path in script}
    world.start()
    for path, state, attempts in (("/400", 2, 1), ("/404", 2, 1), ("/500", 1, 3), ("/408", 1, 2), ("/302", 2, 1),
                                  ("/204", 1, 1)):
        world.await_state(rows[path], state)
        assert world.row(rows[path])[1] == attempts, path
    assert "redirects are not followed" in world.row(rows["/302"])[2] and "400" in world.row(rows["/400"])[2]
    assert [path for _, path, _, _ in world.web.seen()].count("/204") == 1


def test_retry_after_is_kept_to_for_all(world):
    """Who asks for an hour is left alone for it, whatever our own shorter wait; nothing is lost and nobody is a dead letter."""
    world.web.answer = lambda number, _: (429, {"Retry-After": "3600"}, b"") if number == 1 else (200, {}, b"")
    world.apply(CAMPAIGN, "demo", sms(world))
    world.apply(2, "other", sms(world))
    first = world.decide(PHONE, channel="sms")
    service = world.start()
    await_condition(lambda: world.row(first)[2], 10, "the refusal")
    later = world.server.query("SELECT next_at - now() > interval '3500 s' FROM outbox WHERE id = %s", (first,))
    second = world.decide(PHONE, channel="sms")
    witness = world.decide(PHONE, channel="sms", campaign=2)
    world.await_state(witness, 1)
    assert later == [(True,)] and world.row(first)[0] == 0 and world.row(second) == (0, 0, None)
    assert len(world.web.seen()) == 2 and service.is_ready()


def test_login_refused_is_the_gateways_matter_and_costs_no_attempt(world):
    world.web.answer = lambda number, _: (401, {}, b"") if number <= 2 else (200, {}, b"")
    world.apply(CAMPAIGN, "demo", sms(world))
    rows = [world.decide(PHONE, channel="sms") for _ in range(4)]
    service = world.start(ready=False, NOTIFICATION_TRANSFERS_A_GATEWAY="1")
    for row in rows:
        world.await_state(row, 1)
        assert world.row(row)[1] == 1
    service.await_ready()


def reset(_, handler):
    """The connection is reset before any answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.rfile = handler.wfile = open("/dev/null", "r+b")  # noqa: SIM115


def endless(_, handler):
    """A good status and then octets without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass


def silent(stop):
    def answer(_, __):
        stop.wait(20)
    return answer


def test_resets_and_silence_are_tried_again_until_the_bound(world):
    stop = threading.Event()
    misdeeds = [reset, silent(stop), reset]
    world.web.answer = lambda number, handler: misdeeds[number - 1](number, handler)
    world.apply(CAMPAIGN, "demo", sms(world))
    row = world.decide(PHONE, channel="sms")
    world.start(NOTIFICATION_ATTEMPTS="3", NOTIFICATION_TIMEOUT_MS="500")
    world.await_state(row, 2, 30)
    stop.set()
    assert world.row(row)[1] == 3 and "no answer" in world.row(row)[2]
    assert len(world.web.seen()) == 3


def test_an_endless_answer_is_cut_and_judged_by_its_status(world):
    world.web.answer = endless
    world.apply(CAMPAIGN, "demo", sms(world))
    row = world.decide(PHONE, channel="sms")
    service = world.start()
    world.await_state(row, 1)
    assert world.row(row)[1] == 1
    assert service.metrics()["process_resident_memory_bytes"] < 300 << 20


def test_a_slow_gateway_holds_up_no_other(world):
    stop = threading.Event()
    world.web.answer = silent(stop)
    world.sink.start()
    world.apply(CAMPAIGN, "demo", world.mail_channel())
    world.apply(2, "slow", sms(world))
    for _ in range(20):
        world.decide(PHONE, channel="sms", campaign=2)
    world.start(NOTIFICATION_TRANSFERS="4", NOTIFICATION_TRANSFERS_A_GATEWAY="3", NOTIFICATION_TIMEOUT_MS="15000",
                NOTIFICATION_CLAIM_MS="60000")
    await_condition(lambda: len(world.web.seen()) == 3, 10, "three under way")
    row = world.decide(PHONE)
    world.await_state(row, 1)
    stop.set()
    assert len(world.web.seen()) >= 3


def test_many_go_at_once_and_each_once(world):
    world.apply(CAMPAIGN, "demo", webhook(world))
    rows = [world.decide(f"+849{i:08d}", channel="hook") for i in range(200)]
    services = [world.start(f"notification-{i}") for i in (1, 2)]
    await_condition(lambda: world.server.query("SELECT count(*) FROM outbox WHERE state = 1") == [(200,)], 60, "200 sent")
    ids = [headers["webhook-id"] for _, _, headers, _ in world.web.seen()]
    assert sorted(ids) == sorted("msg_" + row.replace("-", "") for row in rows)
    assert sum(service.metrics()["sangkien_notification_sent_total"] for service in services) == 200


def test_killed_between_delivery_and_mark_it_comes_once_more_under_one_id(world):
    world.apply(CAMPAIGN, "demo", webhook(world))
    row = world.decide(PHONE, channel="hook")
    service = world.start(ready=False, SANGKIEN_FAILPOINT="notification-after-send")
    await_condition(lambda: not service.process.running(), 10, "the kill")
    world.start("notification-2")
    world.await_state(row, 1)
    (_, _, first, body), (_, _, second, again) = world.web.seen()
    assert first["webhook-id"] == second["webhook-id"] and body == again


def hours(shift_from, shift_to):
    now = datetime.now(timezone(timedelta(hours=7)))
    return {"from": (now + timedelta(hours=shift_from)).strftime("%H:%M"), "to": (now + timedelta(hours=shift_to)).strftime("%H:%M")}


def test_what_comes_in_quiet_hours_waits_and_is_not_lost(world):
    world.apply(CAMPAIGN, "demo", webhook(world), quiet_hours=hours(-2, 2), send={"receipt": "hook", "verdict": "hook"})
    world.apply(2, "loud", webhook(world), quiet_hours=hours(2, 4))
    night = [world.decide(PHONE, channel="hook", event="receipt"), world.decide(PHONE, channel="hook")]
    service = world.start()
    witness = world.decide(PHONE, channel="hook", campaign=2)
    world.await_state(witness, 1)
    assert [world.row(row) for row in night] == [(0, 0, None)] * 2 and service.is_ready()
    world.apply(CAMPAIGN, "demo", webhook(world), quiet_hours=hours(2, 4), send={"receipt": "hook", "verdict": "hook"})
    for row in night:
        world.await_state(row, 1)
    kinds = [json.loads(body)["type"] for _, _, _, body in world.web.seen()]
    assert sorted(kinds) == ["notice.receipt", "notice.verdict", "notice.verdict"]


def test_a_channel_of_a_running_system_can_be_changed(world):
    world.apply(CAMPAIGN, "demo", webhook(world, path="/old"))
    service = world.start()
    world.await_state(world.decide(PHONE, channel="hook"), 1)
    world.apply(CAMPAIGN, "demo", webhook(world, path="/new"))

    def arrives_there():
        world.await_state(world.decide(PHONE, channel="hook"), 1)
        return world.web.seen()[-1][1] == "/new"

    await_condition(arrives_there, 15, "the new path")
    assert service.process.running()
