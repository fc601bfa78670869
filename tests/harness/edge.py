"""Both ends of an edge for a test: an upstream that hands out, a worker that takes. Protobuf over ZeroMQ with CURVE."""
import functools
import glob
import importlib
import os
import subprocess
import sys

import zmq

from .process import ROOT, Directory

WIRE_VERSION = 1


@functools.lru_cache(maxsize=None)
def messages(name):
    """The Python module of proto/NAME.proto, made once a session."""
    return importlib.import_module(f"{_compiled().package}.{name}_pb2")


@functools.lru_cache(maxsize=None)
def _compiled():
    directory = Directory()
    directory.package = "proto"
    sources = glob.glob(os.path.join(ROOT, "proto", "*.proto"))
    subprocess.run(["protoc", f"--proto_path={ROOT}", f"--python_out={directory.path}"] + sources, check=True)
    sys.path.insert(0, directory.path)
    return directory


def make_keys(directory, services):
    """CURVE pairs as `sangkien up` makes them; {service: (public, secret)}."""
    pairs = {}
    os.makedirs(directory, exist_ok=True)
    for service in services:
        pairs[service] = zmq.curve_keypair()
        for suffix, key in zip(("public", "secret"), pairs[service]):
            path = os.path.join(directory, f"{service}.{suffix}")
            if os.path.exists(path):
                os.unlink(path)  # 0400, of a world before in the same directory
            with open(path, "wb") as file:
                file.write(key)
            os.chmod(path, 0o400)
    return pairs


class _End:
    def __init__(self, kind):
        self.wire = messages("envelope")
        self.kind = self.wire.Kind.Value(kind)
        self.context = zmq.Context()
        self.socket = None

    def _envelope(self, kind, **fields):
        return self.wire.Envelope(version=WIRE_VERSION, kind=kind, **fields)

    def close(self):
        if self.socket is not None:
            self.socket.close(linger=0)
        self.context.term()


class Upstream(_End):
    """Hands batches of `kind` to the first worker that is ready."""

    def __init__(self, endpoint, kind, keys):
        super().__init__(kind)
        self.worker, self.acks = None, {}
        self.workers = {}  # by the instance's name
        self.boots, self.ended = {}, set()  # of an instance, the process that was heard last; of those that were killed
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.curve_server = True
        self.socket.curve_publickey, self.socket.curve_secretkey = keys
        self.socket.bind(endpoint)

    def _hear(self, wait_ms):
        while self.socket.poll(wait_ms):
            worker, frame = self.socket.recv_multipart()
            envelope = self.wire.Envelope.FromString(frame)
            if envelope.kind == self.wire.KIND_READY and envelope.ready.boot_id not in self.ended:
                instance = envelope.ready.instance.decode()
                self.worker, self.boots[instance] = worker, envelope.ready.boot_id
                self.workers[instance] = worker
            elif envelope.kind == self.wire.KIND_ACK:
                self.acks[envelope.ack.message_id] = envelope.ack
            wait_ms = 0

    def has_worker(self, instance=None):
        self._hear(10)
        return self.worker is not None if instance is None else instance in self.workers

    def forget(self, instance):
        """It was killed: what it has still said is no READY of the next process."""
        self.ended.add(self.boots.pop(instance, None))
        self.workers.pop(instance, None)
        self.worker = None

    def hand_out(self, bodies, instance=None):
        """The batch's id; to that instance, or to the one heard last."""
        message_id = os.urandom(16)
        items = [self.wire.Item(attempt=1, body=body) for body in bodies]
        envelope = self._envelope(self.kind, message_id=message_id, items=items)
        self.socket.send_multipart([self.workers.get(instance, self.worker), envelope.SerializeToString()])
        return message_id

    def ack(self, message_id):
        """The acknowledgement, None as long as there is none."""
        self._hear(10)
        return self.acks.get(message_id)


class Worker(_End):
    """Takes batches of `kind`; acknowledges when told to."""

    def __init__(self, endpoint, kind, keys, upstream_public_key, credit=4):
        super().__init__(kind)
        self.boot_id, self.credit = os.urandom(16), credit
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.curve_publickey, self.socket.curve_secretkey = keys
        self.socket.curve_serverkey = upstream_public_key
        self.socket.connect(endpoint)

    def take(self):
        """(message id, bodies) of one batch; None when none has come yet. READY goes out each time: it keeps the
        worker's place."""
        ready = self.wire.Ready(boot_id=self.boot_id, credit=self.credit, instance=b"test")
        try:
            self.socket.send(self._envelope(self.wire.KIND_READY, ready=ready).SerializeToString(), zmq.NOBLOCK)
        except zmq.Again:
            pass  # not admitted, or not yet
        while self.socket.poll(50):
            envelope = self.wire.Envelope.FromString(self.socket.recv())
            if envelope.kind == self.kind:
                return envelope.message_id, [item.body for item in envelope.items]
        return None

    def acknowledge(self, message_id, rejected=(), results=()):
        """`rejected`: (index, reason, retry) of items; `results`: one an item, where the edge asks for answers."""
        ack = self.wire.Ack(message_id=message_id, rejected=[
            self.wire.Rejection(index=index, reason=reason.encode(), retry=retry) for index, reason, retry in rejected],
            results=results)
        self.socket.send(self._envelope(self.wire.KIND_ACK, ack=ack).SerializeToString())
