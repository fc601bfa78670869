"""The rows of the fault matrix: one file a row, `rows/row_NN_words.py`, with a TITLE and SCENARIOS, which names functions that
take a Fault. A scenario is asked for by its row ("13") or by row and name ("13-flushall")."""
import glob
import importlib
import os
import re
import time
import traceback

from .world import Fault, NotRun

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows")
PASSED, FAILED, NOT_RUN = "passed", "FAILED", "not run"


def rows():
    """{number: module}, in order."""
    found = {}
    for path in sorted(glob.glob(os.path.join(FOLDER, "row_*.py"))):
        name = os.path.basename(path)[:-len(".py")]
        found[int(re.match(r"row_(\d+)_", name).group(1))] = importlib.import_module(f"fault.rows.{name}")
    return found


def scenarios(only=None):
    """[(name, row's title, function)]; `only`: comma list of what is wanted, None: all."""
    found = [(f"{number}-{word}", module.TITLE, function)
             for number, module in rows().items() for word, function in module.SCENARIOS.items()]
    wanted = only.split(",") if only else []
    unknown = [word for word in wanted if not any(name == word or name.split("-")[0] == word for name, _, _ in found)]
    if unknown:
        raise SystemExit(f"no such row: {unknown[0]} (one of {', '.join(name for name, _, _ in found)})")
    return [one for one in found if not wanted or one[0] in wanted or one[0].split("-")[0] in wanted]


def run(name, seed, patience=1.0):
    """{name, verdict, why, seconds, measured}"""
    (_, title, function), = scenarios(name)
    fault, began = Fault(name, f"{seed}", patience), time.monotonic()
    result = {"name": name, "title": title, "verdict": PASSED, "why": ""}
    try:
        function(fault)
        fault.conclude()
    except NotRun as reason:
        result.update(verdict=NOT_RUN, why=str(reason))
    except Exception as error:  # whatever it was: the next row is to run
        traceback.print_exc()
        result.update(verdict=FAILED, why=f"{type(error).__name__}: {error}")
    finally:
        keep_logs(fault, result)
        fault.clean()
    return {**result, "seconds": round(time.monotonic() - began, 1), "measured": fault.measured}


def keep_logs(fault, result):
    """Of a failure, what the services said last."""
    if result["verdict"] != FAILED:
        return
    for system in fault.systems:
        for path in sorted(glob.glob(f"{system.run}/log/*/current")):
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = [line.rstrip() for line in file if '"info"' not in line][-8:]
            if lines:
                print(f"--- {os.path.relpath(path, system.run)}")
                print("\n".join(line[:400] for line in lines))
