"""Every setting that deploy/env gives a service is one it understands, so that none is written in vain."""
import glob
import os
import re
import subprocess

import pytest

from harness.process import BUILD, ROOT

PROGRAM = {"deduplication-index": "deduplication"}


def variables(path):
    with open(path, encoding="utf-8") as file:
        return {match.group(1) for match in re.finditer(r"^([A-Z_]+)=", file.read(), re.MULTILINE)}


def understood(program):
    done = subprocess.run([os.path.join(BUILD, program), "--print-config"], capture_output=True, text=True, env={}, check=False)
    return {line.split("\t")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(ROOT, "deploy", "env", "*.env"))), ids=os.path.basename)
def test_no_setting_is_written_in_vain(path):
    name = os.path.basename(path)[:-len(".env")]
    programs = ["intake", "validation", "deduplication", "quota", "notification", "leaderboard"] if name == "common" else [
        PROGRAM.get(name, name)]
    for program in programs:
        missing = variables(path) - understood(program)
        assert not missing, f"{program} does not know {sorted(missing)}"


@pytest.mark.parametrize("program", ["intake", "validation", "deduplication", "quota", "notification", "leaderboard"])
def test_a_missing_setting_is_one_clear_line_and_exit_78(program):
    done = subprocess.run([os.path.join(BUILD, program)], capture_output=True, text=True, env={}, check=False)
    assert done.returncode == 78 and "SANGKIEN_PG" in done.stderr
