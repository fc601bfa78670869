"""What a row is given: a system under the common load, watched, and torn down whatever happens."""
import os
import random
import subprocess
import threading
import time

from harness.system import System

from . import growth
from .load import Load
from .watch import Watch

UNITS = 12


class NotRun(Exception):
    """This machine lacks what the row needs; said with its reason, and never counted as passed."""


class World:
    """`system`, `load` and `watch`; a row breaks something, and says with healed() when it is whole again."""

    def __init__(self, system, seed, patience, campaign="demo"):
        self.system, self.seed, self.patience, self.campaign = system, seed, patience, campaign
        self.campaign_id, = system.query("SELECT id FROM campaign WHERE code = %s", (campaign,))[0]
        self.healed_at = self.drained_at = time.monotonic()
        self.rebuilt, self.poison = False, 0
        self.measured, self.resident, self.before = {}, {}, growth.census(system)
        self.load = self.watch = None
        self.ending = threading.Event()
        self.meter = threading.Thread(target=self._measure, daemon=True)

    def healed(self, rebuilt=False):
        """From now on the board has 5 s to be right, 30 where it must be built anew."""
        self.healed_at, self.rebuilt = time.monotonic(), rebuilt

    def units(self, dice):
        """Leaves below several provinces."""
        codes = [row[0] for row in self.system.query(
            "SELECT code FROM unit WHERE campaign_id = %s AND accepts_submissions ORDER BY code", (self.campaign_id,))]
        return dice.sample(codes, min(UNITS, len(codes)))

    def begin(self, readers=1, **options):
        dice = random.Random(self.seed)
        self.load = Load(self.system, self.seed, self.units(dice), self.campaign, **options)
        self.watch = Watch(self.system, self.campaign, self.patience, readers).start()
        self.load.start()
        self.meter.start()
        return self

    def _measure(self):
        """The most that each instance ever held."""
        while not self.ending.wait(1.0):
            for name in os.listdir(f"{self.system.run}/services"):
                if name[-1].isdigit():
                    try:
                        self.resident[name] = max(self.resident.get(name, 0), self.system.resident_bytes(name))
                    except (OSError, ValueError, subprocess.CalledProcessError):
                        pass  # between two lives

    def end(self):
        self.ending.set()
        if self.load is not None:
            self.load.ending.set()
            self.load.given_up.set()
        if self.watch is not None:
            self.watch.ending.set()


class Fault:
    """One scenario of one row. `dice` and everything random follow from the seed."""

    def __init__(self, name, seed, patience=1.0):
        self.name, self.seed, self.patience = name, seed, patience
        self.dice = random.Random(f"{seed}/{name}")
        self.worlds, self.systems, self.measured = [], [], {}
        self.at_end = []  # functions; the last one added goes first

    def system(self, *scale, **settings):
        """A system that is up, with so many instances: system("intake=2", INTAKE_LEASE_MS="2000")."""
        system = System(**settings)
        self.systems.append(system)
        system.up()
        if scale:
            system.tool("scale", *scale)
        return system

    def world(self, *scale, readers=1, load=None, **settings):
        """The same under the common load, with its first receipts given."""
        world = self.adopt(self.system(*scale, **settings), readers, **(load or {}))
        world.load.await_receipts(50, 120 * self.patience)
        return world

    def adopt(self, system, readers=1, **load):
        """The common load on a system that the row has made itself."""
        world = World(system, self.seed, self.patience)
        self.worlds.append(world)
        return world.begin(readers, **load)

    def note(self, **figures):
        self.measured.update(figures)

    def conclude(self):
        """The common criterion, for every world that the row has had."""
        from . import criterion  # psycopg2 is not needed to list the rows
        for world in self.worlds:
            criterion.hold(world)
            self.measured = {**world.measured, **self.measured}

    def clean(self):
        for world in self.worlds:
            world.end()
        for undo in reversed(self.at_end):
            undo()
        for system in reversed(self.systems):
            system.remove()
