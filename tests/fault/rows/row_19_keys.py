"""Strangers at every edge, and keys that change under load.

Would catch: an edge without its allow-list (CURVE alone admits any key), a service let in where another belongs, work that is
handed to who was not admitted, a rotation that loses what was under way.
"""
import os

import zmq

from harness.edge import messages
from harness.waiting import await_condition

TITLE = "wrong or unknown CURVE key, plain peer, another's identity; keys rotate under load"
# Whose edges they are, by the beginning of their names.
OWNERS = {"intake": "intake", "reviews": "intake", "questions": "intake", "validation": "validation", "deduplication": "deduplication",
          "sign": "deduplication", "quota": "quota"}
# Who goes by a service's public key, besides its own instances.
GO_BY = {"intake": ("validation", "quota", "deduplication"), "validation": ("deduplication",), "deduplication": ("quota",),
         "quota": ("notification", "intake"), "notification": ()}


def edges(system):
    """[(endpoint, owner)]"""
    found = [(f"ipc://{system.run}/edge/{name}", next((who for start, who in OWNERS.items() if name.startswith(start)), None))
             for name in sorted(os.listdir(f"{system.run}/edge"))]
    return [(endpoint, owner) for endpoint, owner in found if owner]


class Stranger:
    """Says READY as a worker does."""

    def __init__(self, context, endpoint, server_key=None, keys=None):
        self.wire, self.endpoint = messages("envelope"), endpoint
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        if keys:
            self.socket.curve_publickey, self.socket.curve_secretkey = keys
            self.socket.curve_serverkey = server_key
        self.socket.connect(endpoint)

    def is_given_something(self):
        ready = self.wire.Ready(boot_id=b"0123456789abcdef", credit=8, instance=b"stranger")
        envelope = self.wire.Envelope(version=1, kind=self.wire.KIND_READY, ready=ready)
        try:
            self.socket.send(envelope.SerializeToString(), zmq.NOBLOCK)
        except zmq.Again:
            pass  # not let in
        return bool(self.socket.poll(0))


def strangers(fault):
    world = fault.world()
    system, context = world.system, zmq.Context()
    fault.at_end.append(lambda: context.destroy(linger=0))
    found = []
    for endpoint, owner in edges(system):
        wrong = "validation" if "outbox" in endpoint else "notification"
        server = system.key_pair(owner)[0]
        found += [Stranger(context, endpoint), Stranger(context, endpoint, server, zmq.curve_keypair()),
                  Stranger(context, endpoint, zmq.curve_keypair()[0], zmq.curve_keypair()),
                  Stranger(context, endpoint, server, system.key_pair(wrong))]
    given = set()
    for _ in range(8):
        world.load.await_receipts(40, 60 * fault.patience)
        given |= {stranger.endpoint for stranger in found if stranger.is_given_something()}
    assert not given, f"strangers were handed work at {given}"
    world.healed()
    fault.note(strangers=len(found), edges=len(found) // 4)


def write_pair(system, service):
    """As `sangkien up` makes one: a file of its own, mode 0400, that takes the old one's place at once."""
    account = os.stat(f"{system.run}/keys/{service}.secret")
    for which, text in zip(("public", "secret"), zmq.curve_keypair()):
        path = f"{system.run}/keys/{service}.{which}"
        with open(path + ".new", "wb") as file:
            file.write(text)
        os.chmod(path + ".new", 0o400)
        os.chown(path + ".new", account.st_uid, account.st_gid)
        os.replace(path + ".new", path)


def rotation(fault):
    world = fault.world("intake=2", "validation=2", "quota=2")
    system, instances = world.system, world.system.instances()
    for service, others in GO_BY.items():
        before = system.key_pair(service)[0]
        write_pair(system, service)
        assert system.key_pair(service)[0] != before
        # They are ready only together: who was started first waits for those that go by the new key.
        turned = [instance for instance in instances if instance.startswith((service,) + others)]
        for instance in turned:
            system.restart_with(instance)
        for instance in turned:
            system.await_ready(instance, 60 * fault.patience)
        world.load.await_receipts(20, 60 * fault.patience)
    world.healed()
    await_condition(lambda: world.watch.proved_since(world.healed_at), 60 * fault.patience, "decisions to reach the board")
    fault.note(rotated=len(GO_BY))


SCENARIOS = {"strangers": strangers, "rotation": rotation}
