#!/usr/bin/python3
"""What finding copies costs, beside MinHash with 128 permutations, LSH and exact verification in plain scalar C (minhash.c)
in the same run over the same texts; and how the cost grows. Prints a table, writes build/bench-deduplication.json.

usage: tests/bench/deduplication.py [--texts N] [--many N] [--rounds N]      exit code 1: a gate does not hold

The texts are those of many_texts.c, which says how they vary; where the labelled texts of ../shared are there, both methods
are judged on them too (their scorer, cold start): F1 is a gate there, the ratio is shown, for so few texts
at a cold start pay for the first snapshots and the first growth of the index. CPU is that of one thread, reading and writing apart. Absolute figures are
of this machine and hour; the ratio is what to compare.
"""
import argparse
import json
import os
import runpy
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

from harness.process import BUILD, ROOT  # noqa: E402

DATA = os.path.join(ROOT, "..", "shared", "data", "dedup")
RATIO_LEAST, GROWTH_MOST, INDEX_BYTES_MOST, SIGNATURE_BYTES_MOST = 3.0, 1.5, 500, 256
OURS = [os.path.join(BUILD, "deduplication"), "--offline"]
THEIRS = os.path.join(BUILD, "tests", "bench", "minhash")
MAKER = os.path.join(BUILD, "tests", "bench", "many_texts")


def run(argv, decisions, **options):
    """The line of figures."""
    with open(decisions, "wb") as out:
        done = subprocess.run(argv, stdout=out, stderr=subprocess.PIPE, check=True, **options)
    return json.loads(done.stderr.splitlines()[-1])


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def score_made(texts, decisions):
    """Precision, recall and F1: a copy is found where it is linked to a text of the same origin."""
    origin = {text["id"]: text["copy_of"] or text["id"] for text in texts}
    found = wrong = copies = 0
    for text, decision in zip(texts, decisions):
        of = decision["duplicate_of"]
        copies += text["copy_of"] is not None
        if of is not None:
            right = text["copy_of"] is not None and origin[of] == origin[text["id"]]
            found, wrong = found + right, wrong + (not right)
    precision, recall = found / max(1, found + wrong), found / max(1, copies)
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / max(1e-9, precision + recall)}


def compare(texts_path, score, rounds):
    """Both methods in turn, so that what else the machine does meets both; the median of each."""
    ours, theirs = [], []
    decisions = os.path.join(BUILD, "bench-decisions")
    for _ in range(rounds):
        ours.append(run(OURS + [texts_path, "--stats"], decisions + ".ours"))
        theirs.append(run([THEIRS, texts_path], decisions + ".theirs"))
    result = {
        "texts": ours[0]["texts"],
        "us_a_text": statistics.median(one["judge_us"] for one in ours),
        "minhash_us_a_text": statistics.median(one["judge_us"] for one in theirs),
        "ratio": statistics.median(b["judge_us"] / a["judge_us"] for a, b in zip(ours, theirs)),
        "ours": score(read(decisions + ".ours")),
        "minhash": score(read(decisions + ".theirs")),
        "stats": ours[-1],
    }
    for name in ("ours", "theirs"):
        os.unlink(f"{decisions}.{name}")
    return result


def compare_made(options):
    path = os.path.join(BUILD, "bench-texts.jsonl")
    with open(path, "wb") as out:
        subprocess.run([MAKER, str(options.texts)], stdout=out, check=True)
    texts = read(path)
    result = compare(path, lambda decisions: score_made(texts, decisions), options.rounds)
    os.unlink(path)
    return result


def compare_labelled(options):
    truth_path = os.path.join(DATA, "dev.jsonl")
    if not os.path.exists(truth_path):
        return None
    truth, path = read(truth_path), os.path.join(BUILD, "bench-labelled.jsonl")
    with open(path, "w", encoding="utf-8") as out:
        for text in truth:
            out.write(json.dumps({"id": text["id"], "text": text["text"]}, ensure_ascii=False) + "\n")
    scorer = runpy.run_path(os.path.join(DATA, "score.py"))["score"]

    def score(decisions):
        figures = scorer(truth, decisions)
        return {name: figures[name] for name in ("precision", "recall", "f1", "macro_recall")}

    result = compare(path, score, options.rounds)
    os.unlink(path)
    return result


