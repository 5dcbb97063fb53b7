#!/usr/bin/env python3
"""Writes known answers for tokenizers that differ from a base one in their pre-tokenizer, normalizer or added tokens.

Each variant names the parts of tokenizer.json it replaces; ids are Hugging Face `tokenizers`'. Needs: pip install
tokenizers==0.23.3

    tokenizer_variants.py fixtures/tiny-qwen3.5/tokenizer.json fixtures/golden/tokenizer/variants.json
"""
import copy
import json
import random
import sys

from tokenizers import Tokenizer

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD = r"[^\r\n\p{L}\p{N}]?"
POOLS = ["abcdefghijklmnopqrstuvwxyz", "ABCXYZ", "'s'S'ſ'll'LL're'VE'd'm't", "0123456789", "٠١٢५६Ⅷ½²", "   \t",
         "\n\r\n\x0b\x0c\x85\u2028\u00a0\u3000\u2003", "!?.,;:-_()[]{}<>|/\\@#$%^&*+=~", "éèñüÅÄÖß",
         "\u0301\u0300\u0327\u0323\u0308\u0345\u05b0\u3099\u093c\u0334", "日本語漢字かなカナがぎ",
         "한국어각힣\u1100\u1161\u11a8", "мирПривет", "مرحبا", "नमस्तेक़", "👩\u200d👧🇫🇷👍🏽", "\u200b\ufeff",
         "\u212b\u2126\u212a\ufb01\uf900\u0958\u0344\u0340\u1e9b\u0323"]
WORDS = ["<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|endoftext|>", "<|im_", "a <tool_call> b", "x<think>y",
         "'LL", "'ſ", " '", "abc", "aac", " 1234 ", "straße", "ABCd"]


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def byte_level(regex=False, prefix=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def o200k(tail, numbers):
    return (LEAD + UPPER + "*" + LOWER + "+" + tail + "|" + LEAD + UPPER + "+" + LOWER + "*" + tail + "|" + numbers
            + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES)


def modern(numbers):
    return CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|" + numbers + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES


SPLITS = {
    "gpt-2": [byte_level(True)], "gpt-2 with a space before": [byte_level(True, True)],
    "llama-bpe": [split(modern(r"\p{N}{1,3}")), byte_level()], "qwen2": [split(modern(r"\p{N}")), byte_level()],
    "smollm": [{"type": "Digits", "individual_digits": True}, byte_level(True)],
    "digit runs": [{"type": "Digits", "individual_digits": False}, byte_level(True)],
    "gpt-4o": [split(o200k(CONTRACTIONS + "?", r"\p{N}{1,3}")), byte_level()],
    "tekken": [split(o200k("", r"\p{N}")), byte_level()],
    "deepseek-v3": [split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"""
        + SPACES), byte_level()],
    "removed": [split(r"\s+", "Removed"), byte_level()],
    "merged with previous": [split(r"[\s.,]", "MergedWithPrevious"), byte_level()],
    "merged with next": [split(r"[\s.,]", "MergedWithNext"), byte_level()],
    "contiguous": [split(r"[\s.,]", "Contiguous"), byte_level()],
    "inverted": [split(r"\p{L}+", "Isolated", True), byte_level()],
    "inverted and removed": [split(r"\p{L}+|\s", "Removed", True), byte_level()],
    "a text": [split("'", "MergedWithNext", False, "String"), byte_level()],
    "lazy, possessive, atomic, behind": [
        split(r"\p{L}{2,4}?|(?<=[a-z])\d+|\p{Lu}++|x*|(?>ab|a)c|[^\W\d]+$|^\S"), byte_level()],
    "empty matches": [split(r"\d*"), byte_level()],
    "counted spaces": [split(modern(r"\p{N}{1,3}").replace(r"\s+(?!\S)|\s+", r"\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}")),
                       byte_level()],
    "case folded": [split(r"(?i)abc|[k-s]+|Å|ß|straße"), byte_level()],
}
NORMALIZERS = {
    "none": None, "NFD": {"type": "NFD"}, "lower case": {"type": "Lowercase"},
    "sequence": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}, {"type": "NFC"}]},
    "replaced text": {"type": "Replace", "pattern": {"String": " "}, "content": "__"},
    "replaced pattern": {"type": "Replace", "pattern": {"Regex": "\\s+|a"}, "content": " "},
    "prepended": {"type": "Prepend", "prepend": "é "},
    "stripped": {"type": "Strip", "strip_left": True, "strip_right": True},
}


def text(source):
    parts = []
    for _ in range(source.randint(1, 9)):
        if source.random() < 0.25:
            parts.append(source.choice(WORDS))
        else:
            pool = source.choice(POOLS)
            parts.append("".join(source.choice(pool) for _ in range(source.randint(1, 6))))
    return "".join(parts)


def main(base_path, target):
    base = json.load(open(base_path))
    source = random.Random(20)
    variants = []
    for name, steps in SPLITS.items():
        variants.append((f"split: {name}", {"pre_tokenizer": {"type": "Sequence", "pretokenizers": steps}}))
    for name, normalizer in NORMALIZERS.items():
        variants.append((f"normalizer: {name}", {"normalizer": normalizer}))
    flagged, normalized = copy.deepcopy(base["added_tokens"]), copy.deepcopy(base["added_tokens"])
    for i, token in enumerate(flagged):
        token.update(lstrip=i % 2 == 0, rstrip=i % 3 == 0, single_word=i % 5 == 2, normalized=i % 4 == 1 and not token["special"])
    for token in normalized:
        token.update(normalized=True, special=False, lstrip=True)
    variants.append(("added tokens: flags", {"added_tokens": flagged}))
    variants.append(("added tokens: normalized", {"added_tokens": normalized, "normalizer": {"type": "Lowercase"}}))
    variants.append(("model: ignore_merges", {"model": {"ignore_merges": True}}))
    out = []
    for name, changes in variants:
        document = copy.deepcopy(base)
        for key, value in changes.items():
            if key == "model":
                document["model"].update(value)
            else:
                document[key] = value
        tokenizer = Tokenizer.from_str(json.dumps(document))
        texts = [text(source) for _ in range(24)]
        cases = [{"text": t, "ids": tokenizer.encode(t, add_special_tokens=False).ids} for t in texts]
        out.append({"name": name, "changes": changes, "cases": cases})
    with open(target, "w") as file:
        json.dump({"variants": out}, file, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main(*sys.argv[1:])
