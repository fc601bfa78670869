"""The labelled texts through HTTP while things die (issue: the end of the main job, 2 and 4). Each case has its own campaign
seed of people and units, the same criterion: no receipt lost, one verdict each, conservation, no drift, board = recount, and
of exact copies only the earliest received counts."""
import json
import os
import subprocess
import threading

import pytest

from harness.process import ROOT
from harness.system import System
from harness.waiting import await_condition

TEXTS = os.path.join(os.path.dirname(ROOT), "shared", "data", "dedup", "dev.jsonl")
POSTGRESQL_BIN = "/usr/lib/postgresql/15/bin"


def write_texts(path):
    """Bare {id, text} lines: the labelled ones where they are, else texts of our own with copies among them."""
    with open(path, "w", encoding="utf-8") as out:
        if os.path.exists(TEXTS):
            with open(TEXTS, encoding="utf-8") as lines:
                for line in lines:
                    row = json.loads(line)
                    out.write(json.dumps({"id": row["id"], "text": row["text"]}, ensure_ascii=False) + "\n")
            return
        for n in range(4000):
            m = n - 7 if n % 5 == 0 and n > 7 else n
            words = " ".join(f"giải{(m * 31 + k * 17) % 977} pháp{(m * 13 + k) % 89}" for k in range(40))
            out.write(json.dumps({"id": f"t{n}", "text": f"Sáng kiến {m}: {words}"}, ensure_ascii=False) + "\n")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.ndjson"
    write_texts(path)
    return str(path)


@pytest.fixture
def fresh():
    whole = System(INTAKE_LEASE_MS="4000")
    try:
        yield whole.up()
    finally:
        whole.remove()


class Submitting:
    """`sangkien submit` in the background."""

    def __init__(self, system, texts):
        self.system, self.texts, self.done = system, texts, None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        self.done = self.system.tool("submit", self.texts, "--json", check=False, timeout=600)

    def finish(self):
        self.thread.join(600)
        assert self.done is not None, "submit did not end"
        assert self.done.returncode == 0, self.done.stdout + self.done.stderr
        return json.loads(self.done.stdout)


def stored(system):
    (count,), = system.query("SELECT count(*) FROM submission")
    return count


def count_lines(path):
    with open(path, encoding="utf-8") as lines:
        return sum(1 for _ in lines)


def finish_and_check(system, submitting, texts):
    result = submitting.finish()
    lines = count_lines(texts)
    assert result["sent"] == result["receipts"] == result["stored"] == lines == stored(system)
    assert result["pending"] == result["quarantined"] == 0
    system.assert_all_laws("demo", ("", "01", "01.018"))


def test_all_texts_without_faults_and_again(fresh, texts):
    """Would catch a text without a verdict, a drift, and a resend that counts twice."""
    finish_and_check(fresh, Submitting(fresh, texts), texts)
    again = Submitting(fresh, texts).finish()
    assert again["receipts"] == count_lines(texts) and stored(fresh) == count_lines(texts)


@pytest.mark.parametrize("name", ["intake-1", "validation-1", "deduplication-1", "deduplication-index-0", "quota-1",
                                  "leaderboard-1"])
def test_kill_of_an_instance(fresh, texts, name):
    """kill -9 twice while texts flow."""
    submitting = Submitting(fresh, texts)
    for share in (0.2, 0.6):
        await_condition(lambda share=share: stored(fresh) > share * count_lines(texts) or submitting.done, 120)
        fresh.kill(name)
    finish_and_check(fresh, submitting, texts)


def test_redis_emptied(fresh, texts):
    submitting = Submitting(fresh, texts)
    await_condition(lambda: stored(fresh) > 0.4 * count_lines(texts), 120)
    fresh.redis().flushall()
    finish_and_check(fresh, submitting, texts)


def test_postgresql_stopped_at_once_and_started_again(fresh, texts):
    """`-m immediate`, as a crash; s6 starts it again."""
    submitting = Submitting(fresh, texts)
    await_condition(lambda: stored(fresh) > 0.4 * count_lines(texts), 120)
    owner = os.stat(fresh.run).st_uid
    prefix = ["setpriv", f"--reuid={owner}", f"--regid={os.stat(fresh.run).st_gid}", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run(prefix + [f"{POSTGRESQL_BIN}/pg_ctl", "-D", f"{fresh.run}/pg", "stop", "-m", "immediate"], check=True,
                   stdout=subprocess.DEVNULL, cwd="/")

    def answers():
        try:
            return stored(fresh) >= 0
        except Exception as error:
            raise AssertionError(str(error)) from error
    await_condition(answers, 60, "PostgreSQL to be back")
    finish_and_check(fresh, submitting, texts)
