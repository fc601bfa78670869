"""Clients that are slow, idle by the thousand, or send without an end, beside the common load.

Would catch: a thread or a buffer a connection, timeouts that a drop of data now and then puts off for ever, a body that is
taken in before it is judged too large.
"""
import resource
import socket
import threading
import time

from fault.world import NotRun
from harness.waiting import await_condition

TITLE = "slow clients, 10,000 idle sockets, oversize and endless bodies"
IDLE = 10000
STILL_OPEN = 0.9
ONCE = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"  # the edge closes who never says anything after 15 s, and who did after 60
SLOW = 20  # of each kind
PHASES, PHASE_S = 3, 8
LEAST_S = 0.05  # below it a p99 says more of the scheduler than of us
HEAD = "POST /v1/campaigns/demo/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=30)


def more_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 2000:
        raise NotRun(f"a process may have {hard} descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def percentile(latencies, share=0.99):
    assert latencies, "nobody was answered"
    return latencies[int(share * (len(latencies) - 1))]


def phase(world):
    """Latencies of clients that do not wait for a verdict, while it lasts."""
    began = time.monotonic()
    await_condition(lambda: time.monotonic() - began >= PHASE_S, PHASE_S + 5)
    return world.load.latencies(began)


def is_open(connection):
    """After what was answered has been read."""
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


class Slow:
    """Sends `begun` at once and a byte of `rest` now and then, and notes how it was ended."""

    def __init__(self, address, begun, rest, ending):
        self.socket, self.text, self.ending, self.status = connect(address), rest, ending, None
        self.socket.sendall(begun.encode())
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        self.socket.settimeout(1.0)
        for byte in self.text.encode():
            if self.ending.is_set():
                return
            try:
                self.socket.sendall(bytes([byte]))
                answer = self.socket.recv(4096)
                self.status = int(answer.split()[1]) if answer else 0
                return
            except socket.timeout:
                continue
            except OSError:
                self.status = self.status or 0
                return


def answer_to(address, chunks):
    """Status of a request whose body is `chunks`; None: cut off without one."""
    with connect(address) as connection:
        connection.settimeout(60)
        try:
            for chunk in chunks:
                connection.sendall(chunk)
        except OSError:
            pass  # it does not read on
        try:
            words = connection.recv(4096).split()
        except OSError:
            return None
        return int(words[1]) if words else None


def endless():
    """Chunked, so that no length is ever said."""
    yield (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode()
    while True:
        yield b"1000\r\n" + b" " * 4096 + b"\r\n"


def oversize():
    yield (HEAD + "Content-Length: 1000000\r\n\r\n").encode()
    yield b" " * 1000000


# How each is slow, and how it may be ended: a head is dropped by the edge, a body that drips is answered.
KINDS = {"head": ("", HEAD + "X-Word: " + "x" * 200, {0, 408}),
         "body": (HEAD + "Content-Length: 500\r\n\r\n", "{" + " " * 400, {408}),
         "chunks": (HEAD + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n" * 100, {408})}


class Idle:
    """10,000 connections that say nothing after a first word, for one phase."""

    def __init__(self, address):
        self.sockets = []
        for _ in range(IDLE):
            self.sockets.append(connect(address))
            self.sockets[-1].sendall(ONCE)

    def end(self):
        """How many the other side still had."""
        still = sum(is_open(connection) for connection in self.sockets)
        for connection in self.sockets:
            connection.close()
        return still


def slow_clients(fault):
    more_descriptors()
    world = fault.world("intake=2", load={"rate": 60})
    address, ending = world.system.address, threading.Event()
    fault.at_end.append(ending.set)
    alone, beside, statuses, slow, still = [], [], [], {}, []
    for turn in range(PHASES):  # by turns, so that what else the machine does hits both
        alone += phase(world)
        idle = Idle(address)
        if turn == PHASES - 1:
            slow = {kind: [Slow(address, begun, rest, ending) for _ in range(SLOW)] for kind, (begun, rest, _) in KINDS.items()}
        statuses += [answer_to(address, chunks()) for chunks in (endless, oversize)]
        beside += phase(world)
        still.append(idle.end())
    assert all(status == 413 for status in statuses), statuses
    await_condition(lambda: all(client.status is not None for clients in slow.values() for client in clients),
                    150 * fault.patience, "slow clients to be cut off")
    for kind, clients in slow.items():
        ended = {client.status for client in clients}
        assert ended <= KINDS[kind][2], f"slow {kind}: {ended}"
    world.healed()
    quiet, busy = percentile(sorted(alone)), percentile(sorted(beside))
    fault.note(p99_ms=round(1000 * quiet), p99_beside_them_ms=round(1000 * busy), ratio=round(busy / quiet, 2), idle=min(still))
    assert min(still) >= STILL_OPEN * IDLE, f"of {IDLE} idle connections {still} were there at the end"
    assert busy < 2 * max(quiet, LEAST_S) * fault.patience, f"p99 {quiet:.3f} s became {busy:.3f} s"


SCENARIOS = {"clients": slow_clients}
