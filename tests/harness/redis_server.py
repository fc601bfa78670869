"""A throwaway Redis 7 on a unix socket."""
import os
import shutil

import redis

from .process import Directory, Process
from .waiting import await_condition


def program():
    """Debian's redis-tools has the server without its name: one binary that looks at argv[0]."""
    return shutil.which("redis-server") or "/usr/bin/redis-check-rdb"


class Redis:
    def __init__(self, acl=(), socket=None):
        """`acl`: lines of an ACL file ("user quota on >secret ~board:* +@all"). `socket`: a path in a folder of the
        servers' owner, where it must stand in a run directory."""
        self.directory = Directory()
        self.run_folder = self.directory.make("run")
        self.socket = socket or os.path.join(self.run_folder, "redis.sock")
        self.acl = list(acl)
        self.process = None

    def start(self):
        argv = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "777", "--save", "",
                "--appendonly", "no", "--dir", self.run_folder]
        if self.acl:
            path = self.directory.below("users.acl")
            with open(path, "w", encoding="utf-8") as file:
                file.write("user default on nopass ~* &* +@all\n" + "\n".join(self.acl) + "\n")
            argv += ["--aclfile", path]
        self.process = Process(argv, self.directory.below("log"), executable=program(), as_owner=True)
        await_condition(self._answers, 10, "Redis to start")
        return self

    def _answers(self):
        if not self.process.running():
            raise RuntimeError("Redis ended:\n" + self.process.log_tail())
        try:
            return self.client().ping()
        except redis.exceptions.ConnectionError as error:
            raise AssertionError(str(error)) from error

    def client(self, **options):
        return redis.Redis(unix_socket_path=self.socket, **options)

    @property
    def address(self):
        return "unix:" + self.socket

    def stop(self):
        if self.process is not None:
            self.process.stop()
            self.process = None

    def remove(self):
        self.stop()
        self.directory.remove()
