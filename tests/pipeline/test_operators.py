"""What an operator does with build/sangkien, and the words he gets when the machine does not allow it."""
import json
import os
import socket
import subprocess

import pytest

from harness.system import TOOL, System
from harness.texts import distinct_text
from harness.waiting import await_condition


def test_help_is_everywhere():
    """Would catch a command without --help, or one that starts something when asked for help."""
    listing = subprocess.run([TOOL, "--help"], capture_output=True, text=True, check=True).stdout
    for words in ("up", "down", "status", "scale", "campaign apply", "units import", "quotas apply", "progress", "token create",
                  "submit", "audit", "rebuild-board", "simulate"):
        assert words in listing
        done = subprocess.run([TOOL, *words.split(), "--help"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("sangkien " + words)
    assert subprocess.run([TOOL, "dance"], capture_output=True, check=False).returncode == 64


def test_a_path_too_long_for_a_socket_is_named():
    env = {**os.environ, "SANGKIEN_RUN": "/var/tmp/" + "x" * 90}
    done = subprocess.run([TOOL, "up"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 78 and "SANGKIEN_RUN" in done.stderr and "107" in done.stderr


def test_a_port_in_use_is_named_with_the_setting():
    whole = System()
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(whole.address.rsplit(":", 1)[1])))
        other.listen()
        try:
            done = whole.tool("up", check=False)
            assert done.returncode == 78 and whole.address in done.stderr and "SANGKIEN_LISTEN" in done.stderr
        finally:
            whole.remove()


def test_nothing_runs_before_up():
    whole = System()
    assert whole.tool("down").stdout.strip() == "Nothing runs here."
    assert whole.tool("audit", check=False).returncode in (69, 78)


def test_two_ups_at_once_and_again_keep_one_state():
    """Would catch two initdb racing, or a second `make run` that starts over."""
    whole = System()
    try:
        both = [subprocess.Popen([TOOL, "up"], env=whole.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        assert [process.wait(180) for process in both] == [0, 0]
        pids = {name: whole.pid(name) for name in ("postgresql", "intake-1", "quota-1")}
        decided = whole.decided("demo", {"full_name": "Lê Văn Bình", "phone": "0912345678", "unit": "01.018.LIXIL",
                                         "block": "enterprise", "description": "Một cải tiến nhỏ ở tổ lắp ráp."})
        whole.up()
        assert {name: whole.pid(name) for name in pids} == pids
        whole.tool("down")
        whole.up()
        assert whole.get(decided["status_url"]).json()["status"] == "counted"
    finally:
        whole.remove()


def test_status_names_every_instance(system):
    status = json.loads(system.tool("status", "--json").stdout)
    names = [row["instance"] for row in status["instances"]]
    assert names == ["intake-1", "validation-1", "deduplication-1", "deduplication-index-0", "quota-1", "notification-1",
                     "leaderboard-1"]
    for row in status["instances"]:
        assert row["ready"] is True and row["up_s"] >= 0 and row["address"].startswith("127.0.0.1:")
        assert {"queue", "oldest_ms", "rate_per_s", "errors"} <= set(row)


WATCHED = {
    "intake-1": ["sangkien_intake_pending_submissions", "sangkien_intake_pending_oldest_seconds",
                 "sangkien_intake_redispatched_submissions_total", "sangkien_intake_quarantined_submissions_total"],
    "quota-1": ["sangkien_quota_verdicts_fenced_total", "sangkien_quota_board_behind_versions", "sangkien_quota_board_age_seconds",
                'sangkien_quota_audit_drift_rows{check="board"}', 'sangkien_quota_audit_age_seconds{what="recount"}'],
    **{f"{service}-1": [f'sangkien_{service}_edge_{what}{{edge="{service}"}}'
                        for what in ("depth_items", "oldest_ms", "waiting_items", "leased_items", "handed_out_again_items_total",
                                     "late_acknowledgements_total")] for service in ("validation", "deduplication")}}


def test_what_to_watch_is_there(system):
    """Would catch a metric of deploy/README.md that no instance has: depth and age by stage, what came again, what was fenced
    off, the boards' age, drift."""
    for instance, names in WATCHED.items():
        there = system.metrics(instance)
        assert [name for name in names if name not in there] == [], instance


def test_scale_touches_only_what_is_scaled(system):
    """A service goes to three instances and back while submissions flow; nobody sees an error."""
    before = {name: system.pid(name) for name in system.instances()}
    for words in (("validation=3", "intake=2", "deduplication=2", "quota=2", "leaderboard=2"),
                  ("validation=1", "intake=1", "deduplication=1", "quota=1", "leaderboard=1")):
        system.tool("scale", *words)
        for n in range(20):
            system.decided("demo", {"full_name": "Trần Thị Mai", "phone": f"09{os.getpid() % 10000:04d}{n:02d}{len(words[0]):02d}",
                                    "unit": "01.018.LIXIL", "block": "enterprise", "description": distinct_text(f"{words[0]} {n}")})
    assert {name: system.pid(name) for name in system.instances()} == before
    system.assert_all_laws("demo")


def test_a_token_is_shown_once_scoped_and_revocable(system):
    made = json.loads(system.tool("token", "create", "--role", "officer", "--campaign", "demo", "--unit", "01.018", "--days", "1",
                                  "--json").stdout)
    stored = system.query("SELECT secret_hash, expires_at > now() FROM token WHERE id = %s", (made["id"],))
    assert len(stored) == 1 and made["token"].encode() not in bytes(stored[0][0]) and stored[0][1]
    line = json.dumps({"full_name": "Phạm Văn Dũng", "phone": "0987000111", "unit": "01.018.LIXIL", "block": "enterprise",
                       "description": "Ghép hai công đoạn kiểm tra thành một."}, ensure_ascii=False).encode() + b"\n"
    outside = line.replace(b"01.018.LIXIL", b"79")

    def batch():
        return system.request("POST", "/v1/campaigns/demo/submissions:batch", line + outside,
                              {"Content-Type": "application/x-ndjson", "Authorization": "Bearer " + made["token"]})
    answer = batch()
    assert answer.status == 200, answer.body
    statuses = [json.loads(row)["status"] for row in answer.body.splitlines()]
    assert statuses[0] in (201, 202) and statuses[1] == 403
    system.tool("token", "revoke", made["id"])

    await_condition(lambda: batch().status == 401, 10, "the token to be refused")


@pytest.mark.parametrize("broken, word", [("closes_at: 2000-01-01T00:00:00+07:00\n", "closes_at"), ("no_such_word: 1\n", "no_such_word")])
def test_a_bad_campaign_file_is_named_with_its_line_and_changes_nothing(system, tmp_path, broken, word):
    with open("deploy/campaigns/demo.yaml", encoding="utf-8") as file:
        text = file.read()
    if word == "closes_at":
        text = "".join(broken if line.startswith("closes_at:") else line for line in text.splitlines(True))
    else:
        text += broken
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    before = system.query("SELECT sha256 FROM campaign WHERE code = 'demo'")
    done = system.tool("campaign", "apply", str(path), check=False)
    assert done.returncode == 65 and "broken.yaml:" in done.stderr
    assert system.query("SELECT sha256 FROM campaign WHERE code = 'demo'") == before


def test_simulate_sends_what_is_held_and_again_nothing(system):
    """R23 at a thousandth: what it says it sent equals what the system holds."""
    for _ in range(2):
        result = json.loads(system.tool("simulate", "--campaign", "01-trieu-sang-kien", "--scale", "0.0005", "--json").stdout)
        assert result["equal"] is True and result["sent"]["new"] == 946
        assert result["held"]["counted"] == 946 and result["sent"]["copies"] > 0 and result["sent"]["invalid"] > 0
    system.assert_all_laws("01-trieu-sang-kien", ("", "24", "38"))


def test_a_board_is_rebuilt_on_demand(system):
    system.redis().flushall()
    system.tool("rebuild-board")
    board = system.board("demo")
    assert board["current"] is True and board["source"] == "redis"
    system.assert_board_is_recount("demo")
