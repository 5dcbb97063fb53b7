#!/usr/bin/env python3
"""Asks Hugging Face tokenizers for the ids of Unigram models of many forms, and writes fixtures/golden/tokenizer/unigram.json.

usage: unigram.py fixtures/golden/tokenizer/unigram.json     (needs tokenizers 0.23.3)

The vocabulary and the map of characters are those of the fixture, or are made anew of fixtures/text/persuasion.txt with --anew; each variant
is a Metaspace scheme with or without bytes, a map, and a cut at white space.
"""
import base64
import json
import math
import random
import struct
import sys
from collections import Counter

from tokenizers import Tokenizer

REPLACEMENTS = {"ﬁ": "fi", "①": "1", "Ａ": "A", "é": "e", "ab": "X", "  ": " ", "\u00a0": " "}


def vocabulary(text):
    """The likeliest pieces of up to six characters, with the logarithms of how often they come."""
    counts = Counter()
    for word in text.replace("\n", " ").split(" "):
        word = "▁" + word
        for start in range(len(word)):
            counts.update(word[start:end] for end in range(start + 1, min(start + 7, len(word) + 1)))
    noise = random.Random(5)
    pieces = [[piece, math.log(counts[piece] / 1e6) + noise.random() * 0.01] for piece, _ in counts.most_common(300)]
    return [["<unk>", 0.0], ["<s>", 0.0], ["</s>", 0.0]] + pieces


def charsmap(replacements):
    """A double array over the keys' bytes, as SentencePiece lays it out, and the texts it leads to."""
    texts, trie = b"", {}
    for key, value in replacements.items():
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[None] = len(texts)
        texts += value.encode() + b"\0"
    units, used = [0] * 4096, [False] * 4096
    used[0] = True

    def place(node, children):
        labels = [0 if label is None else label for label in children]
        offset = 1
        while any(used[node ^ offset ^ label] for label in labels):
            offset += 1
        units[node] |= offset << 10
        for label in labels:
            used[node ^ offset ^ label] = True
        for label, child in children.items():
            if label is None:
                units[node] |= 1 << 8
                units[node ^ offset] = 0x80000000 | child
            else:
                units[node ^ offset ^ label] = label
                place(node ^ offset ^ label, child)

    place(0, trie)
    last = max(index for index in range(4096) if units[index] or used[index])
    array = struct.pack(f"<{last + 1}I", *units[: last + 1])
    return base64.b64encode(struct.pack("<I", len(array)) + array + texts).decode()


def main():
    path = sys.argv[1]
    text = open("fixtures/text/persuasion.txt", encoding="utf-8").read()[:60000]
    if "--anew" in sys.argv:
        known = {"vocab": vocabulary(text), "precompiled_charsmap": charsmap(REPLACEMENTS)}
    else:
        known = json.load(open(path, encoding="utf-8"))
    texts = ["", "a", " a b", "ab ﬁne ①Ａ café\u0301 \u00a0x", "Hello, world! 東京 ab  cd", "<s> hi </s>x <s>",
             "👩‍👩‍👧 é̂ e\u0301", text[:300]]
    added = [dict(id=index, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
             for index, content in enumerate(["<unk>", "<s>", "</s>"])]
    variants = []
    schemes = [dict(type="Metaspace", replacement="▁", prepend_scheme=scheme, split=split)
               for scheme in ("always", "first", "never") for split in (True, False)]
    for index, scheme in enumerate(schemes):
        for has_bytes in (False, True):
            for normalizer in (None, dict(type="Precompiled", precompiled_charsmap=known["precompiled_charsmap"])):
                for cuts in (False, True):
                    # A third of all combinations has every pair of choices.
                    if (index + has_bytes + (normalizer is not None) + cuts) % 3:
                        continue
                    pieces = known["vocab"] + ([[f"<0x{byte:02X}>", -20.0] for byte in range(256)] if has_bytes else [])
                    pre = dict(type="Sequence", pretokenizers=[dict(type="WhitespaceSplit"), scheme]) if cuts else scheme
                    document = dict(version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=normalizer,
                        pre_tokenizer=pre, post_processor=None, decoder=dict(scheme),
                        model=dict(type="Unigram", unk_id=0, vocab=pieces, byte_fallback=has_bytes))
                    tokenizer = Tokenizer.from_str(json.dumps(document))
                    cases = [dict(text=one, ids=tokenizer.encode(one, add_special_tokens=False).ids) for one in texts]
                    variants.append(dict(pre_tokenizer=pre, decoder=dict(scheme), mapped=normalizer is not None,
                        byte_fallback=has_bytes, cases=cases))
    result = dict(vocab=known["vocab"], added_tokens=added, precompiled_charsmap=known["precompiled_charsmap"], variants=variants)
    json.dump(result, open(path, "w", encoding="utf-8"), ensure_ascii=False, indent=0)


if __name__ == "__main__":
    main()
