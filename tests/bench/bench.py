#!/usr/bin/python3
"""What the whole pipeline carries, beside the limit of the same machine in the same run: binary COPY of the same rows alone
into the same PostgreSQL (one connection, 512 rows a commit). Prints a table and writes build/bench.json.

usage: tests/bench/bench.py [--seconds N] [--connections N] [--rounds N]

Two loads: batches of submissions (`end_to_end_per_s`, `ratio`) and one submission a request (`single_per_s`, `single_ratio`).
The load generator (`sangkien submit`, wrk) runs on the same cores. Absolute figures are of this machine and hour; `ratio` is what to compare.
"""
import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

from harness.process import BUILD, ROOT, children  # noqa: E402
from harness.system import System  # noqa: E402
from harness.texts import distinct_text  # noqa: E402
from harness.waiting import PATIENCE_S  # noqa: E402

CAMPAIGN = "demo"
SAMPLE_UNIT, SAMPLE_PARENT = "01.018.LIXIL", "01.018.DN"
ROWS_A_COMMIT = 512
TICK = os.sysconf("SC_CLK_TCK")


def cpu_us_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000 // TICK


def cpu_by_process(system):
    """Microseconds so far, by instance and server; a server's children are its own."""
    figures = {}
    for name in system.instances() + ["postgresql", "redis", "edge"]:
        pid = system.pid(name)
        figures[name] = sum(cpu_us_of(p) for p in [pid] + children(pid))
    return figures


LOOK_EVERY_S = 0.03  # how exactly a time is told
SAMPLE_EVERY_S = 0.2


class BoardSampler:
    """Sends one submission at a time and measures from its receipt until the board shows it; looking costs little beside the load."""

    def __init__(self, system):
        self.system, self.stop, self.seconds = system, threading.Event(), []
        self.pause = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _shown(self):
        rows = self.system.board(CAMPAIGN, parent=SAMPLE_PARENT, limit=1000)["rows"]
        return next(row["entered"] for row in rows if row["unit"] == SAMPLE_UNIT)

    def _run(self):
        n = 0
        while not self.stop.wait(SAMPLE_EVERY_S):
            n += 1
            before = self._shown()
            answer = self.system.submit(CAMPAIGN, {
                "full_name": "Người Đo", "phone": f"08{n:08d}", "unit": SAMPLE_UNIT, "block": "public",
                "description": distinct_text(time.time_ns())})
            received = time.monotonic()
            if answer.status == 202:
                while self._shown() == before:
                    assert time.monotonic() < received + PATIENCE_S, "the board does not show it"
                    self.pause.wait(LOOK_EVERY_S)
                self.seconds.append(time.monotonic() - received)

    def finish(self):
        self.stop.set()
        self.thread.join()
        return sorted(self.seconds)


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))] if values else None


def counts(system):
    (stored, decided), = system.query(
        "SELECT (SELECT count(*) FROM submission), (SELECT count(*) FROM decision WHERE revision = 1)")
    return stored, decided


def await_entered(system, number):
    """Until the nation's total says so. One row read ten times a second on one connection, so that looking costs nothing."""
    pause = threading.Event()
    end = time.monotonic() + 300
    connection = system.connect()
    connection.autocommit = True
    cursor = connection.cursor()
    while True:
        cursor.execute("SELECT coalesce(max(entered), 0) FROM unit_total WHERE unit_id = 1 AND phase = 0")
        if cursor.fetchone()[0] >= number:
            break
        assert time.monotonic() < end, "not everything is decided"
        pause.wait(0.1)
    connection.close()


def send_single(system, lines, options):
    """One submission a request, kept-alive connections; the answers' times from the generator."""
    env = {**os.environ, "BENCH_LINES": lines, "BENCH_PATH": f"/v1/campaigns/{CAMPAIGN}/submissions"}
    done = subprocess.run(["wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "-s",
                           os.path.join(ROOT, "tests/bench/submit.lua"), f"http://{system.address}"],
                          env=env, capture_output=True, text=True, check=True)
    sys.stderr.write(done.stderr)
    report = json.loads(done.stdout.splitlines()[-1])
    return {"answers_p50_ms": report["p50_us"] / 1000, "answers_p99_ms": report["p99_us"] / 1000, "errors": report["errors"]}


def send_batches(system, lines, _options):
    """The batch call of an officer or operator (R3), a few requests at once."""
    system.tool("submit", lines, "--campaign", CAMPAIGN, "--connections", "4", "--send-only", "--json")
    return {}


def load(system, lines, send, options):
    """Figures of one load, from its first request until everything is decided and counted."""
    sampler = BoardSampler(system)
    stored_before, _ = counts(system)
    cpu_before = cpu_by_process(system)
    began = time.monotonic()
    figures = send(system, lines, options)
    samples = sampler.finish()
    (stored,), = system.query("SELECT count(*) FROM submission")
    await_entered(system, stored)
    took = time.monotonic() - began
    cpu_after = cpu_by_process(system)
    _, decided = counts(system)
    assert stored == decided, f"{stored} stored, {decided} decided"
    number = stored - stored_before
    return {
        "submissions": number,
        "per_s": number / took,
        "receipt_to_board_p50_s": percentile(samples, 0.5),
        "receipt_to_board_p99_s": percentile(samples, 0.99),
        "cpu_us": {name: (cpu_after[name] - cpu_before[name]) / number for name in cpu_after},
        **figures,
    }


