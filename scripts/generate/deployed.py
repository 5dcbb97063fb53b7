#!/usr/bin/env python3
"""Writes what llama.cpp's CPU backend does: how it rounds activations, and the perplexities it finds.

Needs llama-cpp-python 0.3.36 built for x86-64 with AVX2, and numpy.

    deployed.py rounding fixtures/golden               rounded.safetensors: rows as each vec_dot_type keeps them, and deployed-types.json:
                                                       the vec_dot_type of each type of weights
    deployed.py perplexity TEXT CONTEXT WINDOWS OUT FILE.gguf...
                                                       perplexities by llama-perplexity's definition, one thread, flash attention as
                                                       llama-perplexity has it unless told otherwise: on
"""
import ctypes
import json
import os
import struct
import sys

import llama_cpp
import numpy as np

COLUMNS = 512
TYPES = 43  # GGML_TYPE_COUNT


class Traits(ctypes.Structure):
    _fields_ = [("from_float", ctypes.c_void_p), ("vec_dot", ctypes.c_void_p), ("vec_dot_type", ctypes.c_int), ("nrows", ctypes.c_int64)]


def rows():
    """Rows of a wide range, with ties, zeros and numbers that are too small for a scale in 16 bits."""
    random = np.random.default_rng(20)
    x = random.standard_normal((5, COLUMNS)).astype(np.float32)
    x[1] *= np.exp(random.standard_normal(COLUMNS) * 3).astype(np.float32)
    x[2] = np.round(x[2] * 40) / 2  # halves
    x[2, ::32] = 127
    x[3, :256] = 0
    x[3, 256:] *= np.float32(1e-6)
    x[4, 64:96] *= np.float32(1e5)
    return x


def rounding(folder):
    libraries = os.path.join(os.path.dirname(llama_cpp.__file__), "lib")
    base = ctypes.CDLL(f"{libraries}/libggml-base.so")
    cpu = ctypes.CDLL(f"{libraries}/libggml-cpu.so")
    cpu.ggml_get_type_traits_cpu.restype = ctypes.POINTER(Traits)
    base.ggml_type_name.restype = ctypes.c_char_p
    cpu.ggml_cpu_init()
    x = rows()

    def quantized(name, block, size):
        out = np.zeros((len(x), COLUMNS // block * size), np.uint8)
        for row, to in zip(x, out):
            getattr(cpu, name)(row.ctypes.data_as(ctypes.c_void_p), to.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(COLUMNS))
        return out.reshape(len(x), -1, size)

    def values(blocks, scale_bytes, kind, start, count):
        scale = blocks[:, :, :scale_bytes].copy().view(kind).astype(np.float32)
        levels = blocks[:, :, start : start + count].copy().view(np.int8).astype(np.float32)
        return (scale * levels).reshape(len(x), COLUMNS)

    def half(name, kind):
        out = np.zeros(x.shape, np.uint16)
        getattr(cpu, name)(x.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(x.size))
        return out

    tensors = {
        "input": x,
        "F16": half("ggml_cpu_fp32_to_fp16", 0).view(np.float16).astype(np.float32),
        "BF16": (half("ggml_cpu_fp32_to_bf16", 0).astype(np.uint32) << 16).view(np.float32),
        "Q8_0": values(quantized("quantize_row_q8_0", 32, 34), 2, np.float16, 2, 32),
        "Q8_1": values(quantized("quantize_row_q8_1", 32, 36), 2, np.float16, 4, 32),
        "Q8_K": values(quantized("quantize_row_q8_K", 256, 292), 4, np.float32, 4, 256),
    }
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(f"{folder}/rounded.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(t.astype("<f4").tobytes() for t in tensors.values()))

    types = {}
    for number in range(TYPES):
        name, traits = base.ggml_type_name(number), cpu.ggml_get_type_traits_cpu(number).contents
        # Nothing is stored in the types that activations are rounded to.
        if name and traits.vec_dot and name not in (b"q8_1", b"q8_K"):
            types[name.decode().upper()] = base.ggml_type_name(traits.vec_dot_type).decode().upper()
    with open(f"{folder}/deployed-types.json", "w") as file:
        json.dump(types, file, indent=1)
        file.write("\n")


def perplexity(text, context, windows, out, files):
    data = open(text, "rb").read()
    found = {}
    for path in files:
        model = llama_cpp.Llama(
            path, n_ctx=context, n_batch=context, n_threads=1, n_threads_batch=1, logits_all=True, flash_attn=True, verbose=False)
        ids = model.tokenize(data[: 16 * context * windows], add_bos=False, special=False)
        loss, count = 0.0, 0
        for window in range(windows):
            line = ids[window * context : (window + 1) * context]
            model.reset()
            model.eval(line)
            z = np.array(model.scores[:context], np.float64)
            z -= z.max(-1, keepdims=True)
            logs = z - np.log(np.exp(z).sum(-1, keepdims=True))
            for place in range(context // 2, context - 1):
                loss -= logs[place, line[place + 1]]
                count += 1
        found[os.path.splitext(os.path.basename(path))[0]] = float(np.exp(loss / count))
        model.close()
        print(path, count, found, flush=True)
    with open(out, "w") as file:
        json.dump({"context": context, "windows": windows, "perplexity": found}, file, indent=1)
        file.write("\n")


if sys.argv[1] == "rounding":
    rounding(sys.argv[2])
else:
    perplexity(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6:])
