#!/usr/bin/env python3
"""Cuts the answers of independent programs about small checkpoints of model families down to what the tests read.

usage: family_fixtures.py ANSWERS fixtures/families

ANSWERS has a folder for each family: `model/`, `tokens.json`, `reference.json`, `activations.safetensors` and manifests of what
convert_hf_to_gguf wrote. All is copied, but of the activations only the first and the last decoder layer, the last block of a vision
encoder, and what is behind them.
"""
import json, os, re, shutil, struct, sys

source, target = sys.argv[1:]
for family in sorted(os.listdir(source)):
    if not os.path.isdir(f"{source}/{family}"):
        continue
    shutil.copytree(f"{source}/{family}", f"{target}/{family}", dirs_exist_ok=True)
    with open(f"{source}/{family}/activations.safetensors", "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header, data = json.loads(file.read(length)), file.read()
    last = {}
    for name in header:
        if found := re.search(r"^(.*\.)(layer|vision\.block)\.(\d+)$", name):
            key = found[1] + found[2]
            last[key] = max(last.get(key, 0), int(found[3]))
    kept, body = {}, b""
    for name, entry in header.items():
        found = re.search(r"^(.*\.)(layer|vision\.block)\.(\d+)$", name)
        if name == "__metadata__" or (found and int(found[3]) not in (0, last[found[1] + found[2]])):
            continue
        # Several pictures in a prompt are encoded one by one, as alone.
        if name.startswith("two-images.") and re.search("pixel_values|vision", name):
            continue
        if name in ("two-images.logits", "unicode.layer.0"):
            continue
        if name.startswith("image.") and re.search(r"vision\.(block\.0|post_norm)$|\.layer\.0$", name):
            continue
        begin, end = entry["data_offsets"]
        kept[name] = {**entry, "data_offsets": [len(body), len(body) + end - begin]}
        body += data[begin:end]
    text = json.dumps(kept).encode()
    text += b" " * (-len(text) % 8)
    os.chmod(f"{target}/{family}", 0o755)
    path = f"{target}/{family}/activations.safetensors"
    if os.path.exists(path):
        os.remove(path)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)
