"""Two network namespaces with a cable between them, and what cuts it. They are named after our own process, and go with us."""
import ctypes
import os
import shutil
import subprocess

from .world import NotRun

HERE, THERE = "here", "there"
# One address on each side for what is cut, and one to look at both sides all the time.
EDGES = {HERE: "10.77.0.1", THERE: "10.77.0.2"}
LOOKS = {HERE: "10.77.9.1", THERE: "10.77.9.2"}
# Rules in the far one, for what comes to it and what leaves it.
WAYS = {"to there": f"add rule inet cable input ip saddr {EDGES[HERE]} drop\n",
        "from there": f"add rule inet cable output ip daddr {EDGES[HERE]} drop\n"}
CHAINS = """add table inet cable
flush table inet cable
add chain inet cable input { type filter hook input priority 0; policy accept; }
add chain inet cable output { type filter hook output priority 0; policy accept; }
"""
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*words, text=None):
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def enter(path):
    """This thread, and what it starts from now on, uses that namespace."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)


class Networks:
    """The scenario goes on in HERE; `there(words)` are the words that start a program in THERE. NotRun: not on this machine."""

    def __init__(self, fault):
        for tool in ("ip", "nft"):
            if shutil.which(tool) is None:
                raise NotRun(f"{tool} is not installed")
        self.names = {side: f"sk{os.getpid()}{side}" for side in (HERE, THERE)}
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        fault.at_end.append(self.remove)
        try:
            self._make()
        except OSError as error:
            raise NotRun(f"no network namespaces with nft here: {error}") from error
        enter(f"/run/netns/{self.names[HERE]}")

    def _make(self):
        for name in self.names.values():
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "cable", "netns", self.names[HERE], "type", "veth", "peer", "name", "cable", "netns",
            self.names[THERE])
        for side, name in self.names.items():
            for address in (EDGES[side], LOOKS[side]):
                run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                run("ip", "-n", name, "link", "set", device, "up")
        self.heal()

    def _rules(self, text):
        run("ip", "netns", "exec", self.names[THERE], "nft", "-f", "-", text=CHAINS + text)

    def cut(self, *ways):
        """Packets are dropped without a word."""
        self._rules("".join(WAYS[way] for way in ways))

    def heal(self):
        self._rules("")

    def there(self, *words):
        return ["ip", "netns", "exec", self.names[THERE], *words]

    def remove(self):
        _libc.setns(self.home, CLONE_NEWNET)
        os.close(self.home)
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
