#!/usr/bin/env python3
"""Packs a byte-level tokenizer.json's vocabulary and merges into one small file for tests.

For each id in order: length of the token in bytes, length of the left part of its merge or 0, the bytes. Holds only for
vocabularies whose merges are in the order of the tokens they make, one each.

    vocabulary_fixture.py tokenizer.json fixtures/golden/tokenizer/qwen3.5.vocabulary
"""
import json
import sys


def main(source, target):
    model = json.load(open(source))["model"]
    visible = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    characters = {b: chr(b) for b in visible}
    characters |= {b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in characters)}
    byte = {c: b for b, c in characters.items()}
    tokens = {i: bytes(byte[c] for c in text) for text, i in model["vocab"].items()}
    left, order = [0] * len(tokens), []
    for a, b in model["merges"]:
        order.append(model["vocab"][a + b])
        assert left[order[-1]] == 0, "two merges make one token"
        left[order[-1]] = len(a)
    assert order == sorted(order), "the merges are not in the order of their tokens"
    with open(target, "wb") as file:
        for i in range(len(tokens)):
            file.write(bytes([len(tokens[i]), left[i]]) + tokens[i])


if __name__ == "__main__":
    main(*sys.argv[1:])
