"""A synchronous standby of a system's PostgreSQL, and taking over from it: the old one is fenced off, the new one answers under
the same name, as an address that moves."""
import os
import signal
import subprocess

import psycopg2

from harness.postgresql import BIN
from harness.process import Process, children
from harness.waiting import await_condition

SOCKET = ".s.PGSQL.5432"


def command_of(pid):
    with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
        return file.read()


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Standby:
    def __init__(self, fault, system):
        self.fault, self.system, self.process, self.stopped = fault, system, None, 0
        self.data, self.sockets = f"{system.run}/standby", f"{system.run}/sock2"
        self.account = os.stat(f"{system.run}/pg")
        os.mkdir(self.sockets, 0o700)
        os.chown(self.sockets, self.account.st_uid, self.account.st_gid)
        fault.at_end.append(self.end)

    def _as_owner(self, *words):
        prefix = [] if os.geteuid() != 0 else [
            "setpriv", f"--reuid={self.account.st_uid}", f"--regid={self.account.st_gid}", "--clear-groups"]
        done = subprocess.run(prefix + list(words), cwd="/", capture_output=True, text=True, check=False,
                              env={"PATH": "/usr/bin:/bin", "PGPASSFILE": f"{self.system.run}/keys/owner.pgpass"})
        assert done.returncode == 0, f"{words}: {done.stderr}"

    def start(self):
        """A copy of what runs, that every commit waits for from now on."""
        self._as_owner(f"{BIN}/pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-h",
                       f"{self.system.run}/sock", "-U", "sk_owner")
        self.process = Process([f"{BIN}/postgres", "-D", self.data, "-k", self.sockets, "-c", "synchronous_standby_names="],
                               f"{self.system.run}/standby.log", as_owner=True, dies_with=signal.SIGQUIT)
        await_condition(lambda: self.system.query("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")[0][0] == 1,
                        60 * self.fault.patience, "the standby to stream")
        self._alter("SET synchronous_standby_names = '*'")
        await_condition(lambda: self.system.query("SELECT sync_state FROM pg_stat_replication") == [("sync",)],
                        60 * self.fault.patience, "the standby to be synchronous")
        return self

    def _alter(self, words):
        connection = self.system.connect()
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER SYSTEM {words}")
            cursor.execute("SELECT pg_reload_conf()")
        connection.close()

    def stop_receiving(self):
        """The process that takes the log from the primary stands still until the primary is gone."""
        self.stopped = next(pid for pid in children(self.process.child.pid) if "walreceiver" in command_of(pid))
        os.kill(self.stopped, signal.SIGSTOP)

    def take_over(self):
        """The old primary is killed with all its children before the new one is promoted."""
        self.system.control("postgresql", "-O")
        old = self.system.pid("postgresql")
        family = [old] + children(old)
        kill_all(family)
        await_condition(lambda: all(is_gone(pid) for pid in family), 30, "the old primary to be gone")
        if self.stopped and not is_gone(self.stopped):
            os.kill(self.stopped, signal.SIGCONT)
        self._as_owner(f"{BIN}/pg_ctl", "promote", "-D", self.data, "-t", "60")
        name = f"{self.system.run}/sock/{SOCKET}"
        for stale in (name, name + ".lock"):
            if os.path.lexists(stale):
                os.unlink(stale)
        os.symlink(f"{self.sockets}/{SOCKET}", name)
        await_condition(self._takes_writes, 60 * self.fault.patience, "the new primary to take writes")

    def _takes_writes(self):
        try:
            return self.system.query("SELECT NOT pg_is_in_recovery()")[0][0]
        except psycopg2.Error as error:
            raise AssertionError(str(error)) from error

    def end(self):
        if self.stopped and not is_gone(self.stopped):
            os.kill(self.stopped, signal.SIGKILL)  # one that stands still does not see its postmaster go
        if self.process is not None:
            self.process.kill()
