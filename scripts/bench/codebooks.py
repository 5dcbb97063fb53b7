"""The i-quants' codebooks from Sources/Quants/Codebooks/CodebookData.swift, laid out for the kernels (ck_codebook in ckernels.h)."""
import ctypes, itertools, pathlib, re
import numpy as np

DATA = pathlib.Path(__file__).resolve().parents[2] / "Sources/Quants/Codebooks/CodebookData.swift"
#          data, numbers of a point, distances whose points are neighbours, values a decoder gives the numbers
FORMATS = {
    "iq2_xxs": ("iq2XXS", 8, 2, [8, 25, 43]),
    "iq2_xs": ("iq2XS", 8, 2, [8, 25, 43]),
    "iq2_s": ("iq2S", 8, 1, [8, 25, 43]),
    "iq1_s": ("iq1", 8, 3, [-1, 0, 1]),
    "iq1_m": ("iq1", 8, 3, [-1, 0, 1]),
    "iq3_xxs": ("iq3XXS", 4, 2, [4, 12, 20, 28, 36, 44, 52, 62]),
    "iq3_s": ("iq3S", 4, 3, [1, 3, 5, 7, 9, 11, 13, 15]),
}


class Codebook(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("places", "lists", "codes", "numbers")]


def points_of(name, digits, levels):
    text = re.search(rf'let {name} = """(.*?)"""', DATA.read_text(), re.S).group(1)
    bits = np.unpackbits(np.frombuffer(bytes.fromhex("".join(re.findall("[0-9a-f]+", text))), np.uint8), bitorder="little")
    cells = np.nonzero(bits)[0]
    return np.stack([cells // levels**i % levels for i in range(digits)], 1)


def undominated(offsets, levels):
    """Which points none before them is closer than in every number that differs, on the same side."""
    marks = np.zeros(len(offsets), np.uint64)
    for i in range(offsets.shape[1]):
        for step in range(1, levels):
            place = np.uint64(i * 2 * (levels - 1) + step - 1)
            marks |= (offsets[:, i] >= step).astype(np.uint64) << place
            marks |= (offsets[:, i] <= -step).astype(np.uint64) << (place + np.uint64(levels - 1))
    kept = []
    for index, mark in enumerate(marks):
        if not any(marks[other] & ~mark == 0 for other in kept):
            kept.append(index)
    return kept


def tables(low):
    """The decoder's points and the encoder's codebook of a format, and what must stay alive beside them."""
    name, digits, rings, values = FORMATS[low]
    levels, bits = len(values), 2 if digits == 8 else 3
    points = points_of(name, digits, levels)
    places = np.zeros(1 << bits * digits, np.int32)
    packed = (points << bits * np.arange(digits)).sum(1)
    places[:] = -1
    places[packed] = np.arange(len(points))
    lists = []
    for cell in itertools.product(range(levels), repeat=digits):
        code = sum(number << bits * i for i, number in enumerate(cell))
        if places[code] >= 0:
            continue
        distance = ((points - np.array(cell)) ** 2).sum(1)
        near = [int(p) for d in sorted(set(distance.tolist()))[:rings] for p in np.nonzero(distance == d)[0]]
        short = [] if low.startswith("iq1") else [near[k] for k in undominated(points[near] - np.array(cell), levels)]
        places[code] = -1 - len(lists)
        lists += [len(short), *short, len(near), *near]
    lists = np.array(lists + [0] * 8, np.uint16)
    codes = (points << 4 * np.arange(digits)).sum(1).astype(np.int64).astype(np.int32)
    shifts = np.uint64(8) * np.arange(digits, dtype=np.uint64)
    numbers = ((points * 32).astype(np.uint64) << shifts).sum(1, dtype=np.uint64)
    decoded = ((np.array(values)[points] & 255).astype(np.uint64) << shifts).sum(1, dtype=np.uint64)
    book = Codebook(*(array.ctypes.data for array in (places, lists, codes, numbers)))
    return decoded, book, (places, lists, codes, numbers)
