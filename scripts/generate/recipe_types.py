#!/usr/bin/env python3
"""Asks llama-quantize which type it would give every tensor of invented models, and writes fixtures/golden/recipe-types.json.

Usage: recipe_types.py LLAMA_QUANTIZE OUTPUT.json     (needs numpy and gguf; llama-quantize of the version in formats/recipes.md)

The models are headers with a few rows of zeros: types depend on names, shapes and a handful of metadata keys only. For each
model, file type, and with importance or without, the answer is one letter a tensor in the order of `tensors`; a dot stands
for a tensor that keeps its type. File types that are refused have no entry.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import gguf
import numpy as np

RECIPES = """F16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q2_K_S Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ1_S IQ1_M
IQ2_XXS IQ2_XS IQ2_S IQ2_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_NL IQ4_XS TQ1_0 TQ2_0 Q1_0 Q2_0 MXFP4_MOE""".split()
ROWS = 4


def dense(blocks, width, forward, names=None, tied=False, extra=()):
    """Tensors of a decoder as (name, shape outermost first)."""
    shapes = {
        "attn_norm": [width], "attn_q": [ROWS, width], "attn_k": [ROWS, width], "attn_v": [ROWS, width],
        "attn_output": [ROWS, width], "ffn_norm": [width], "ffn_gate": [ROWS, width], "ffn_up": [ROWS, width],
        "ffn_down": [ROWS, forward], "attn_qkv": [ROWS, width], "ffn_gate_inp": [ROWS, width],
        "ffn_gate_exps": [2, ROWS, width], "ffn_up_exps": [2, ROWS, width], "ffn_down_exps": [2, ROWS, forward],
        "ffn_down_shexp": [ROWS, forward], "ffn_up_shexp": [ROWS, width], "ffn_gate_shexp": [ROWS, width],
        "attn_gate": [ROWS, width], "ssm_conv1d": [ROWS, 4], "ssm_alpha": [ROWS, width], "ssm_out": [ROWS, width],
        "attn_kv_b": [ROWS, width], "attn_kv_a_mqa": [ROWS, width], "attn_q_a": [ROWS, width], "attn_q_b": [ROWS, width],
        "nextn.eh_proj": [ROWS, 2 * width],
    }
    plain = "attn_norm attn_q attn_k attn_v attn_output ffn_norm ffn_gate ffn_up ffn_down".split()
    tensors = [("token_embd.weight", [ROWS, width]), ("output_norm.weight", [width])]
    if not tied:
        tensors.append(("output.weight", [ROWS, width]))
    for block in range(blocks):
        for name in names(block) if names else plain:
            tensors.append((f"blk.{block}.{name}.weight", shapes.get(re.sub(r"\.\d+$", "", name), [ROWS, width])))
    return tensors + list(extra)


def mixed(block):
    """Qwen3.5's layers: every fourth has full attention; the last block predicts several tokens."""
    ends = ["ffn_gate", "ffn_up", "ffn_down"] + (["nextn.eh_proj"] if block == 12 else [])
    if block % 4 == 3 or block == 12:
        return ["attn_q", "attn_k", "attn_v", "attn_output"] + ends
    return ["attn_qkv", "attn_gate", "ssm_conv1d", "ssm_alpha", "ssm_out"] + ends


def experts(block):
    return ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"]


def shared(block):
    return experts(block) + ["ffn_down_shexp", "ffn_up_shexp", "ffn_gate_shexp"]


def divided(block):
    """Experts as tensors of their own, as the first of their kind were published."""
    return ["attn_q", "attn_k", "attn_v", "attn_output"] + [
        f"ffn_{part}.{expert}" for part in ("gate", "up", "down") for expert in range(3)]


def few(block):
    return ["attn_q", "attn_v", "attn_output", "ffn_down"]


def keys(architecture, blocks, heads, shared, **more):
    return {"architecture": architecture, "block_count": blocks, "attention.head_count": heads,
            "attention.head_count_kv": shared, **more}


