"""The offline mode of deduplication over the labelled texts of ../shared, judged by their own scorer.

Would catch: a change of folding, weights, sketch, index or thresholds that costs copies or accuses originals.
"""
import json
import os
import random
import runpy
import subprocess

import pytest

from harness.legacy_text import tcvn3, vni
from harness.made_copies import judge, make
from harness.process import BUILD, ROOT

DATA = os.path.join(ROOT, "..", "shared", "data", "dedup")
TRUTH = os.path.join(DATA, "dev.jsonl")
PROGRAM = os.path.join(BUILD, "deduplication")
needs_data = pytest.mark.skipif(not os.path.exists(TRUTH), reason="there is no ../shared/data/dedup")


def run(lines, *words):
    """Decisions in order, and the --stats line."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    done = subprocess.run([PROGRAM, "--offline", "-", "--stats", *words], input=text.encode(), capture_output=True,
                          timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()], json.loads(done.stderr.splitlines()[-1])


@pytest.fixture(scope="module")
def truth():
    with open(TRUTH, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def assert_quality(truth, decisions):
    score = runpy.run_path(os.path.join(DATA, "score.py"))["score"](truth, decisions)
    boilerplate = score["hn_fp"]["hn_boilerplate"]
    figures = {name: score[name] for name in ("precision", "recall", "f1", "macro_recall", "fp", "fn")}
    assert score["missing"] == 0 and score["unknown_or_repeated_ids"] == 0
    assert score["f1"] >= 0.985 and score["precision"] >= 0.99 and score["macro_recall"] >= 0.96, figures
    assert boilerplate[0] <= 0.03 * boilerplate[1], boilerplate


@needs_data
@pytest.mark.parametrize("shards", [1, 3])
def test_cold_start_in_order_of_arrival(truth, shards):
    decisions, stats = run([{"id": t["id"], "text": t["text"]} for t in truth], "--shards", str(shards))
    assert [d["id"] for d in decisions] == [t["id"] for t in truth]
    assert_quality(truth, decisions)
    assert stats["signature_bytes"] <= 256


@needs_data
def test_threads_change_nothing(truth):
    lines = [{"id": t["id"], "text": t["text"]} for t in truth]
    assert run(lines)[0] == run(lines, "--threads", "3")[0]


def test_copies_of_our_own_making():
    """R18 with other forms, declarations and edits than the labelled set's: look-alike letters of other scripts, wide and
    invisible ones, bullets, abbreviations, what scanners misread. The floor is what was measured, less a little."""
    rows = make(1, 2500)
    decisions, _ = run([{"id": row["id"], "text": row["text"]} for row in rows])
    judged = judge(rows, decisions)
    assert judged["precision"] >= 0.99 and judged["f1"] >= 0.985, judged
    recall = judged["recall_of"].values()
    assert min(recall) >= 0.93 and sum(recall) >= 0.96 * len(recall), judged
    assert max(judged["accused_of"].values()) <= 0.03, judged


def prose(source, words):
    syllables = [a + b for a in ("tr", "ng", "kh", "th", "nh", "c", "l", "m", "v", "đ", "b", "s")
                 for b in ("ảng", "iệu", "uyên", "ách", "ôi", "ong", "ấp", "inh", "ươi", "ẻ", "ạt", "ùng")]
    return " ".join(source.choice(syllables) for _ in range(words))


def test_ten_thousand_copies_of_one_text():
    """Exact copies end at the digest: they cost no more than other texts, and take little room."""
    text = prose(random.Random(1), 150)
    decisions, stats = run([{"id": str(i), "text": text} for i in range(10000)])
    assert decisions[0]["duplicate_of"] is None
    assert all(d["duplicate_of"] == "0" and d["score"] == 1 for d in decisions[1:])
    assert stats["posted"] == 1


def test_ten_thousand_near_copies_of_one_text():
    """Every copy bears another name; none disappears behind full lists."""
    source = random.Random(2)
    text = prose(source, 150)
    decisions, stats = run([{"id": str(i), "text": prose(source, 4) + " " + text} for i in range(10000)])
    assert [d["id"] for d in decisions if d["duplicate_of"] is None] == ["0"]
    assert stats["ask_and_learn_us"] < 500


def test_index_memory_a_text():
    source = random.Random(3)
    _, stats = run([{"id": str(i), "text": prose(source, 60)} for i in range(60000)])
    assert stats["duplicates"] == 0
    assert stats["index_bytes_a_text"] <= 500, stats["index_bytes_a_text"]


@pytest.mark.parametrize("texts,duplicates", [
    (["", "", "!!!", "..."], [None, "0", None, None]),  # nothing is left of them: told apart by their own bytes
    (["😀😀", "😀😀", "😀"], [None, "0", None]),
    (["sáng kiến " * 200, "Sang Kien " * 199, "tăng ca " * 200], [None, "0", None]),
    (["Dùng xe đẩy", "DUNG XE DAY", "Dùng xe nâng"], [None, "0", None]),  # too short but for exact copies
    (["a", "A", "b"], [None, "0", None]),
])
def test_strange_texts(texts, duplicates):
    decisions, _ = run([{"id": str(i), "text": text} for i, text in enumerate(texts)])
    assert [d["duplicate_of"] for d in decisions] == duplicates


@needs_data
@pytest.mark.parametrize("name,encode", [("tcvn3", tcvn3), ("vni", vni)])
def test_text_of_before_unicode(truth, name, encode):
    """R18: typed for an old font and pasted, a text is still the copy of its Unicode self, and is called what it is; no text
    in Unicode is."""
    texts = [one["text"] for one in truth[:600]]
    old = [encode(text) for text in texts]
    decisions, _ = run([{"id": str(i), "text": text} for i, text in enumerate(texts + old)])
    for text, was, decision in zip(texts, old, decisions[600:]):
        if sum(letter != other for letter, other in zip(text, was)) > 20:
            assert decision.get("encoding") == name and decision["score"] > 0.9, was
    assert not any("encoding" in decision for decision in decisions[:600])


@pytest.mark.parametrize("words", [1, 2, 5, 8, 10])
def test_short_texts(words):
    """One to ten words: the same ones are a copy whatever their spelling, one that quotes them is not."""
    source = random.Random(words)
    texts = [prose(source, words) for _ in range(40)]
    lines = texts + [text.upper() + "." for text in texts] + [text + " " + prose(source, 6 + 5 * words) for text in texts]
    decisions, _ = run([{"id": str(i), "text": text} for i, text in enumerate(lines)])
    first = {text: str(texts.index(text)) for text in texts}
    for i, text in enumerate(texts):
        assert decisions[40 + i]["duplicate_of"] == first[text], text
        assert decisions[80 + i]["duplicate_of"] is None, lines[80 + i]


def test_long_texts():
    """2,000 characters: an edited one is found, one that shares a paragraph is not."""
    source = random.Random(4)
    long = prose(source, 460)[:2000]
    words = long.split()
    edited = " ".join(prose(source, 1) if i % 20 == 7 else word for i, word in enumerate(words))
    other = " ".join(words[:80]) + " " + prose(source, 350)
    decisions, _ = run([{"id": name, "text": text} for name, text in (("a", long), ("b", edited), ("c", other))])
    assert [d["duplicate_of"] for d in decisions] == [None, "a", None]


def test_the_operators_command_is_the_service():
    """`sangkien duplicates` starts the service's program in its offline mode: the same lines, bit by bit."""
    lines = "".join(json.dumps({"id": str(i), "text": prose(random.Random(i % 7), 60)}) + "\n" for i in range(20)).encode()
    path = os.path.join(BUILD, "duplicates-test.jsonl")
    with open(path, "wb") as file:
        file.write(lines)
    words = [path, "--threads", "2", "--stats"]
    try:
        ours = subprocess.run([os.path.join(BUILD, "sangkien"), "duplicates", *words], capture_output=True, timeout=60, check=True)
        direct = subprocess.run([PROGRAM, "--offline", *words], capture_output=True, timeout=60, check=True)
    finally:
        os.unlink(path)
    assert ours.stdout == direct.stdout and len(ours.stdout.splitlines()) == 20
    assert json.loads(ours.stderr)["texts"] == 20


