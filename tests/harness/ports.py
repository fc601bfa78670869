"""Ports for what must be told its port before it binds it."""
import random
import socket


def free_port():
    """None that the kernel may give to a client's end of a connection meanwhile."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