MODELS = {
    "grouped": (keys("llama", 18, 8, 2), dense(18, 256, 512)),
    "ungrouped-tied": (keys("llama", 17, 8, 8), dense(17, 256, 512, tied=True)),
    "awkward": (keys("llama", 9, 8, 2), dense(9, 96, 352)),
    "awkward-tied": (keys("llama", 9, 8, 2), dense(9, 96, 80, tied=True)),
    "very-awkward": (keys("llama", 3, 8, 2), dense(3, 80, 40)),
    "70b": (keys("llama", 80, 8, 1), dense(80, 256, 256, names=few)),
    "70b-qwen2": (keys("qwen2", 80, 8, 4), dense(80, 256, 256, names=few)),
    "65b": (keys("llama", 80, 8, 8), dense(80, 256, 256, names=few)),
    "eight-experts": (keys("llama", 16, 8, 2, expert_count=8, expert_used_count=2), dense(16, 256, 512, names=experts)),
    "eight-divided": (keys("llama", 16, 8, 8, expert_count=8, expert_used_count=2), dense(16, 256, 512, names=divided)),
    "two-experts": (keys("llama", 16, 8, 8, expert_count=2, expert_used_count=2), dense(16, 256, 512, names=experts)),
    "many-experts": (keys("qwen2moe", 16, 8, 8, expert_count=60, expert_used_count=4), dense(16, 256, 512, names=shared)),
    "falcon": (keys("falcon", 32, 8, 1),
               dense(32, 256, 512, names=lambda block: ["attn_qkv", "attn_output", "ffn_up", "ffn_down"])),
    "hybrid": (keys("qwen35", 13, 8, 2, nextn_predict_layers=1), dense(13, 256, 512, names=mixed)),
    "by-layer": (keys("deci", 16, [8] * 16, [2] * 8 + [8] * 8), dense(16, 256, 512)),
    "odd-names": (keys("llama", 4, 8, 2), dense(4, 256, 256, extra=[
        ("rope_freqs.weight", [16]), ("per_layer_token_embd.weight", [ROWS, 256]), ("blk.3.attn_rel_b.weight", [4, 256]),
        ("blk.2.proj.weight", [1, 256]), ("blk.1.extra", [4, 256]), ("position_embd.weight", [4, 256]),
        ("blk.10.attn_v.weight", [4, 256]), ("attn_v.weight", [4, 256]), ("blk.2.attn_v.weight.more.weight", [4, 256])])),
}


def write(path, facts, tensors):
    architecture = facts["architecture"]
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in facts.items():
        if key != "architecture":
            (writer.add_array if isinstance(value, list) else writer.add_uint32)(f"{architecture}.{key}", value)
    for key, value in {"context_length": 128, "embedding_length": 256, "feed_forward_length": 512, "full_attention_interval": 4,
                       "ssm.conv_kernel": 4, "ssm.inner_size": 256, "ssm.state_size": 32, "ssm.time_step_rank": 8,
                       "ssm.group_count": 8, "rope.dimension_count": 32, "expert_feed_forward_length": 512,
                       "expert_shared_feed_forward_length": 512}.items():
        writer.add_uint32(f"{architecture}.{key}", value)
    writer.add_array(f"{architecture}.rope.dimension_sections", [11, 11, 10, 0])
    for key in ("layer_norm_rms_epsilon", "layer_norm_epsilon"):
        writer.add_float32(f"{architecture}.attention.{key}", 1e-6)
    writer.add_uint32(f"{architecture}.vocab_size", ROWS)
    for name, shape in tensors:
        writer.add_tensor(name, np.zeros(shape, np.float16 if len(shape) > 1 else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def importance(path):
    """A matrix with one entry: that there is one is all that types depend on."""
    writer = gguf.GGUFWriter(path, "none")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["none"])
    writer.add_uint32("imatrix.chunk_count", 1)
    writer.add_uint32("imatrix.chunk_size", 1)
    writer.add_tensor("none.in_sum2", np.ones(1, np.float32))
    writer.add_tensor("none.counts", np.ones(1, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ask(program, model, recipe, matrix):
    """The type of every tensor that changes; None when the file type is refused."""
    command = [program, "--dry-run"] + (["--imatrix", matrix] if matrix else []) + [model, recipe]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return None
    answers = {}
    for line in (done.stdout + done.stderr).split("\n"):
        found = re.search(r"\[ *\d+/ *\d+\] (\S+) .*size = ", line)
        if found:
            changed = re.search(r"-> .*\((\w+)\)", line)
            answers[found[1]] = changed[1].upper() if changed else None
    return answers


def main():
    program, output = sys.argv[1:]
    letters, models = {}, []
    with tempfile.TemporaryDirectory() as folder:
        path, matrix = os.path.join(folder, "model.gguf"), os.path.join(folder, "matrix.gguf")
        importance(matrix)
        for title, (facts, tensors) in MODELS.items():
            write(path, facts, tensors)
            answers = {}
            for recipe in RECIPES:
                for suffix, used in (("", None), (".imatrix", matrix)):
                    types = ask(program, path, recipe, used)
                    if types is None:
                        print(title, recipe, "refused")
                        continue
                    line = ""
                    for name, _ in tensors:
                        kind = types[name]
                        line += "." if kind is None else letters.setdefault(kind, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[len(letters)])
                    answers[recipe + suffix] = line
                if answers.get(recipe) == answers.get(recipe + ".imatrix"):
                    answers.pop(recipe + ".imatrix", None)
            print(title, len(tensors), "tensors", len(answers), "answers")
            models.append({"name": title, "metadata": facts, "tensors": [[name, *shape] for name, shape in tensors],
                           "types": answers})
    with open(output, "w") as file:
        file.write('{"letters":' + json.dumps({letter: kind for kind, letter in letters.items()}) + ',\n"models":[\n')
        file.write(",\n".join(json.dumps(model, separators=(",", ":")) for model in models) + "\n]}\n")


if __name__ == "__main__":
    main()
