"""Days on which the machine itself fails, and a stage that is away: nothing acknowledged is lost, and it goes on unaided."""
import json
import os
import subprocess

import pytest

from harness.system import System
from harness.texts import distinct_text
from harness.waiting import await_condition

MIB = 1 << 20


def fields(number, word):
    return {"full_name": "Hoàng Thị Yến", "phone": f"07{number:08d}", "unit": "01.018.LIXIL", "block": "public",
            "description": distinct_text(f"{word} {number}")}


def write_lines(path, first, count, word):
    with open(path, "w", encoding="utf-8") as out:
        for number in range(first, first + count):
            out.write(json.dumps(fields(number, word), ensure_ascii=False) + "\n")
    return str(path)


@pytest.mark.parametrize("stage", ["validation-1", "quota-1"])
def test_a_stage_that_is_away_stops_nothing_before_it(tmp_path, stage):
    """Law 7: with a window of 200 and the stage down, thousands are still acknowledged; then each is decided once and handed
    out about once. Would catch a window that is never freed, a backlog sent again and again, and memory that grows with it."""
    system = System(INTAKE_WINDOW="200", INTAKE_LEASE_MS="2000")
    try:
        system.up()
        system.control(stage, "-d")
        answers = [system.submit("demo", fields(n, "chờ")) for n in range(20)]
        assert [answer.status for answer in answers] == [202] * 20
        lines = write_lines(tmp_path / "lines.ndjson", 100, 4000, "tồn đọng")
        submitting = subprocess.Popen([os.path.join(os.environ.get("SANGKIEN_BUILD", "build"), "sangkien"), "submit", lines, "--json"],
                                      env=system.env, stdout=subprocess.PIPE)
        stored = lambda: system.query("SELECT count(*) FROM submission")[0][0]  # noqa: E731
        await_condition(lambda: stored() == 4020, 120, "everything to be stored")
        before = system.resident_bytes("intake-1")
        system.control(stage, "-u")
        result = json.loads(submitting.communicate(timeout=300)[0])
        assert submitting.returncode == 0 and result["counted"] + result["duplicate"] + result["under_review"] == 4000, result
        assert system.resident_bytes("intake-1") < before + 32 * MIB
        system.assert_all_laws("demo")
    finally:
        system.remove()


def mounted_tmpfs(path, size):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", path], capture_output=True,
                          check=False).returncode == 0


@pytest.fixture
def small_disk():
    """A system whose run directory is a file system of its own that can be filled."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    system = System(SANGKIEN_LOG_LEVEL="info")
    os.mkdir(system.run, 0o700)
    if not mounted_tmpfs(system.run, "700m"):
        os.rmdir(system.run)
        pytest.skip("this machine does not allow mounting")
    try:
        import pwd
        postgres = pwd.getpwnam("postgres")
        os.chown(system.run, postgres.pw_uid, postgres.pw_gid)
        os.chmod(system.run, 0o700)
        yield system.up()
    finally:
        system.tool("down", check=False)
        system._end_what_is_left()
        subprocess.run(["umount", "-l", system.run], check=False)
        os.rmdir(system.run)


def fill(system):
    """Takes every byte that is left on the file system."""
    path = os.path.join(system.run, "filler")
    with open(path, "wb") as file:
        try:
            while True:
                file.write(b"\0" * MIB)
                file.flush()
        except OSError:
            pass
    return path


def test_a_full_disk_refuses_and_goes_on_by_itself(small_disk):
    """503 with Retry-After, nothing lost, and 202 again when there is room, without anybody's hand."""
    system, kept, number = small_disk, [], 0
    for number in range(5):
        kept.append(system.submit("demo", fields(number, "trước khi đầy")).json()["id"])
    filler = fill(system)

    def refused():
        nonlocal number
        number += 1
        answer = system.submit("demo", fields(number, "khi đĩa đầy"))
        if answer.status == 202:
            kept.append(answer.json()["id"])
        assert answer.status in (503, 504), answer.status
        return answer.headers["Retry-After"] is not None or answer.status == 504
    await_condition(refused, 120, "the full disk to be felt")
    os.unlink(filler)

    def accepted():
        nonlocal number
        number += 1
        answer = system.submit("demo", fields(number, "khi lại có chỗ"))
        assert answer.status == 202, answer.status
        return kept.append(answer.json()["id"]) is None
    await_condition(accepted, 60, "it to go on by itself")
    system.await_decided("demo")
    rows = {row[0] for row in system.query("SELECT id::text FROM submission")}
    assert set(kept) <= rows, "a receipt was lost"
    system.assert_all_laws("demo")
