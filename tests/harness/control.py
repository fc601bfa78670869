"""The operators' tool against throwaway servers: their directory is its run directory."""
import json
import os
import subprocess

from .process import BUILD


class Control:
    """`directory` holds sock/ with PostgreSQL's socket and, where a command needs it, redis.sock."""

    def __init__(self, directory):
        self.directory = directory

    def run(self, *words, deadline=60, **settings):
        """Exit code, standard output, standard error."""
        env = {"PATH": "/usr/bin:/bin", "SANGKIEN_RUN": self.directory.path, **settings}
        done = subprocess.run([os.path.join(BUILD, "sangkien"), *words], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=deadline, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def do(self, *words, **settings):
        """Standard output of a command that must succeed."""
        code, output, complaints = self.run(*words, **settings)
        assert code == 0, f"sangkien {' '.join(words)} ended with {code}:\n{complaints}{output}"
        return output

    def json(self, *words):
        return json.loads(self.do(*words, "--json"))

    def write(self, name, text):
        """A file of the test's, and its path."""
        path = self.directory.below(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path
