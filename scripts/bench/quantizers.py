#!/usr/bin/env python3
"""Times quern's block encoders and decoders against ggml's, interleaved in one run, and compares every byte.

    python3 scripts/bench/quantizers.py --ggml PATH/libggml-base.so [--level avx2] [--formats Q4_K,Q6_K] [--rows 24]

Rows are 4096 wide, Gaussian with sigma 0.02; importance is heavy-tailed. Each round runs both programs once; the best round
of each counts. The kernels are compiled from Sources/CKernels exactly as the package does (clang -O2). Needs numpy and clang.
"""
import argparse, ctypes, pathlib, re, subprocess, tempfile, time
import numpy as np

import codebooks

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = ROOT / "Sources/CKernels"
WIDTH = 4096


def load_kernels(level):
    """The functions of one level, by name."""
    out = pathlib.Path(tempfile.mkdtemp()) / "kernels.so"
    subprocess.check_call(["clang", "-O2", "-std=c17", "-shared", "-fPIC", f"-I{KERNELS}/include", "-o", out,
                           *map(str, sorted(KERNELS.glob("*.c")))])
    library = ctypes.CDLL(str(out))
    library.ck_level_at.restype = ctypes.POINTER(ctypes.c_void_p)
    library.ck_level_count.restype = ctypes.c_size_t
    names = re.findall(r"^OP\([^,]*,\s*(\w+)", (KERNELS / "include/kernels.def").read_text(), re.M)
    for index in range(library.ck_level_count()):
        table = library.ck_level_at(ctypes.c_size_t(index))
        if ctypes.string_at(table[0]).decode() == level or level is None and index + 1 == library.ck_level_count():
            print(f"level {ctypes.string_at(table[0]).decode()}")
            return library, {name: table[4 + i] for i, name in enumerate(names)}
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
    library, table = load_kernels(options.level)
    random = np.random.default_rng(3)
    x = (random.standard_normal((options.rows, WIDTH)) * 0.02).astype(np.float32)
    importance = np.exp(random.standard_normal(WIDTH)).astype(np.float32)
    wanted = options.formats.split(",") if options.formats else list(formats())
    print("| format | rule | ggml Mw/s | quern Mw/s | ratio | of memcpy | bytes | decode GB/s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in wanted:
        number, elements, size = formats()[name]
        low = name.lower()
        if f"encode_{low}" not in table or f"decode_{low}" not in table:
            continue
        points, book, _alive = codebooks.tables(low) if low in codebooks.FORMATS else (None, None, None)
        more = [] if book is None else [ctypes.c_void_p]
        for rule in ("plain", "weighted"):
            if rule == "weighted" and low in ("f16", "bf16", "q8_0") or rule == "plain" and low in ("iq2_xxs", "iq2_xs", "iq1_s"):
                continue
            factors = pointer(importance) if rule == "weighted" else None
            row_bytes = WIDTH // elements * size
            theirs = np.zeros((options.rows, row_bytes), np.uint8)
            ours = np.zeros((options.rows, row_bytes), np.uint8)
            back = np.zeros_like(x)
            is_short = low in ("f16", "bf16", "q8_0") or low == "q4_0" and rule == "plain"
            name_of = "encode_q4_0_weighted" if low == "q4_0" and rule == "weighted" else f"encode_{low}"
            signature = [ctypes.c_void_p] * (2 if is_short else 3) + [ctypes.c_size_t] + more
            function = ctypes.CFUNCTYPE(None, *signature)(table[name_of])
            last = [] if book is None else [ctypes.byref(book)]
            undo = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, *more)(table[f"decode_{low}"])
            # Without importance the rows are one long row; with it each is a call, because a rule may look at the whole row.
            at = [(row * x.strides[0], row * row_bytes) for row in range(options.rows if factors else 1)]
            width = WIDTH if factors else x.size
            calls = [(x.ctypes.data + read, ours.ctypes.data + write, width) if is_short else
                     (x.ctypes.data + read, factors, ours.ctypes.data + write, width, *last) for read, write in at]
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
                    undo(ours.ctypes.data, back.ctypes.data, x.size, *([] if points is None else [points.ctypes.data]))
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
