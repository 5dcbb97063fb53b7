#!/usr/bin/env python3
"""Requantizes GGUF files with quern and with llama-quantize and compares every tensor.

Usage: requantize.py LLAMA_QUANTIZE MODEL.gguf... [--quern PATH] [--recipes A,B,…] [--importance FILE] [--folder SCRATCH]

Each model is dequantized to F16 by both programs, which is the first comparison; both then quantize llama-quantize's file.
Types and SHA-256 of all tensors have to be equal, and so does general.file_type. Standard library only. llama-quantize has
to be of the version that formats/recipes.md names. Exit 1 when anything differs.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time

RECIPES = "Q4_K_M,Q5_K_S,Q6_K,Q3_K_L,Q2_K,IQ4_XS,IQ3_S"


def tensors(quern, path):
    """Type and SHA-256 of every tensor, and the file type."""
    shown = json.loads(subprocess.run([quern, "show", path, "--json"], check=True, capture_output=True).stdout)
    result = {}
    with open(path, "rb") as file:
        for tensor in shown["tensors"]:
            file.seek(tensor["offset"])
            result[tensor["name"]] = (tensor["type"], hashlib.sha256(file.read(tensor["bytes"])).hexdigest())
    return result, shown["metadata"].get("general.file_type")


def run(*command):
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - started


def compare(quern, ours, theirs):
    (a, a_type), (b, b_type) = tensors(quern, ours), tensors(quern, theirs)
    differ = [f"{name} {a.get(name, ('-',))[0]} {b.get(name, ('-',))[0]}" for name in sorted(set(a) | set(b))
              if a.get(name) != b.get(name)]
    if a_type != b_type:
        differ.append(f"general.file_type {a_type} {b_type}")
    return len(b), differ


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("llama_quantize")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--quern", default=".build/release/quern")
    parser.add_argument("--recipes", default=RECIPES)
    parser.add_argument("--importance")
    parser.add_argument("--folder")
    options = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        f16, ours, theirs = (os.path.join(folder, name) for name in ("f16.gguf", "quern.gguf", "llama.gguf"))
        for model in options.models:
            for recipe in ["F16"] + options.recipes.split(","):
                source = model if recipe == "F16" else f16
                target = f16 if recipe == "F16" else theirs
                llama = [options.llama_quantize, "--allow-requantize"]
                quern = [options.quern, "quantize", source, recipe, "--output", ours, "--overwrite", "--quiet"]
                if options.importance and recipe != "F16":
                    llama += ["--imatrix", options.importance]
                    quern += ["--importance", options.importance]
                their_time = run(*llama, source, target, recipe)
                our_time = run(*quern)
                count, differ = compare(options.quern, ours, target)
                failures += bool(differ)
                print(f"{os.path.basename(model)} {recipe}: "
                      + (f"{len(differ)} of {count} differ: {'; '.join(differ[:5])}" if differ else f"{count} tensors equal")
                      + f" ({our_time:.1f} s, llama-quantize {their_time:.1f} s)", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
