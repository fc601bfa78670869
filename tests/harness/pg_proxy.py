"""Between a service and PostgreSQL: a unix socket that can cut connections at COMMIT."""
import os
import socket
import threading

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class PgProxy:
    """`on_commit`: None, "drop_before" (the server never sees it) or "drop_after" (the answer is never seen)."""

    def __init__(self, server, directory):
        self.server_path = os.path.join(server.sockets, ".s.PGSQL.5432")
        self.directory = directory.make("proxy")
        self.on_commit, self.cut = None, 0
        self.refuse = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.path.join(self.directory, ".s.PGSQL.5432"))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def conninfo(self, user):
        return f"host={self.directory} dbname=sangkien user={user}"

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.server_path)
            except OSError:
                client.close()
                continue
            if self.refuse:
                client.close()
                server.close()
                continue
            threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
            threading.Thread(target=self._to_client, args=(client, server), daemon=True).start()

    def _to_server(self, client, server):
        try:
            while data := client.recv(65536):
                if self.on_commit is not None and COMMIT in data:
                    self._cut(client, server, data)
                    return
                server.sendall(data)
        except OSError:
            pass
        _end(client, server)

    def _cut(self, client, server, data):
        what, self.on_commit = self.on_commit, None
        self.cut += 1
        if what == "drop_before":
            _end(client, server)
            return
        # The answer must not get through: the client's side goes first.
        client.shutdown(socket.SHUT_RDWR)
        server.sendall(data)
        try:
            while server.recv(65536):
                pass
        except OSError:
            pass
        _end(client, server)

    def _to_client(self, client, server):
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass


def _end(*sockets):
    for end in sockets:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        end.close()
