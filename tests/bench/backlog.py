#!/usr/bin/python3
"""Resident memory under a backlog: with validation down, N submissions are laid into the system of record; then it comes back.
Samples every service while the backlog drains, prints a table, writes build/backlog.json; exit 1 where one grew by more than
64 MiB over what it had at a hundredth of the backlog (the index alone may grow: by at most 1,000 bytes a text).

usage: tests/bench/backlog.py [--submissions N]
"""
import argparse
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

from harness.process import BUILD  # noqa: E402
from harness.system import System  # noqa: E402

MIB = 1 << 20
GROWTH_MAX = 64 * MIB
INDEX_BYTES_A_TEXT = 1000
PIECE = 50_000

# As intake would have stored them a second ago: the id's first 40 bits are milliseconds since 2020.
LAY = """
INSERT INTO submission (id, campaign_id, unit_id, received_at, person, sealed, block, description, has_national_id)
SELECT (lpad(to_hex((extract(epoch FROM now() - interval '1 second') * 1000)::bigint - 1577836800000 + n / 100), 10, '0')
        || substr(md5('id' || %(first)s + n), 1, 22))::uuid,
       c.id, u.id, now() - interval '1 second' + n * interval '1 microsecond',
       decode(md5('person' || (%(first)s + n) / 5), 'hex'), '\\x00', 1,
       (SELECT string_agg(md5((%(first)s + n) || '-' || k), ' ') FROM generate_series(1, 14) k), false
FROM generate_series(1, %(count)s) n, campaign c JOIN unit u ON u.campaign_id = c.id AND u.code = '01.018.LIXIL'
WHERE c.code = 'demo'"""


def lay(system, number):
    for first in range(0, number, PIECE):
        system.query(LAY, {"first": first, "count": min(PIECE, number - first)})
        print(f"\r{first + PIECE} laid", end="", file=sys.stderr, flush=True)


def pending(system, number):
    (decided,), = system.query("SELECT coalesce(max(entered), 0) FROM unit_total t JOIN campaign c ON c.id = t.campaign_id "
                               "WHERE c.code = 'demo' AND phase = 0")
    return number - decided


def drain(system, number):
    """Resident bytes at a hundredth decided, and the most of each instance until the end."""
    least, most, began = None, {}, time.monotonic()
    names, pause = system.instances(), threading.Event()
    while (left := pending(system, number)) > 0:
        now = {name: system.resident_bytes(name) for name in names}
        if least is None and left < number * 0.99:
            least = now
        most = {name: max(value, most.get(name, 0)) for name, value in now.items()}
        print(f"\r{left} left   ", end="", file=sys.stderr, flush=True)
        assert time.monotonic() - began < 3600, "the backlog does not drain"
        pause.wait(1)
    return least or most, most, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=1_000_000)
    number = parser.parse_args().submissions
    system = System()
    try:
        system.up()
        system.control("validation-1", "-d")
        lay(system, number)
        system.control("validation-1", "-u")
        least, most, took = drain(system, number)
        system.assert_no_drift()
    finally:
        system.remove()
    print(f"\n{number} submissions drained in {took:.0f} s ({number / took:.0f}/s); resident MiB at a hundredth, and the most:")
    bad = []
    for name, before in least.items():
        limit = GROWTH_MAX + (number * INDEX_BYTES_A_TEXT if "index" in name else 0)
        grown = most[name] - before
        print(f"  {name:26} {before / MIB:8.1f} {most[name] / MIB:8.1f}{'  GREW' if grown > limit else ''}")
        bad += [name] if grown > limit else []
    with open(os.path.join(BUILD, "backlog.json"), "w", encoding="utf-8") as file:
        json.dump({"submissions": number, "seconds": took, "resident_bytes_early": least, "resident_bytes_most": most}, file, indent=1)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
