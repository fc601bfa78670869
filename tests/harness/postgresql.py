"""A throwaway PostgreSQL: made once a session with the schema applied, copied for whoever wants one."""
import functools
import glob
import os
import shutil
import signal
import subprocess

import psycopg2

from .process import ROOT, Directory, Process, owner
from .waiting import await_condition

BIN = "/usr/lib/postgresql/15/bin"
DATABASE = "sangkien"
SERVICES = ("intake", "validation", "deduplication", "quota", "notification", "leaderboard")
SETTINGS = """
listen_addresses = ''
unix_socket_permissions = 0777
max_connections = 60
shared_buffers = 64MB
fsync = on
logging_collector = off
log_min_messages = warning
lc_messages = 'C'
timezone = 'UTC'
"""


def _as_owner(argv):
    if os.geteuid() != 0:
        return argv
    account = owner()
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"] + argv


def make_roles(server):
    """As `sangkien up` makes them before the first migration runs."""
    connection = server.connect(user="postgres", database="postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        for name in ("owner",) + SERVICES:
            cursor.execute(f"CREATE ROLE sk_{name} LOGIN")
        cursor.execute(f"CREATE DATABASE {DATABASE} OWNER sk_owner ENCODING 'UTF8' TEMPLATE template0")
    connection.close()


def migrations():
    return sorted(glob.glob(os.path.join(ROOT, "deploy", "schema", "[0-9][0-9][0-9][0-9]_*.sql")))


def apply_schema(server):
    for path in migrations():
        with open(path, encoding="utf-8") as file:
            server.query(file.read(), user="sk_owner")


class PostgreSQL:
    """One server on a unix socket in a directory of its own. Trusts every local login."""

    def __init__(self, data=None):
        self.directory = Directory()
        self.sockets = self.directory.make("sock")
        self.data = self.directory.below("data")
        self.process = None
        if data is not None:
            subprocess.run(["cp", "-a", "--reflink=auto", data, self.data], check=True)

    def create(self):
        self.directory.make("data")
        subprocess.run(_as_owner([f"{BIN}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--data-checksums",
                                  "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]),
                       check=True, stdout=subprocess.DEVNULL, cwd="/")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(SETTINGS)

    def start(self, *settings):
        argv = [f"{BIN}/postgres", "-D", self.data, "-k", self.sockets]
        for setting in settings:
            argv += ["-c", setting]
        # SIGQUIT: the postmaster takes its backends with it.
        self.process = Process(argv, self.directory.below("log"), as_owner=True, dies_with=signal.SIGQUIT)
        await_condition(self._answers, 30, "PostgreSQL to start: " + self.directory.below("log"))
        return self

    def _answers(self):
        if not self.process.running():
            raise RuntimeError("PostgreSQL ended:\n" + self.process.log_tail())
        try:
            self.connect(user="postgres", database="postgres").close()
        except psycopg2.OperationalError as error:
            raise AssertionError(str(error)) from error
        return True

    def stop(self, immediate=False):
        if self.process is not None:
            self.process.stop(signal.SIGQUIT if immediate else signal.SIGINT, 30)
            self.process = None

    def remove(self):
        self.stop(immediate=True)
        self.directory.remove()

    def conninfo(self, user="postgres", database=DATABASE):
        return f"host={self.sockets} dbname={database} user={user}"

    def connect(self, user="postgres", database=DATABASE):
        return psycopg2.connect(self.conninfo(user, database))

    def query(self, sql, values=None, user="postgres"):
        """All rows of one statement in a transaction of its own."""
        connection = self.connect(user)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


@functools.lru_cache(maxsize=None)
def template(with_schema):
    """The data directory that servers of this session are copied from."""
    server = PostgreSQL()
    server.create()
    server.start()
    make_roles(server)
    if with_schema:
        apply_schema(server)
    server.stop()
    return server.data


def new_postgresql(with_schema=True):
    """`with_schema` False: roles and an empty database, for those who migrate themselves."""
    return PostgreSQL(template(with_schema)).start()


def is_installed():
    return os.path.exists(f"{BIN}/postgres") and shutil.which("setpriv") is not None