def grow(options, few):
    """The cost of those that come after the first N, by the cost of the first N."""
    maker = subprocess.Popen([MAKER, str(options.many)], stdout=subprocess.PIPE)
    stats = run(OURS + ["-", "--stats"], os.devnull, stdin=maker.stdout)
    maker.stdout.close()
    assert maker.wait() == 0 and stats["texts"] == options.many
    first = few["us_a_text"] * few["texts"]
    later = (stats["judge_us"] * stats["texts"] - first) / (stats["texts"] - few["texts"])
    return {"texts": options.many, "us_a_text": stats["judge_us"], "us_a_later_text": later,
            "growth": later / few["us_a_text"], "index_bytes_a_text": stats["index_bytes_a_text"], "stats": stats}


def gates(result):
    """What does not hold."""
    failed = []
    for name in ("made", "labelled"):
        one = result[name]
        if one is None:
            continue
        if name == "made" and one["ratio"] < RATIO_LEAST:
            failed.append(f"{name}: {one['ratio']:.2f} times as fast as MinHash, not {RATIO_LEAST}")
        if one["ours"]["f1"] <= one["minhash"]["f1"]:
            failed.append(f"{name}: F1 {one['ours']['f1']:.4f} is not above MinHash's {one['minhash']['f1']:.4f}")
    many = result["many"]
    if many["growth"] >= GROWTH_MOST:
        failed.append(f"a later text costs {many['growth']:.2f} times an early one, not below {GROWTH_MOST}")
    for size in (result["made"]["stats"], many["stats"]):
        if size["index_bytes_a_text"] > INDEX_BYTES_MOST:
            failed.append(f"{size['index_bytes_a_text']:.0f} bytes of index a text, more than {INDEX_BYTES_MOST}")
        if size["signature_bytes"] > SIGNATURE_BYTES_MOST:
            failed.append(f"{size['signature_bytes']} bytes of signature, more than {SIGNATURE_BYTES_MOST}")
    return failed


def print_table(result):
    print(f"\n{'':34} {'made':>10} {'labelled':>10}")

    def row(name, value):
        cells = [value(result[kind]) if result[kind] else "-" for kind in ("made", "labelled")]
        print(f"{name:34} {cells[0]:>10} {cells[1]:>10}")

    row("texts", lambda one: str(one["texts"]))
    row("CPU a text, microseconds", lambda one: f"{one['us_a_text']:.1f}")
    for phase in ("sign", "ask_and_learn", "verify"):
        row("  " + phase, lambda one, phase=phase: f"{one['stats'][phase + '_us']:.1f}")
    row("  MinHash-128 with LSH", lambda one: f"{one['minhash_us_a_text']:.1f}")
    row("ratio", lambda one: f"{one['ratio']:.2f}")
    row("F1", lambda one: f"{one['ours']['f1']:.4f}")
    row("  MinHash-128 with LSH", lambda one: f"{one['minhash']['f1']:.4f}")
    many = result["many"]
    print(f"{many['texts']} texts: {many['us_a_text']:.1f} microseconds a text, {many['us_a_later_text']:.1f} a later one "
          f"({many['growth']:.2f} times an early one), {many['index_bytes_a_text']:.0f} bytes of index a text, "
          f"{many['stats']['signature_bytes']} of signature")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    made = compare_made(options)
    result = {"made": made, "labelled": compare_labelled(options), "many": grow(options, made)}
    print_table(result)
    with open(os.path.join(BUILD, "bench-deduplication.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    failed = gates(result)
    for complaint in failed:
        print("does not hold: " + complaint)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