def test_explain_of_a_file():
    """`sangkien explain A B`: shared passages with their offsets, the form told apart; ids that are not there are named."""
    source = random.Random(6)

    def rare(count):  # words of letters in any order, so that what is common is the form alone
        return " ".join("".join(source.choices("abcdeghiklmnopqrstuvxyâêôơưđ", k=4)) for _ in range(count))

    form, own = rare(40), rare(30)
    texts = [form + " " + rare(50) for _ in range(80)] + ["Ông A. " + form + " " + own, own.upper() + ". " + form]
    path = os.path.join(BUILD, "explain-test.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        for i, text in enumerate(texts):
            file.write(json.dumps({"id": str(i), "text": text}) + "\n")
    explain = [os.path.join(BUILD, "sangkien"), "explain", "--input", path]
    try:
        found = json.loads(subprocess.run(explain + ["80", "81", "--json"], capture_output=True, timeout=60, check=True).stdout)
        shown = subprocess.run(explain + ["80", "81"], capture_output=True, timeout=60, check=True).stdout.decode()
        missing = subprocess.run(explain + ["80", "none"], capture_output=True, timeout=60, check=False)
    finally:
        os.unlink(path)
    assert found["score"] > 0.72 and not found["exact"]
    assert {passage["boilerplate"] for passage in found["passages"]} == {True, False}
    for passage in found["passages"]:
        here, there = (text[slice(*passage[at])] for text, at in ((texts[80], "at"), (texts[81], "other_at")))
        assert here.lower() == there.lower() and passage["words"] == here
    copied = " ".join(passage["words"] for passage in found["passages"] if not passage["boilerplate"])
    assert own[40:] in copied and form[:100] not in copied
    assert "boilerplate" in shown and "own words" in shown
    assert missing.returncode == 65 and "no line has the id none" in missing.stderr.decode()


@pytest.mark.parametrize("line,complaint", [
    (b"{", "2: it is not JSON"),
    (b'{"id":"1","text":"\xff"}', "2: it is not JSON in UTF-8"),
    (b'{"id":1,"text":"x"}', "2: it has no"),
    (b'{"id":"1","text":"\xc0\x80"}', 'the text "1" is not UTF-8'),
])
def test_bad_lines_are_named(line, complaint):
    done = subprocess.run([PROGRAM, "--offline", "-"], input=b'{"id":"0","text":"a"}\n' + line + b"\n",
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 65 and complaint in done.stderr.decode()
