#!/usr/bin/python3
"""The board under many eyes: event streams of one leaderboard instance beside those of a plain Node server, and board reads with
ETag beside nginx serving a static file of the same size, all in one run. Prints a table and writes build/bench-board.json.

usage: tests/bench/board.py [--clients N] [--changes N] [--seconds N]

Streams are opened on the service's own unix socket; the client runs on the same cores. Memory is what the server's resident size
grew by, for each client; the time is from the moment the first client has a change to that at which the last one has it. Reads go
through the edge, as everybody's do. Absolute figures are of this machine and hour; the ratios are what to compare.
"""
import argparse
import json
import os
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

from harness.process import BUILD, ROOT  # noqa: E402
from harness.system import System  # noqa: E402
from harness.texts import distinct_text  # noqa: E402
from harness.waiting import await_condition  # noqa: E402

BOARD = "/v1/campaigns/demo/board"
UNIT = "01.018.LIXIL"
DEADLINE_S = 120
ETAG_RATIO_LEAST = 0.5  # of the reads a second of a static file of the same size


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024


class Crowd:
    """Clients of one stream; of each the number of events of a name it has read."""

    def __init__(self, path, target):
        self.poll, self.sockets, self.counts, self.tails = select.epoll(), {}, {}, {}
        self.request = f"GET {target} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n".encode()
        self.path = path

    def connect(self):
        """Where the server's queue of connections is full, its answers are read meanwhile."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(DEADLINE_S)
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                client.connect(self.path)
                return client
            except BlockingIOError:
                assert time.monotonic() < end, "the server takes no more connections"
                self.read(0.01)

    def join(self, count):
        for _ in range(count):
            client = self.connect()
            client.sendall(self.request)
            client.setblocking(False)
            self.sockets[client.fileno()] = client
            self.counts[client.fileno()], self.tails[client.fileno()] = {"board": 0, "change": 0}, b""
            self.poll.register(client, select.EPOLLIN)
            if len(self.sockets) % 200 == 0:
                self.read(0)

    def read(self, timeout):
        for number, _ in self.poll.poll(timeout, 4096):
            data = self.sockets[number].recv(1 << 16)
            assert data, "a stream has ended"
            text = self.tails[number] + data
            for name in ("board", "change"):
                self.counts[number][name] += text.count(b"event: " + name.encode() + b"\n")
            # Names are at a line's beginning: what may be half of one waits.
            cut = text.rfind(b"\n") + 1
            self.tails[number] = text[cut:] if len(text) - cut < 32 else b""

    def await_all(self, name, least):
        """Seconds from the first client that has so many events of that name to the last."""
        first, end = None, time.monotonic() + DEADLINE_S
        while True:
            self.read(0.05)
            have = sum(count[name] >= least for count in self.counts.values())
            if have and first is None:
                first = time.monotonic()
            if have == len(self.counts):
                return time.monotonic() - first
            assert time.monotonic() < end, f"{have} of {len(self.counts)} have it"

    def leave(self):
        for client in self.sockets.values():
            client.close()


def measure_streams(path, target, pid, clients, changes, push):
    """push(n) makes the n-th change. Bytes of memory a client, and the seconds until the last client has one."""
    crowd = Crowd(path, target)
    try:
        crowd.join(50)
        crowd.await_all("board", 1)
        before = resident_bytes(pid)
        crowd.join(clients - 50)
        crowd.await_all("board", 1)
        memory = (resident_bytes(pid) - before) / (clients - 50)
        spreads = []
        for n in range(1, changes + 1):
            push(n)
            spreads.append(crowd.await_all("change", n))
        return {"clients": clients, "bytes_a_client": memory, "last_client_after_s": statistics.median(spreads)}
    finally:
        crowd.leave()


def of_leaderboard(system, clients, changes):
    def push(n):
        answer = system.submit("demo", {"full_name": "Người Đo", "phone": f"08{n:08d}", "unit": UNIT, "block": "public",
                                        "description": distinct_text(time.time_ns())})
        assert answer.status == 202, answer.body
    return measure_streams(f"{system.run}/http/leaderboard-1", BOARD + "/events", system.pid("leaderboard-1"), clients, changes, push)


def of_node(system, clients, changes, payload):
    path = f"{system.run}/node.sock"
    node = subprocess.Popen(["node", os.path.join(ROOT, "tests", "bench", "sse_server.mjs"), path], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        assert node.stdout.readline() == "ready\n"

        def push(_):
            node.stdin.write(payload + "\n")
            node.stdin.flush()
        return measure_streams(path, "/", node.pid, clients, changes, push)
    finally:
        node.kill()
        node.wait()


def reads_per_s(system, path, seconds, header=None):
    words = ["wrk", "-t1", "-c32", f"-d{seconds}s"] + (["-H", header] if header else [])
    done = subprocess.run(words + [f"http://{system.address}{path}"], capture_output=True, text=True, check=True)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])


def measure_reads(system, seconds):
    board = system.get(BOARD)
    file = f"{system.run}/web/assets/bench.json"
    with open(file, "wb") as out:
        out.write(board.body)
    os.chmod(file, 0o644)
    static = system.get("/assets/bench.json")
    assert static.status == 200 and len(static.body) == len(board.body)
    rounds = []
    for _ in range(3):
        rounds.append((reads_per_s(system, "/assets/bench.json", seconds), reads_per_s(system, BOARD, seconds),
                       reads_per_s(system, BOARD, seconds, "If-None-Match: " + board.headers["ETag"])))
    whole, etag = (statistics.median(round[i] / round[0] for round in rounds) for i in (1, 2))
    return {"bytes": len(board.body), "static_per_s": statistics.median(r[0] for r in rounds), "board_per_s": statistics.median(r[1] for r in rounds),
            "etag_per_s": statistics.median(r[2] for r in rounds), "board_ratio": whole, "etag_ratio": etag}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(options.clients + 500, 1024)), hard))
    system = System()
    try:
        system.up()
        ours = of_leaderboard(system, options.clients, options.changes)
        row = system.board("demo", limit=2)["rows"]
        payload = json.dumps({"as_of": "2026-01-01T00:00:00+07:00", "version": 1, "rows": row}, ensure_ascii=False)
        node = of_node(system, options.clients, options.changes, payload)
        await_condition(lambda: system.board("demo")["current"], 30)
        reads = measure_reads(system, options.seconds)
    finally:
        system.remove()
    result = {"streams": {"leaderboard": ours, "node": node}, "reads": reads}
    with open(os.path.join(BUILD, "bench-board.json"), "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)
    for name, one in result["streams"].items():
        print(f"{name:12} {one['clients']} streams: {one['bytes_a_client']:8.0f} bytes each, last client {one['last_client_after_s'] * 1000:7.1f} ms after the first")
    print(f"reads of {reads['bytes']} bytes: static {reads['static_per_s']:.0f}/s, board {reads['board_per_s']:.0f}/s ({reads['board_ratio']:.2f}), "
          f"board with ETag {reads['etag_per_s']:.0f}/s ({reads['etag_ratio']:.2f})")
    if reads["etag_ratio"] < ETAG_RATIO_LEAST:
        print(f"bench-board: reads with ETag are below {ETAG_RATIO_LEAST} of nginx's static file", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
