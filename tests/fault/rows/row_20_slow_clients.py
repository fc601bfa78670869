"""Clients that are slow, idle by the thousand, or send without an end, beside the common load.

Would catch: a thread or a buffer a connection, timeouts that a drop of data now and then puts off for ever, a body that is
taken in before it is judged too large.
"""
import resource
import socket
import statistics
import threading
import time

from fault.world import NotRun
from harness.waiting import await_condition

TITLE = "slow clients, 10,000 idle sockets, oversize and endless bodies"
IDLE = 10000
SLOW = 50
PHASE_S = 12
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


def p99_of_phase(world, seconds):
    """Of clients that do not wait for a verdict, while `seconds` pass."""
    began = time.monotonic()
    await_condition(lambda: time.monotonic() - began >= seconds, seconds + 5)
    return percentile(world.load.latencies(began))


class Slow:
    """Sends a byte now and then, of the head or of the body, and notes how it was ended."""

    def __init__(self, address, text, ending):
        self.socket, self.text, self.ending, self.status = connect(address), text, ending, None
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


def slow_clients(fault):
    more_descriptors()
    world = fault.world("intake=2", load={"rate": 60})
    address = world.system.address
    before = [p99_of_phase(world, PHASE_S) for _ in range(2)]
    ending = threading.Event()
    fault.at_end.append(ending.set)
    idle = [connect(address) for _ in range(IDLE)]
    body = HEAD + "Content-Length: 500\r\n\r\n{"
    slow = [Slow(address, HEAD if number % 2 else body + " " * 400, ending) for number in range(SLOW)]
    statuses = [answer_to(address, chunks()) for _ in range(3) for chunks in (endless, oversize)]
    during = [p99_of_phase(world, PHASE_S) for _ in range(2)]
    assert all(status == 413 for status in statuses), statuses
    await_condition(lambda: all(client.status is not None for client in slow), 150 * fault.patience, "slow clients to be cut off")
    ended = {client.status for client in slow}
    assert ended <= {0, 408}, ended
    for connection in idle:
        connection.close()
    world.healed()
    quiet, busy = statistics.median(before), statistics.median(during)
    fault.note(p99_ms=round(1000 * quiet), p99_beside_them_ms=round(1000 * busy), slow_ended_with=sorted(ended))
    assert busy < 2 * max(quiet, 0.1) * fault.patience, f"p99 {quiet:.3f} s became {busy:.3f} s"


SCENARIOS = {"clients": slow_clients}
