#!/usr/bin/python3
"""Writes N lines {"id","text"} for measuring deduplication: `tests/bench/many_texts.py 200000 > texts.jsonl`.

How they vary: syllables of Vietnamese shape drawn by Zipf's law from 720, 90 or 150 a text (about 650 characters); every
seventh text stands behind one of 20 forms of 60 syllables; 5 in 100 are exact copies and 10 in 100 near copies (every
16th syllable drawn anew) of one of the 50,000 latest. The seed is fixed.
"""
import itertools
import json
import random
import sys

ONSETS = ("tr", "ng", "kh", "th", "nh", "c", "l", "m", "v", "đ", "b", "s", "ph", "gi", "qu", "x", "h", "t", "r", "d", "ch",
          "g", "n", "")
RIMES = ("ảng", "iệu", "uyên", "ách", "ôi", "ong", "ấp", "inh", "ươi", "ẻ", "ạt", "ùng", "ó", "ây", "ên", "à", "ất", "ước",
         "iết", "ăm", "ơn", "ai", "ông", "uất", "ịch", "ệ", "ướng", "oa", "in", "ục")
SYLLABLES = [onset + rime for onset in ONSETS for rime in RIMES]
LATEST = 50000


def main():
    source = random.Random(9)
    weights = list(itertools.accumulate(1 / (i + 5) for i in range(len(SYLLABLES))))
    source.shuffle(SYLLABLES)

    def prose(count):
        return source.choices(SYLLABLES, cum_weights=weights, k=count)

    forms = [prose(60) for _ in range(20)]
    latest = []
    for number in range(int(sys.argv[1])):
        kind = source.random()
        if kind < 0.15 and latest:
            text = list(source.choice(latest))
            for _ in range(len(text) // 16 if kind >= 0.05 else 0):
                text[source.randrange(len(text))] = source.choice(SYLLABLES)
        else:
            text = source.choice(forms) + prose(90) if kind < 0.30 else prose(150)
        if len(latest) < LATEST:
            latest.append(text)
        else:
            latest[source.randrange(LATEST)] = text
        sys.stdout.write(json.dumps({"id": str(number), "text": " ".join(text)}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
