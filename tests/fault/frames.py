"""Between two ends of an edge: a TCP proxy that knows ZMTP's frames and does harm to some of them.

Frames are encrypted, so an end that does not drop a connection with a changed, repeated or exchanged frame is broken; the proxy
counts who has dropped it.
"""
import collections
import random
import socket
import struct
import threading

GREETING_BYTES = 64
FLAG_LONG = 0x02
TRAFFIC = b"\x07MESSAGE"  # CURVE's command that carries a frame
DELAY_S = 0.3
DEADLY = ("flipped", "flipped size", "repeated", "exchanged")  # whoever receives it has to drop the connection
HARMS = DEADLY + ("cut", "delayed")


class Ended(Exception):
    """One side of a connection has gone."""


def read(end, size):
    data = bytearray()
    while len(data) < size:
        try:
            more = end.recv(size - len(data))
        except OSError:
            more = b""
        if not more:
            raise Ended
        data += more
    return bytes(data)


def read_frame(end):
    """(head, body)"""
    flags = read(end, 1)
    size = read(end, 8 if flags[0] & FLAG_LONG else 1)
    return flags + size, read(end, struct.unpack(">Q", size)[0] if len(size) == 8 else size[0])


def flip(data, dice):
    changed = bytearray(data)
    changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def shut(*ends):
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has gone already


class Line:
    """One connection through the proxy. Each direction has a thread."""

    def __init__(self, proxy, worker, upstream):
        self.proxy, self.ends = proxy, (worker, upstream)
        self.harmed = [None, None]  # by the direction's number: what was done to the frame that is to be refused
        for way in (0, 1):
            threading.Thread(target=self._pass_on, args=(way,), daemon=True).start()

    def _pass_on(self, way):
        source, target = self.ends[way], self.ends[1 - way]
        try:
            self._greet(source, target)
            kept = None  # the frame whose place the next one takes
            while True:
                head, body = read_frame(source)
                kept = self._frame(way, target, head, body, kept)
        except (Ended, OSError):
            self._over(way)

    @staticmethod
    def _greet(source, target):
        """An end waits for the first words of the other before it goes on with its own."""
        left = GREETING_BYTES
        while left > 0:
            words = source.recv(left)
            if not words:
                raise Ended
            target.sendall(words)
            left -= len(words)

    def _over(self, way):
        """This direction's source has gone; it is who should drop what was done to the other direction."""
        harm, self.harmed[1 - way] = self.harmed[1 - way], None
        if harm is not None:
            self.proxy.count(self.proxy.dropped, harm)
        shut(*self.ends)

    def _frame(self, way, target, head, body, kept):
        if kept is not None:
            self.harmed[way] = "exchanged"
            self.proxy.count(self.proxy.done, "exchanged")
            target.sendall(head + body + kept)
            return None
        harm = self.proxy.harm() if body.startswith(TRAFFIC) and self.harmed[way] is None else None
        if harm in DEADLY and harm != "exchanged":
            self.harmed[way] = harm
        if harm is not None and harm != "exchanged":
            self.proxy.count(self.proxy.done, harm)
        if harm == "exchanged":
            return head + body
        if harm == "cut":
            target.sendall((head + body)[:self.proxy.dice.randrange(len(head + body))])
            raise Ended
        if harm == "delayed":
            self.proxy.closing.wait(self.proxy.dice.uniform(0, DELAY_S))
        if harm == "flipped":
            body = flip(body, self.proxy.dice)
        if harm == "flipped size":
            head = head[:1] + flip(head[1:], self.proxy.dice)
        target.sendall((head + body) * (2 if harm == "repeated" else 1))
        return None


class FrameProxy:
    """Listens at `address` for workers and passes on to the unix socket `upstream`. `share` of the frames come to harm."""

    def __init__(self, upstream, seed):
        self.upstream, self.share, self.dice = upstream, 0.0, random.Random(seed)
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.done, self.dropped = collections.Counter(), collections.Counter()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.lines = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                worker, _ = self.listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            try:
                upstream.connect(self.upstream)
            except OSError:
                worker.close()  # it is just being started again
                continue
            worker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.lines.append(Line(self, worker, upstream))

    def harm(self):
        with self.lock:
            return self.dice.choice(HARMS) if self.dice.random() < self.share else None

    def count(self, counter, harm):
        with self.lock:
            counter[harm] += 1

    def close(self):
        self.closing.set()  # who is held back goes at once
        self.listener.close()
        for line in self.lines:
            shut(*line.ends)
