"""Between two ends of an edge: one who has the keys of both, reads what they say, and says it twice, late or in another order.
What CURVE refuses on the wire, a worker that was slow or connected anew may do all the same.
"""
import collections
import heapq
import itertools
import random
import threading
import time

import zmq

REPEATED_WITHIN_S, LATE_S = 8.0, 0.4
HARMS = ("repeated", "repeated late", "out of order")
POLL_MS = 20


class LetterProxy:
    """A ROUTER for the workers of one upstream instance, and for each of them a DEALER to it. `share` of what passes, either
    way, comes to harm."""

    def __init__(self, upstream, owner, visitor, seed):
        """`owner`, `visitor`: (public, secret) of whose edge it is and of who goes to it."""
        self.upstream, self.owner, self.visitor = upstream, owner, visitor
        self.share, self.dice, self.done = 0.0, random.Random(seed), collections.Counter()
        self.context = zmq.Context()
        self.router = self._socket(zmq.ROUTER)
        self.router.router_mandatory = True
        self.router.curve_server = True
        self.router.curve_publickey, self.router.curve_secretkey = owner
        self.address = "tcp://127.0.0.1:%d" % self.router.bind_to_random_port("tcp://127.0.0.1")
        self.dealers = {}  # by the worker's routing id
        self.later, self.numbers = [], itertools.count()  # (when, number, function)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _socket(self, kind):
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.heartbeat_ivl, socket.heartbeat_timeout = 1000, 3000
        return socket

    def _dealer(self, worker):
        if worker not in self.dealers:
            dealer = self.dealers[worker] = self._socket(zmq.DEALER)
            dealer.curve_publickey, dealer.curve_secretkey = self.visitor
            dealer.curve_serverkey = self.owner[0]
            dealer.connect("ipc://" + self.upstream)
            self.poller.register(dealer, zmq.POLLIN)
        return self.dealers[worker]

    def _run(self):
        self.poller = zmq.Poller()
        self.poller.register(self.router, zmq.POLLIN)
        while not self.ending.is_set():
            self.poller.poll(POLL_MS)
            self._drain()
            while self.later and self.later[0][0] <= time.monotonic():
                heapq.heappop(self.later)[2]()
        self.context.destroy(linger=0)

    def _drain(self):
        while self.router.poll(0):
            worker, *letter = self.router.recv_multipart()
            self._dealer(worker)
            self._meddle(lambda worker=worker, letter=letter: self._up(worker, letter))
        for worker, dealer in list(self.dealers.items()):
            while worker in self.dealers and dealer.poll(0):
                letter = dealer.recv_multipart()
                self._meddle(lambda worker=worker, letter=letter: self._down(worker, letter))

    def _up(self, worker, letter):
        if worker in self.dealers:
            try:
                self.dealers[worker].send_multipart(letter, zmq.NOBLOCK)
            except zmq.Again:
                self.done["no room"] += 1

    def _down(self, worker, letter):
        try:
            self.router.send_multipart([worker, *letter], zmq.NOBLOCK)
        except zmq.ZMQError:  # this connection is over
            dealer = self.dealers.pop(worker, None)
            if dealer is not None:
                self.poller.unregister(dealer)
                dealer.close()

    def _meddle(self, passing_on):
        harm = self.dice.choice(HARMS) if self.dice.random() < self.share else None
        if harm is not None:
            self.done[harm] += 1
        if harm != "out of order":
            passing_on()
        if harm == "repeated":
            passing_on()
        elif harm == "repeated late":
            self._at(self.dice.uniform(0, REPEATED_WITHIN_S), passing_on)
        elif harm == "out of order":
            self._at(self.dice.uniform(0, LATE_S), passing_on)

    def _at(self, seconds, function):
        heapq.heappush(self.later, (time.monotonic() + seconds, next(self.numbers), function))

    def close(self):
        self.ending.set()
        self.thread.join(10)
