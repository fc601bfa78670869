"""The programs of before the newest migration, under load, and then the present ones over the same run directory; back to those of
before on the schema as it now is, and forward again.

Would catch: a migration that the programs before it cannot live with, one that loses or blocks what comes in meanwhile, a tool that
refuses to go back, a message or a key in Redis that one side writes and the other does not understand.
"""
import json
import os
import shutil
import subprocess

from fault.world import NotRun
from harness.process import ROOT
from harness.system import TOOL, System

TITLE = "upgrade with a migration while running, and back"
RECEIPTS = 250
BUILD_S = 800
OLDER = "this tool is older"  # said by a tool of before it knew how to go back


def git(*words):
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        raise NotRun(f"this clone does not have the commit before the newest migration (git {' '.join(words)}: "
                     f"{done.stderr.strip()[:200] or 'nothing'})")
    return done.stdout.strip()


def tree_of(commit):
    """That commit's files and programs, below build/; made once."""
    tree = os.path.join(ROOT, "build", "before", commit[:12])
    if not os.path.isdir(tree):
        os.makedirs(tree + ".new", exist_ok=True)
        archive = subprocess.run(["git", "-C", ROOT, "archive", commit], capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", tree + ".new"], input=archive, check=True)
        os.rename(tree + ".new", tree)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "SANITIZE", "SANGKIEN_"))}
    made = subprocess.run(["make", "-s", "-j2", "-C", tree, "all", "SANGKIEN_VERSION=before"], env=env, timeout=BUILD_S,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert made.returncode == 0, f"{commit} does not build: {made.stderr[-1000:]}"
    nginx = os.path.join(ROOT, "build", "nginx")
    if os.path.isdir(nginx) and not os.path.isdir(f"{tree}/build/nginx"):
        shutil.copytree(nginx, f"{tree}/build/nginx", symlinks=True)
    return tree


def migrations(system):
    return [row[0] for row in system.query("SELECT name FROM migration ORDER BY number")]


def under_load(world):
    """What was asked for meanwhile is sent again, and goes on."""
    for name in world.system.instances():
        world.system.await_ready(name, 60 * world.patience)
    world.load.await_receipts(RECEIPTS, 120 * world.patience)


def go_back(system, tree):
    """As an operator does it: the older tool's `up`. One that does not know how yet is lent the present tool, for its own
    programs and files."""
    system.program = f"{tree}/build/sangkien"
    done = system.tool("up", check=False)
    if done.returncode == 0:
        return "its own tool"
    assert OLDER in done.stderr, done.stderr
    os.makedirs(f"{tree}/build/lent", exist_ok=True)
    for name in os.listdir(f"{tree}/build"):
        if os.access(f"{tree}/build/{name}", os.X_OK) and os.path.isfile(f"{tree}/build/{name}"):
            shutil.copy2(f"{tree}/build/{name}", f"{tree}/build/lent/{name}")
    shutil.copy2(TOOL, f"{tree}/build/lent/sangkien")
    system.program = f"{tree}/build/lent/sangkien"
    system.up()
    return "the newer tool"


def there_and_back(fault):
    newest = git("log", "--diff-filter=A", "--format=%H", "-1", "--", "deploy/schema/*.sql")
    before = git("rev-parse", f"{newest}^")
    tree = tree_of(before)
    system = System()
    fault.systems.append(system)
    system.program = f"{tree}/build/sangkien"
    world = fault.adopt(system.up())
    under_load(world)
    old = migrations(system)
    system.program = TOOL
    system.up()
    new = migrations(system)
    assert len(new) > len(old), "there is nothing to migrate"
    under_load(world)
    back_with = go_back(system, tree)
    assert migrations(system) == new, "the schema only goes forward"
    under_load(world)
    system.program = TOOL
    system.up()
    under_load(world)
    running = {name: os.readlink(f"/proc/{system.pid(name)}/exe") for name in system.instances()}
    stale = [name for name, program in running.items() if program.endswith(" (deleted)")]
    assert not stale, f"still the programs of before: {stale}"
    world.healed(rebuilt=True)
    fault.note(before=before[:12], migrated=json.dumps(new[len(old):]), back_with=back_with)


SCENARIOS = {"there-and-back": there_and_back}
