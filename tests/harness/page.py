"""The page's tests: one system for all of them, campaigns that are in the states they look at, Node and a real Chromium."""
import datetime
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.parse

from .process import ROOT
from .system import System

TIMEOUT_S = 900
TAP = re.compile(r"^(ok|not ok) \d+ - (.*?)(?: # (SKIP|TODO).*)?$")
UNITS = ('code,name,level,parent_code,block,accepts\nR,Cả nước,0,,,0\n'
         'X1,"<img src=x onerror=""window.spoilt=1""> \u202eđảo\u202c 🏭",1,R,,1\nX2,Công đoàn B,1,R,,1\n')


def _soon(demo):
    """The demo campaign's rules, opening in ten days and more."""
    opens = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=15)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    return re.sub(r"^opens_at: .*$", "opens_at: " + opens, demo.replace("code: demo", "code: page-soon", 1), count=1, flags=re.MULTILINE)


def prepare(system):
    with open(os.path.join(ROOT, "deploy", "campaigns", "demo.yaml"), encoding="utf-8") as file:
        demo = file.read()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        for name, content in (("soon.yaml", _soon(demo)), ("units.csv", UNITS)):
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(content)
        system.tool("campaign", "apply", os.path.join(directory, "soon.yaml"))
        system.tool("units", "import", os.path.join(directory, "units.csv"), "--campaign", "page-soon")


def run(word):
    """[(test, None or what it said)]; a browser that is not there is a fault, not a skip."""
    chromium = shutil.which("chromium-headless-shell")  # Chromium without its windows, at three fifths of the CPU
    if chromium is None:
        return [("chromium-headless-shell", "it is not installed; `deploy/bootstrap test` installs it")]
    system = System()
    try:
        prepare(system.up())
        ops = json.loads(system.tool("status", "--json").stdout)["ops"]
        env = {**os.environ, "PAGE_ADDRESS": system.address, "PAGE_OPS": urllib.parse.urlsplit(ops).netloc, "PAGE_RUN": system.run,
               "PAGE_CHROMIUM": chromium, "PAGE_SHOTS": os.path.join(ROOT, "build", "page"),
               "PAGE_MODULES": os.path.join(ROOT, "build", "npm", "tests", "node_modules")}
        argv = ["node", "--test-reporter=tap", *(["--test-name-pattern", word] if word else []), os.path.join(ROOT, "tests", "web", "all.mjs")]
        done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    finally:
        system.remove()
    with open(os.path.join(ROOT, "build", "test-web.tap"), "w", encoding="utf-8") as file:
        file.write(done.stdout)
    return read_tap(done.stdout, done.stderr, done.returncode)


def read_tap(text, errors, code):
    found = []
    for line in text.splitlines():
        match = TAP.match(line)
        if match is not None and match[3] is None:
            found.append([match[2], None if match[1] == "ok" else ""])
        elif match is None and found and found[-1][1] is not None and not line.startswith("# Subtest"):
            found[-1][1] += line + "\n"  # what a failed test says stands behind its line
    if not found or (code != 0 and all(fault is None for _, fault in found)):
        found.append(["node", f"ended with {code}\n{text[-3000:]}\n{errors[-3000:]}"])
    return [tuple(entry) for entry in found]
