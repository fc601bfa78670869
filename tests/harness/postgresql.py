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
PRISTINE = "pristine"  # the schema without a row, never connected to
SERVICES = ("intake", "validation", "deduplication", "quota", "notification", "leaderboard")
SETTINGS = """
listen_addresses = ''
unix_socket_permissions = 0777
max_connections = 60
shared_buffers = 64MB
# Nothing here outlives a crash of the machine; a crash of PostgreSQL loses nothing without it.
fsync = off
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
    execute_alone(server, *(f"CREATE ROLE sk_{name} LOGIN" for name in ("owner",) + SERVICES),
                  f"CREATE DATABASE {DATABASE} OWNER sk_owner ENCODING 'UTF8' TEMPLATE template0")


def execute_alone(server, *statements):
    """Those that PostgreSQL runs in no transaction."""
    connection = server.connect(user="postgres", database="postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
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
                                  "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--wal-segsize=1"]),
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

    def reset(self, with_schema=True):
        """As new for the next test, which is quicker than a new one."""
        execute_alone(self, f"DROP DATABASE {DATABASE} WITH (FORCE)",
                      f"CREATE DATABASE {DATABASE} OWNER sk_owner TEMPLATE {PRISTINE if with_schema else 'template0'} "
                      "STRATEGY file_copy")
        for name in os.listdir(self.directory.path):
            path = self.directory.below(name)
            if name not in ("sock", "data", "log"):
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        return self

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
def template():
    """The data directory that servers of this session are copied from."""
    server = PostgreSQL()
    server.create()
    server.start()
    make_roles(server)
    apply_schema(server)
    execute_alone(server, f"CREATE DATABASE {PRISTINE} TEMPLATE {DATABASE}",
                  f"ALTER DATABASE {PRISTINE} ALLOW_CONNECTIONS false")
    server.stop()
    return server.data


def new_postgresql():
    """A server of one's own, with the schema."""
    return PostgreSQL(template()).start()


_spare = []


def borrow_postgresql(with_schema=True):
    """One that an earlier test has given back, as new; or a new one. `with_schema` False: roles and an empty database,
    for those who migrate themselves."""
    server = _spare.pop() if _spare else new_postgresql()
    return server.reset(with_schema)


def give_back(server):
    """Only one that still runs as it was started is of use to another test."""
    if server.process is not None and server.process.running() and not _spare:
        _spare.append(server)
    else:
        server.remove()


def is_installed():
    return os.path.exists(f"{BIN}/postgres") and shutil.which("setpriv") is not None
