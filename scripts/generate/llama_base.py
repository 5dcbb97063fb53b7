#!/usr/bin/env python3
"""Writes a base file of llama-perplexity from golden rows of logits, by the format of formats/baseline.md, and what follows from it.

Three rows make one window of 8 tokens. The figures are of the numbers as stored; the tokens that are stored as 0 count as one, of the largest
probability that they can have together but not more than they have after.

    llama_base.py fixtures/golden/validate     reads rows.safetensors, writes llama-base.kld and llama-base.json
"""
import json
import struct
import sys

import numpy as np

ROWS = [0, 13, 14]
TOKENS = [5, 6, 7, 8, 9, 1381, 7, 12]


def tensors(path):
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    for name in ("before", "after"):
        start, end = (8 + length + offset for offset in header[name]["data_offsets"])
        yield np.frombuffer(data[start:end], "<f4").reshape(header[name]["shape"])


def rounded(logits):
    """The numbers that are stored, computed in single precision."""
    largest = logits.max()
    least = max(logits.min(), np.float32(largest - np.float32(16)))
    log_sum = np.float32(np.log(np.exp((logits - largest).astype(np.float64)).sum()))
    scale = np.float32((largest - least) / np.float32(65535))
    units = np.zeros(len(logits), np.uint16)
    above = logits > least
    units[above] = np.rint((logits[above] - least) / scale).astype(np.uint16)
    return scale, np.float32(least - largest - log_sum), units


def main(folder):
    before, after = tensors(f"{folder}/rows.safetensors")
    words = before.shape[1]
    file = b"_logits_" + struct.pack("<3i", len(TOKENS), words, 1) + np.array(TOKENS, "<i4").tobytes()
    rows = []
    for index in ROWS:
        scale, least, units = rounded(before[index])
        file += struct.pack("<2f", scale, least) + units.astype("<u2").tobytes() + b"\0\0" * (words % 2)
        b = float(scale) * units.astype(np.float64) + float(least)
        z = after[index].astype(np.float64)
        a = z - z.max() - np.log(np.exp(z - z.max()).sum())
        known = units > 0
        p, q, r = np.exp(b)[known], np.exp(a)[known], (b - a)[known]
        rest = 1 - q.sum()
        most = min((~known).sum() * np.exp(float(least)), rest)
        log_ratio = np.log(most / rest) if most > 0 else 0.0
        rows.append({
            "row": index, "kl": float((p * r - p + q).sum() + most * log_ratio - most + rest),
            "reverse_kl": float((p - q - q * r).sum() + rest * -log_ratio - rest + most),
            "kl_as_llama_perplexity": float((np.exp(b) * (b - a))[b > -16].sum()),
            "entropy": float(-(p * b[known]).sum()), "top5": [int(i) for i in np.argsort(-b, kind="stable")[:5]],
        })
    open(f"{folder}/llama-base.kld", "wb").write(file)
    json.dump({"tokens": TOKENS, "rows": rows}, open(f"{folder}/llama-base.json", "w"), indent=1)


main(sys.argv[1])
