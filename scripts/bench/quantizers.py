#!/usr/bin/env python3
"""Times quern's block encoders and decoders against ggml's, interleaved in one run, and compares every byte.

    python3 scripts/bench/quantizers.py --ggml PATH/libggml-base.so [--level avx2] [--formats Q4_K,Q6_K] [--rows 24]

Rows are 4096 wide, Gaussian with sigma 0.02; importance is heavy-tailed. Each round runs both programs once; the best round
of each counts. The kernels are compiled from Sources/CKernels exactly as the package does (clang -O2). Needs numpy and clang.
"""
import argparse, ctypes, pathlib, subprocess, tempfile, time
import numpy as np

import codebooks

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = ROOT / "Sources/CKernels"
WIDTH = 4096


class Format(ctypes.Structure):
    """`ck_format`, without its products."""
    _fields_ = [("name", ctypes.c_char_p), ("decode", ctypes.c_void_p), ("encode", ctypes.c_void_p)]


def load_kernels(level):
    """The library, and what finds the kernels of a format at one level; null pointers where it has none."""
    out = pathlib.Path(tempfile.mkdtemp()) / "kernels.so"
    subprocess.check_call(["clang", "-O2", "-std=c17", "-shared", "-fPIC", f"-I{KERNELS}/include", "-o", out,
                           *map(str, sorted(KERNELS.glob("*.c")))])
    library = ctypes.CDLL(str(out))
    library.ck_kernels_at.restype = ctypes.POINTER(ctypes.c_void_p)
    library.ck_kernels_count.restype = ctypes.c_size_t
    library.ck_format_named.restype = ctypes.POINTER(Format)
    for index in range(library.ck_kernels_count()):
        table = library.ck_kernels_at(ctypes.c_size_t(index))
        if ctypes.string_at(table[0]).decode() == level or level is None and index + 1 == library.ck_kernels_count():
            print(f"level {ctypes.string_at(table[0]).decode()}")
            return library, lambda name: (library.ck_format_named(table, name.encode()) or [Format()])[0]
    raise SystemExit(f"this processor has no level {level}")


def formats():
    rows = (ROOT / "formats/quants.tsv").read_text().splitlines()[1:]
    return {name: (int(number), int(elements), int(size)) for name, number, elements, size, _ in
            (row.split("\t") for row in rows) if number != "-"}


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--ggml", required=True)
    arguments.add_argument("--level")
    arguments.add_argument("--formats")
    arguments.add_argument("--rows", type=int, default=24)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    ggml = ctypes.CDLL(options.ggml)
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    library, kernels_of = load_kernels(options.level)
    random = np.random.default_rng(3)
    x = (random.standard_normal((options.rows, WIDTH)) * 0.02).astype(np.float32)
    importance = np.exp(random.standard_normal(WIDTH)).astype(np.float32)
    wanted = options.formats.split(",") if options.formats else list(formats())
    print("| format | rule | ggml Mw/s | quern Mw/s | ratio | of memcpy | bytes | decode GB/s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in wanted:
        number, elements, size = formats()[name]
        low = name.lower()
        kernels = kernels_of(name)
        if not kernels.encode or not kernels.decode:
            continue
        points, book, _alive = codebooks.tables(low) if low in codebooks.FORMATS else (None, None, None)
        for rule in ("plain", "weighted"):
            if rule == "weighted" and low in ("f16", "bf16", "q8_0") or rule == "plain" and low in ("iq2_xxs", "iq2_xs", "iq1_s"):
                continue
            factors = pointer(importance) if rule == "weighted" else None
            row_bytes = WIDTH // elements * size
            theirs = np.zeros((options.rows, row_bytes), np.uint8)
            ours = np.zeros((options.rows, row_bytes), np.uint8)
            back = np.zeros_like(x)
            function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_size_t, ctypes.c_void_p)(kernels.encode)
            last = None if book is None else ctypes.addressof(book)
            undo = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)(kernels.decode)
            # Without importance the rows are one long row; with it each is a call, because a rule may look at the whole row.
            at = [(row * x.strides[0], row * row_bytes) for row in range(options.rows if factors else 1)]
            width = WIDTH if factors else x.size
            calls = [(x.ctypes.data + read, factors, ours.ctypes.data + write, width, last) for read, write in at]
            best = [1e9] * 4
            # memcpy of as many bytes as the encoder reads and writes, which is half as many of each.
            half = np.zeros((x.nbytes + ours.nbytes) // 2, np.uint8)
            copy = np.zeros_like(half)
            for _ in range(options.rounds):
                start = time.perf_counter()
                ggml.ggml_quantize_chunk(number, pointer(x), pointer(theirs), ctypes.c_int64(0),
                                         ctypes.c_int64(options.rows), ctypes.c_int64(WIDTH), factors)
                best[0] = min(best[0], time.perf_counter() - start)
                for _ in range(3):
                    start = time.perf_counter()
                    for addresses in calls:
                        function(*addresses)
                    best[1] = min(best[1], time.perf_counter() - start)
                    start = time.perf_counter()
                    undo(ours.ctypes.data, back.ctypes.data, x.size, None if points is None else points.ctypes.data)
                    best[2] = min(best[2], time.perf_counter() - start)
                    start = time.perf_counter()
                    ctypes.memmove(copy.ctypes.data, half.ctypes.data, half.nbytes)
                    best[3] = min(best[3], time.perf_counter() - start)
            speed = [x.size / seconds / 1e6 for seconds in best[:2]]
            same = "same" if (ours == theirs).all() else "DIFFERENT"
            print(f"| {name} | {rule} | {speed[0]:.1f} | {speed[1]:.1f} | {speed[1] / speed[0]:.1f} | {best[3] / best[1]:.0%} "
                  f"| {same} | {x.nbytes / best[2] / 1e9:.1f} |", flush=True)


if __name__ == "__main__":
    main()
