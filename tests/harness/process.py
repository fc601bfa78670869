"""Child processes that end with us, whatever happens to us."""
import atexit
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from .waiting import await_condition

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("SANGKIEN_BUILD", "build"))
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
MEMORY, ROOM = "/dev/shm", 2 << 30


def throwaway_root(disk):
    """Where directories are made that live as long as a test: in memory where it has room and programs may run from it, else on
    `disk`. A file system on a disk looks for each new file at what was removed in the last seconds, and databases that come
    and go are of thousands of files."""
    try:
        about = os.statvfs(MEMORY)
    except OSError:
        return disk
    roomy = about.f_bavail * about.f_frsize >= ROOM and os.access(MEMORY, os.W_OK | os.X_OK)
    return MEMORY if roomy and not about.f_flag & os.ST_NOEXEC else disk


def owner():
    """Who servers run as: initdb refuses root, so root lends them to `postgres`."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    return pwd.getpwnam("postgres")


def children(pid):
    """Of all its threads, as of now."""
    found = []
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{other}/stat", encoding="ascii", errors="replace") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(other))
        except OSError:
            pass
    return found


class Directory:
    """A short directory of our own (a unix socket's path has at most 107 bytes), removed at the end."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="sk.", dir=throwaway_root("/tmp"))
        os.chmod(self.path, 0o755)
        if os.geteuid() == 0:
            os.chown(self.path, owner().pw_uid, owner().pw_gid)
        atexit.register(self.remove)

    def below(self, *names):
        return os.path.join(self.path, *names)

    def make(self, *names):
        """A directory that the servers' owner may write to."""
        path = self.below(*names)
        os.makedirs(path, mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(path, owner().pw_uid, owner().pw_gid)
        return path

    def remove(self):
        atexit.unregister(self.remove)
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A child that is ended by its pid at the latest when we end; its output is in `log_path`."""

    def __init__(self, argv, log_path, env=None, executable=None, as_owner=False, dies_with=signal.SIGKILL, cwd=None):
        self.argv, self.log_path = argv, log_path
        account = owner() if as_owner and os.geteuid() == 0 else None

        def before_exec():
            if account is not None:
                os.setgroups([])
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            # After the change of user, which clears it.
            _libc.prctl(PR_SET_PDEATHSIG, dies_with)

        with open(log_path, "ab") as log:
            self.child = subprocess.Popen(argv, executable=executable, env=env, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, preexec_fn=before_exec, cwd=cwd or "/")
        self._dies_with = dies_with
        atexit.register(self._end)

    def _end(self):
        """The signal that ends its children too; SIGKILL of a postmaster would leave them."""
        try:
            self.stop(self._dies_with)
        except AssertionError:
            pass  # stop() has insisted

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def send(self, number):
        if self.running():
            self.child.send_signal(number)

    def pause(self):
        self.send(signal.SIGSTOP)

    def resume(self):
        self.send(signal.SIGCONT)

    def wait(self, deadline=10.0):
        """Its exit code."""
        await_condition(lambda: not self.running(), deadline, f"the end of {self.argv[0]}")
        atexit.unregister(self._end)
        return self.child.returncode

    def kill(self):
        self.send(signal.SIGKILL)
        return self.wait()

    def stop(self, number=signal.SIGTERM, deadline=10.0):
        """Asks, and insists where asking does not help."""
        self.resume()
        self.send(number)
        try:
            return self.wait(deadline)
        except AssertionError:
            self.kill()
            raise

    def output(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def log_tail(self, lines=30):
        return "\n".join(self.output().splitlines()[-lines:])