def copy_limit(system, rows):
    """Rows a second of binary COPY alone, of the same rows into a table like theirs."""
    connection = system.connect()
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS bench_copy")
    cursor.execute("CREATE TABLE bench_copy (LIKE submission INCLUDING ALL)")
    cursor.execute("CREATE TEMPORARY TABLE bench_order AS SELECT id, row_number() OVER (ORDER BY received_at, id) AS place FROM submission")
    cursor.execute("CREATE INDEX ON bench_order (place)")
    connection.commit()
    pieces = []
    for first in range(1, rows + 1, ROWS_A_COMMIT):
        piece = io.BytesIO()
        cursor.copy_expert(f"COPY (SELECT s.* FROM bench_order o JOIN submission s USING (id) WHERE place BETWEEN {first} AND "
                           f"{min(first + ROWS_A_COMMIT - 1, rows)} ORDER BY place) TO STDOUT (FORMAT binary)", piece)
        pieces.append(piece)
    connection.commit()
    began = time.monotonic()
    for piece in pieces:
        piece.seek(0)
        cursor.copy_expert("COPY bench_copy FROM STDIN (FORMAT binary)", piece)
        connection.commit()
    took = time.monotonic() - began
    cursor.execute("SELECT count(*) FROM bench_copy")
    (copied,) = cursor.fetchone()
    cursor.execute("DROP TABLE bench_copy")
    connection.commit()
    connection.close()
    assert copied == rows
    return rows / took


def print_table(result):
    print(f"\n{'submissions a second, HTTP to decided and counted':50} {'batches':>9} {'single':>9}")
    print(f"{'':50} {result['end_to_end_per_s']:9.0f} {result['single_per_s']:9.0f}")
    print(f"{'rows a second, COPY of the same rows alone':50} {result['copy_per_s']:9.0f}")
    print(f"{'ratio':50} {result['ratio']:9.3f} {result['single_ratio']:9.3f}")
    print(f"{'answer to a single one p50 / p99, ms':50} {'':9} {result['answers_p50_ms']:9.1f} {result['answers_p99_ms']:8.1f}")
    print(f"{'receipt to board p50 / p99, s (single, loaded)':50} {'':9} {result['receipt_to_board_p50_s']:9.3f} "
          f"{result['receipt_to_board_p99_s']:8.3f}")
    print("CPU a submission, microseconds:")
    for name, value in result["cpu_us_per_submission"].items():
        print(f"  {name:48} {value:9.1f} {result['single_cpu_us_per_submission'][name]:9.1f}")
    print("resident memory, MiB:")
    for name, value in result["resident_bytes"].items():
        print(f"  {name:48} {value / 2**20:9.1f}")


def write_lines(system, number):
    path = os.path.join(BUILD, f"bench-{number}.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        subprocess.run([os.path.join(BUILD, "sangkien"), "simulate", "--campaign", CAMPAIGN, "--scale", "0.025", "--seed",
                        str(1000 + number), "--print"], env=system.env, stdout=file, check=True)
    return path


def one_round(system, number, options):
    """Both loads and the limit, one after the other on the same machine."""
    figures = {}
    for kind, send in (("batches", send_batches), ("single", send_single)):
        lines = write_lines(system, 2 * number + (kind == "single"))
        figures[kind] = load(system, lines, send, options)
        os.unlink(lines)
    figures["copy_per_s"] = copy_limit(system, figures["batches"]["submissions"])
    print(f"round {number + 1}: batches {figures['batches']['per_s']:.0f}/s, single {figures['single']['per_s']:.0f}/s, "
          f"COPY {figures['copy_per_s']:.0f}/s", flush=True)
    return figures


def summary(system, rounds):
    def middle(kind, key):
        return statistics.median(r[kind][key] for r in rounds)

    def cpu(kind):
        return {name: statistics.median(r[kind]["cpu_us"][name] for r in rounds) for name in rounds[0][kind]["cpu_us"]}

    return {
        "end_to_end_per_s": middle("batches", "per_s"),
        "copy_per_s": statistics.median(r["copy_per_s"] for r in rounds),
        "ratio": statistics.median(r["batches"]["per_s"] / r["copy_per_s"] for r in rounds),
        "single_per_s": middle("single", "per_s"),
        "single_ratio": statistics.median(r["single"]["per_s"] / r["copy_per_s"] for r in rounds),
        "cpu_us_per_submission": cpu("batches"),
        "single_cpu_us_per_submission": cpu("single"),
        "resident_bytes": {name: system.resident_bytes(name) for name in system.instances()},
        **{key: middle("single", key) for key in
           ("answers_p50_ms", "answers_p99_ms", "receipt_to_board_p50_s", "receipt_to_board_p99_s")},
        "rounds": rounds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="of single submissions in each round")
    parser.add_argument("--connections", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    system = System(SANGKIEN_ADDRESS_RATE="1000000")
    try:
        system.up()
        result = summary(system, [one_round(system, number, options) for number in range(options.rounds)])
        system.assert_no_drift()
    finally:
        system.remove()
    print_table(result)
    with open(os.path.join(BUILD, "bench.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
