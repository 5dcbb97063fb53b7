#!/usr/bin/env python3
"""Times quern's block encoders and decoders against ggml's, interleaved in one run, and compares every byte.

    python3 docs/bench/quantizers.py --ggml PATH/libggml-base.so [--level avx2] [--formats Q4_K,Q6_K] [--rows 24]

Rows are 4096 wide, Gaussian with sigma 0.02; importance is heavy-tailed. Each round runs both programs once; the best round
of each counts. The kernels are compiled from Sources/CKernels exactly as the package does (clang -O2). Needs numpy and clang.
"""
import argparse, ctypes, pathlib, re, subprocess, tempfile, time
import numpy as np

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
    print("| format | rule | ggml Mw/s | quern Mw/s | ratio | bytes | decode GB/s |\n| --- | --- | --- | --- | --- | --- | --- |")
    for name in wanted:
        number, elements, size = formats()[name]
        low = name.lower()
        if f"encode_{low}" not in table or f"decode_{low}" not in table:
            continue
        plain_only = low in ("f16", "bf16", "q8_0", "q4_0")
        for rule in ("plain", "weighted"):
            if rule == "weighted" and plain_only or rule == "plain" and low in ("iq2_xxs", "iq2_xs", "iq1_s"):
                continue
            factors = pointer(importance) if rule == "weighted" else None
            row_bytes = WIDTH // elements * size
            theirs = np.zeros((options.rows, row_bytes), np.uint8)
            ours = np.zeros((options.rows, row_bytes), np.uint8)
            back = np.zeros_like(x)
            if plain_only:
                encode = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(table[f"encode_{low}"])
            else:
                encode = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(
                    table[f"encode_{low}"])
            decode = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(table[f"decode_{low}"])
            best = [1e9, 1e9, 1e9]
            for _ in range(options.rounds):
                start = time.perf_counter()
                ggml.ggml_quantize_chunk(number, pointer(x), pointer(theirs), ctypes.c_int64(0),
                                         ctypes.c_int64(options.rows), ctypes.c_int64(WIDTH), factors)
                best[0] = min(best[0], time.perf_counter() - start)
                start = time.perf_counter()
                for row in range(options.rows):
                    if plain_only:
                        encode(x[row].ctypes.data, ours[row].ctypes.data, WIDTH)
                    else:
                        encode(x[row].ctypes.data, factors, ours[row].ctypes.data, WIDTH)
                best[1] = min(best[1], time.perf_counter() - start)
                start = time.perf_counter()
                decode(ours.ctypes.data, back.ctypes.data, x.size)
                best[2] = min(best[2], time.perf_counter() - start)
            speed = [x.size / seconds / 1e6 for seconds in best[:2]]
            same = "same" if (ours == theirs).all() else "DIFFERENT"
            print(f"| {name} | {rule} | {speed[0]:.1f} | {speed[1]:.1f} | {speed[1] / speed[0]:.1f} | {same} "
                  f"| {x.nbytes / best[2] / 1e9:.1f} |", flush=True)


if __name__ == "__main__":
    main()
