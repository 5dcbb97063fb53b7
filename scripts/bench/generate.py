#!/usr/bin/env python3
"""Prompt, generation and evaluation of the same files by quern and by llama-bench, taking turns; prints medians.

    LLAMA_BENCH=... generate.py MODEL.gguf... [--rounds 5] [--threads 2] [--text FILE] [--contexts 512,4096] [--windows 2] [--json FILE]

QUERN names quern's program (.build/release/quern unless given). In each round of a file `quern bench MODEL` and llama-bench load it,
warm up and are timed once each: a prompt of 512 tokens, and 32 tokens one after another; loading is not timed. The limits are those
that quern measures beside each run: its multiply-add peak for prompts, reading memory for generation. With --text each round also holds
`quern evaluate` of so many windows per context, as tokens per second with loading and tokenizing left out, which stands beside
llama-bench's prompt. Needs nothing but Python.
"""
import argparse
import json
import os
import statistics
import subprocess

PROMPT, GENERATED = 512, 32


def output(*command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def bench(quern, model, threads):
    """Tokens per second of the prompt and of generation, the shares of their limits, and the limits."""
    rows = output(quern, "bench", model, "--rounds", "1", "--threads", threads, "--json", "--quiet")["rows"]
    found = {row["name"]: row for row in rows if row["threads"] == int(threads)}
    prompt, generation = found[f"prompt {PROMPT}"], found[f"generation {GENERATED}"]
    return [prompt["value"], generation["value"], prompt["ratio"], generation["ratio"],
            found["fma peak"]["value"], found["reading memory"]["value"]]


def llama_bench(llama, model, threads):
    """Tokens per second of the prompt and of generation."""
    rows = output(llama, "-m", model, "-t", threads, "-p", str(PROMPT), "-n", str(GENERATED), "-r", "1", "-o", "json")
    return [next(row["avg_ts"] for row in rows if row[key] > 0) for key in ("n_prompt", "n_gen")]


def evaluate(quern, model, options, context):
    """Tokens per second of evaluation."""
    return output(quern, "evaluate", model, "--text", options.text, "--context", context, "--windows", options.windows,
                  "--threads", options.threads, "--json", "--quiet")["tokens_per_second"]


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


def beside(mine, other):
    return f"{mine:.1f} | {other:.1f} | **{mine / other:.2f}** |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--text", help="a text to evaluate as well")
    parser.add_argument("--contexts", default="512", help="tokens of a window, several with commas")
    parser.add_argument("--windows", default="2")
    parser.add_argument("--json", help="also write every round's figures into this file")
    options = parser.parse_args()
    quern, llama = os.environ.get("QUERN", ".build/release/quern"), os.environ.get("LLAMA_BENCH", "llama-bench")
    contexts = options.contexts.split(",") if options.text else []

    heads = ["file", "prompt, quern", "llama.cpp", "ratio", "of the peak", "generation, quern", "llama.cpp", "ratio", "of memory"]
    for context in contexts:
        heads += [f"evaluate at {context}", "to llama.cpp's prompt"]
    print("| " + " | ".join(heads) + " |\n" + "| --- " * len(heads) + "|")
    everything, limits = {}, []
    for model in options.models:
        ours, theirs, judged = [], [], []
        for _ in range(options.rounds):
            ours.append(bench(quern, model, options.threads))
            theirs.append(llama_bench(llama, model, options.threads))
            judged.append([evaluate(quern, model, options, context) for context in contexts])
        everything[model] = {"quern": ours, "llama.cpp": theirs, "evaluate": judged}
        limits += [row[4:] for row in ours]
        prompt, generation, of_peak, of_memory = medians(ours)[:4]
        their_prompt, their_generation = medians(theirs)
        line = f"| {os.path.basename(model).removesuffix('.gguf')} | {beside(prompt, their_prompt)} {of_peak:.0%} | "
        line += f"{beside(generation, their_generation)} {of_memory:.0%} |"
        for rate in medians(judged):
            line += f" {rate:.1f} | **{rate / their_prompt:.2f}** |"
        print(line, flush=True)
    peak, reading = medians(limits)
    print(f"\nMultiply-add peak {peak:.1f} GFLOP/s, reading memory {reading:.1f} GB/s (medians, {options.threads} threads).")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(everything, file, indent=1)


main()
