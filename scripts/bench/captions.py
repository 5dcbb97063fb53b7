#!/usr/bin/env python3
"""How often a model describes drawn scenes word for word: captions.py QUERN FOLDER MODEL[,MMPROJ]...

FOLDER holds pictures and captions.json {"0000.png": "A large red circle ..."}; the first model is what the others are compared with.
"""
import json
import os
import subprocess
import sys

quern, folder, models = sys.argv[1], sys.argv[2], sys.argv[3:]
captions = json.load(open(os.path.join(folder, "captions.json")))
first = {}
for model in models:
    path, _, projector = model.partition(",")
    right = same = 0
    for name, caption in sorted(captions.items()):
        command = [quern, "generate", path, "--prompt", "Describe the image.", "--image", os.path.join(folder, name),
                   "--tokens", "24", "--quiet"] + (["--vision", projector] if projector else [])
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        right += answer == caption
        same += answer == first.setdefault(name, answer)
    print(f"| {os.path.basename(path)} | {right} | {same} | {len(captions)} |", flush=True)
