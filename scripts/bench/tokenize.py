#!/usr/bin/env python3
"""Times `quern tokenize` beside Hugging Face `tokenizers` on the same text and vocabulary, one thread, interleaved.

Each round runs quern once as a new process (it reports the seconds of encoding alone, every table and cache cold) and encodes once
with a `tokenizers` object that stays loaded. Prints the medians. Needs: pip install tokenizers==0.23.3 (without it, quern alone).

    tokenize.py .build/release/quern TOKENIZER_FOLDER TEXT [ROUNDS]
"""
import json
import os
import statistics
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"


def main(quern, folder, path, rounds="7"):
    size = os.path.getsize(path) / 1e6
    text = open(path, encoding="utf-8", newline="").read()
    try:
        from tokenizers import Tokenizer
        reference = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    except ImportError:
        reference = None
    ours, theirs = [], []
    for _ in range(int(rounds)):
        run = subprocess.run([quern, "tokenize", folder, "--file", path, "--json"], capture_output=True, check=True)
        answer = json.loads(run.stdout)
        ours.append(answer["seconds"])
        if reference:
            start = time.perf_counter()
            ids = reference.encode(text, add_special_tokens=False).ids
            theirs.append(time.perf_counter() - start)
            assert ids == answer["ids"], "the ids differ"
    print(f"{size:.2f} MB, {answer['count']} tokens, {rounds} rounds")
    for name, times in (("quern", ours), ("tokenizers", theirs)):
        if times:
            middle = statistics.median(times)
            print(f"{name:12} median {middle * 1e3:8.1f} ms  {size / middle:7.2f} MB/s  (best {min(times) * 1e3:.1f} ms)")
    if theirs:
        print(f"ratio of medians {statistics.median(theirs) / statistics.median(ours):.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
