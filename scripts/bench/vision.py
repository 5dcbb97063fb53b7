#!/usr/bin/env python3
"""Seconds and memory of the vision towers of the published sizes, beside llama.cpp's encoder on the same mmproj.

    vision.py QUERN LLAMA_MTMD_CLI TINY_MODEL SCRATCH [SIZE...] [--rounds N] [--threads N]

Each tower has the published depth and widths, random weights and an F16 projector; the text model behind it is the tiny one, so the
merger's last product has 256 columns instead of 1,024 to 4,096 (under one percent of the work). The picture is 1024x768: 3,072
patches, 768 tokens. The programs take turns; medians are printed. quern's time is `vision_seconds` of `generate --json`, llama.cpp's
is what it says of its encoding; neither holds loading or preparing the picture. Needs numpy.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import zlib

import numpy as np

# Depth, width, inner width, heads.
TOWERS = {"0.8B": (12, 768, 3072, 12), "2B": (24, 1024, 4096, 16), "4B": (24, 1024, 4096, 16), "9B": (27, 1152, 4304, 16)}


def write_tower(tiny, folder, depth, width, inner, heads):
    """The tiny model with a full-size tower in front."""
    os.makedirs(folder)
    for name in os.listdir(tiny):
        if name.endswith((".json", ".jinja", ".txt")):
            shutil.copyfile(os.path.join(tiny, name), os.path.join(folder, name))
    config = json.load(open(os.path.join(tiny, "config.json")))
    config["vision_config"].update(
        depth=depth, hidden_size=width, intermediate_size=inner, num_heads=heads, num_position_embeddings=2304)
    config["text_config"]["max_position_embeddings"] = 32768
    json.dump(config, open(os.path.join(folder, "config.json"), "w"))
    output = config["vision_config"]["out_hidden_size"]
    pictures = json.load(open(os.path.join(tiny, "preprocessor_config.json")))
    pictures["size"] = {"shortest_edge": 65536, "longest_edge": 16777216}
    json.dump(pictures, open(os.path.join(folder, "preprocessor_config.json"), "w"))

    with open(os.path.join(tiny, "model.safetensors"), "rb") as file:
        source = file.read()
    length = struct.unpack("<Q", source[:8])[0]
    tensors = {}
    for name, entry in json.loads(source[8:8 + length]).items():
        if name != "__metadata__" and ".visual." not in name:
            start, end = entry["data_offsets"]
            tensors[name] = (entry["dtype"], entry["shape"], source[8 + length + start:8 + length + end])
    random = np.random.default_rng(1)

    def draw(name, shape, scale=None, mean=0.0):
        values = random.standard_normal(shape, dtype=np.float32) * (scale or 1 / np.sqrt(np.prod(shape[1:]))) + mean
        bits = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        tensors["model.visual." + name] = ("BF16", list(shape), bits.tobytes())

    def linear(name, rows, columns):
        draw(name + ".weight", (rows, columns))
        draw(name + ".bias", (rows,), 0.02)

    def norm(name):
        draw(name + ".weight", (width,), 0.05, 1.0)
        draw(name + ".bias", (width,), 0.02)

    draw("patch_embed.proj.weight", (width, 3, 2, 16, 16))
    draw("patch_embed.proj.bias", (width,), 0.02)
    draw("pos_embed.weight", (2304, width), 0.02)
    for index in range(depth):
        block = f"blocks.{index}."
        norm(block + "norm1")
        norm(block + "norm2")
        linear(block + "attn.qkv", 3 * width, width)
        linear(block + "attn.proj", width, width)
        linear(block + "mlp.linear_fc1", inner, width)
        linear(block + "mlp.linear_fc2", width, inner)
    norm("merger.norm")
    linear("merger.linear_fc1", 4 * width, 4 * width)
    linear("merger.linear_fc2", output, 4 * width)
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def write_picture(path, width, height):
    """A PNG of slow waves, so that patches differ."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / a) * np.cos(y / b) for a, b in ((37, 53), (91, 29), (17, 71))]
    pixels = (np.stack(waves, 2) * 127 + 128).astype(np.uint8)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1).tobytes()

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def timed(command):
    """Output of a command and its peak resident memory in MiB."""
    run = subprocess.run(["/usr/bin/time", "-f", "peak %M", *command], capture_output=True, text=True, check=True)
    return run.stdout, run.stderr, int(re.findall(r"peak (\d+)", run.stderr)[-1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("quern", "llama", "tiny", "scratch"):
        parser.add_argument(name)
    parser.add_argument("sizes", nargs="*", default=list(TOWERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.makedirs(options.scratch, exist_ok=True)
    picture = os.path.join(options.scratch, "picture.png")
    write_picture(picture, 1024, 768)
    print("| tower | quern, s | llama.cpp, s | llama.cpp / quern | quern, MiB | llama.cpp, MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for size in options.sizes:
        folder = os.path.join(options.scratch, "tower-" + size)
        model = os.path.join(folder, "model.gguf")
        if not os.path.exists(model):
            shutil.rmtree(folder, ignore_errors=True)
            write_tower(options.tiny, folder, *TOWERS[size])
            subprocess.run(
                [options.quern, "convert", folder, "--to", "gguf", "--type", "bf16", "--vision-type", "f16", "--output", model, "--quiet"], check=True)
        projector = next(os.path.join(folder, n) for n in os.listdir(folder) if n.startswith("mmproj") and n.endswith(".gguf"))
        threads = str(options.threads)
        ours, theirs = [], []
        for _ in range(options.rounds):
            out, _, peak = timed([options.quern, "generate", model, "--vision", projector, "--image", picture, "--prompt",
                                  "Describe the image.", "--tokens", "1", "--threads", threads, "--json", "--quiet"])
            ours.append((json.loads(out)["vision_seconds"], peak))
            out, log, peak = timed([options.llama, "-m", model, "--mmproj", projector, "--image", picture, "-p",
                                    "Describe the image.", "-n", "1", "-t", threads, "--temp", "0", "--no-warmup",
                                    "-c", "4096"])
            seen = re.search(r"(?:slice encoded|batch encoding done) in (\d+) ms", out + log)
            theirs.append((int(seen[1]) / 1000, peak))
        middle = [statistics.median(values) for values in zip(*ours)] + [statistics.median(values) for values in zip(*theirs)]
        print(f"| {size} | {middle[0]:.2f} | {middle[2]:.2f} | {middle[2] / middle[0]:.2f} | {middle[1]:.0f} | {middle[3]:.0f} |",
              flush=True)


main()
