#!/usr/bin/python3
"""How long an index owner takes to be whole again from the signatures in PostgreSQL: tests/bench/rebuild.py [N] (2,000,000).

The signatures have random keys and digests, as those of distinct texts are. The gate: 60 seconds for two million on an idle
machine. The server is a throwaway one; most of the time before the figure goes into filling it.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

from harness.edge import make_keys  # noqa: E402
from harness.postgresql import new_postgresql  # noqa: E402
from harness.process import Directory  # noqa: E402
from harness.service import Service  # noqa: E402
from harness.waiting import await_condition  # noqa: E402

SECONDS_MOST = 60
FILL = """
INSERT INTO signature (submission_id, campaign_id, scope, exact_scope, received_at, digest, sketch, snapshot)
SELECT md5('id' || n)::uuid, 1, 0, 0, now(), decode(md5('d' || n), 'hex'),
       '\\x0100000000000000'::bytea || substr(decode(md5('a' || n) || md5('b' || n) || md5('c' || n) || md5('e' || n) ||
       md5('f' || n) || md5('g' || n) || md5('h' || n) || md5('i' || n), 'hex'), 1, 120), 0
FROM generate_series(1, %s) n
"""


def main():
    texts = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    server, directory = new_postgresql(), Directory()
    service = None
    try:
        server.query(FILL, (texts,))
        server.query("ANALYZE signature")
        keys = directory.below("keys")
        make_keys(keys, ("validation", "deduplication", "quota"))
        began = time.monotonic()
        service = Service("deduplication", directory, {
            "SANGKIEN_PG": server.conninfo("sk_deduplication"), "SANGKIEN_KEYS": keys, "DEDUPLICATION_ROLE": "index",
            "DEDUPLICATION_SHARD": "0", "DEDUPLICATION_ASKERS": "ipc://" + directory.below("sign-*")},
            "deduplication-index-0").start(deadline=600)
        took = time.monotonic() - began
        held = await_condition(lambda: int(service.metrics()["sangkien_deduplication_index_texts"]), 10, "its figures")
    finally:
        if service is not None:
            service.stop()
        server.remove()
        directory.remove()
    print(f"{held} texts in {took:.1f} s")
    sys.exit(0 if held == texts and took <= SECONDS_MOST * max(1, texts / 2_000_000) else 1)


if __name__ == "__main__":
    main()
