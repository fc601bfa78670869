"""Starts a service of build/ with settings and waits until it says that it is ready."""
import http.client
import os
import re

from .process import BUILD, Process
from .waiting import PATIENCE_S, await_condition

# What is in the log of a program that has ended by a fault of its own.
CRASH = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|Assertion .* failed")
_LINE = re.compile(r"^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$")


class Service:
    """`settings`: environment of the service; SANGKIEN_INSTANCE and the admin file are filled in."""

    def __init__(self, name, directory, settings, instance=None):
        self.name, self.instance = name, instance or f"{name}-1"
        self.admin_file = directory.below(self.instance + ".admin")
        self.log_path = directory.below(self.instance + ".log")
        self.settings = {"PATH": "/usr/bin:/bin", "SANGKIEN_INSTANCE": self.instance,
                         "SANGKIEN_ADMIN_LISTEN": "127.0.0.1:0", "SANGKIEN_ADMIN_FILE": self.admin_file, **settings}
        for variable in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"):
            if variable in os.environ:
                self.settings[variable] = os.environ[variable]
        self.process = None

    def start(self, ready=True, deadline=15.0):
        if os.path.exists(self.admin_file):
            os.unlink(self.admin_file)
        self.process = Process([os.path.join(BUILD, self.name)], self.log_path, env=self.settings)
        if ready:
            self.await_ready(deadline)
        return self

    def await_ready(self, deadline=15.0):
        try:
            await_condition(self.is_ready, deadline, f"{self.instance} to be ready")
        except (AssertionError, RuntimeError) as error:
            raise AssertionError(f"{error}\n{self.process.log_tail()}") from error

    def get(self, path):
        """Status and text from the admin port."""
        with open(self.admin_file, encoding="ascii") as file:
            address = file.read().strip()
        connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def is_ready(self):
        if not self.process.running():
            raise RuntimeError(f"{self.instance} ended with {self.process.child.returncode}")
        return self.get("/readyz")[0] == 200

    def metrics(self):
        """{'name{labels}': value} as /metrics gives it."""
        status, text = self.get("/metrics")
        assert status == 200
        found = {}
        for line in text.splitlines():
            match = _LINE.match(line)
            if match:
                name, labels, value = match.groups()
                found[name + ("{" + labels + "}" if labels else "")] = float(value)
        return found

    def crash(self):
        """The log's line that tells of one, None where there is none."""
        return next((line for line in self.process.output().splitlines() if CRASH.search(line)), None)

    def log_events(self, event):
        """The log's lines of one event, as text."""
        return [line for line in self.process.output().splitlines() if f'"{event}"' in line]

    def pause(self):
        self.process.pause()

    def resume(self):
        self.process.resume()

    def kill(self):
        if self.process is not None:
            self.process.kill()

    def stop(self, deadline=15.0):
        """SIGTERM, drain; its exit code."""
        return self.process.stop(deadline=deadline) if self.process is not None else 0
