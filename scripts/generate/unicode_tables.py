#!/usr/bin/env python3
"""Writes Sources/Tokenizers/Unicode/*Tables.swift: the character classes and canonical forms the tokenizers of the field use.

The answers are taken from Hugging Face `tokenizers` itself (its regular expressions know Unicode 16, its normalizer an older
version), because identical ids matter more here than the newest characters. Needs: pip install tokenizers==0.23.3

    unicode_tables.py Sources/Tokenizers/Unicode
"""
import sys
import textwrap
import unicodedata

from tokenizers import Regex, normalizers, pre_tokenizers

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
NFD, NFC = normalizers.NFD(), normalizers.NFC()


def members(pattern):
    """The code points one character class matches: those that a split with "removed" leaves out."""
    text, matched = "".join(map(chr, SCALARS)), set(SCALARS)
    for _, (start, end) in pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(text):
        matched.difference_update(SCALARS[start:end])
    return matched


def runs(points):
    """Alternating lengths: so many code points outside, so many inside, ..."""
    out, at = [], 0
    for point in sorted(points):
        if out and point == at:
            out[-1] += 1
        else:
            out += [point - at, 1]
        at = point + 1
    return out


def combining_classes():
    """Python's class where the library orders the mark the same way, else 0 (a mark newer than its tables)."""
    probes = [chr(c) for c in (0x334, 0x5B0, 0x3099, 0x316, 0x302A, 0x300, 0x315, 0x345)]
    found = {}
    for point in SCALARS:
        value = unicodedata.combining(chr(point))
        if value and all(NFD.normalize_str(t) == unicodedata.normalize("NFD", t)
                         for p in probes for t in ("x" + chr(point) + p, "x" + p + chr(point))):
            found[point] = value
    return found


def decompositions():
    rows = []
    for point in SCALARS:
        mapping = unicodedata.decomposition(chr(point))
        if mapping and mapping[0] != "<" and NFD.normalize_str(chr(point)) != chr(point):
            parts = [int(x, 16) for x in mapping.split()]
            rows.append((point, parts[0], parts[1] if len(parts) > 1 else 0))
    return rows


def array(name, comment, numbers):
    body = textwrap.fill(", ".join(map(str, numbers)), 116, initial_indent="    ", subsequent_indent="    ")
    return f"  /// {comment}\n  static let {name}: [UInt32] = [\n{body},\n  ]\n"


HEADER = "// Made by scripts/generate/unicode_tables.py; edit that, not this.\n\n"


def main(folder):
    classes = [array(name, f"`{pattern}`: lengths of the runs outside and inside, alternating.", runs(members(pattern)))
               for name, pattern in (("letters", r"\p{L}"), ("marks", r"\p{M}"), ("numbers", r"\p{N}"), ("spaces", r"\s"))]
    with open(f"{folder}/ClassTables.swift", "w") as file:
        file.write(HEADER + "/// The code points of the character classes that split patterns are made of.\nenum ClassTables {\n"
                   + "\n".join(classes) + "}\n")
    marks, flat, at = combining_classes(), [], 0
    for point in sorted(marks):
        if flat and point == at and flat[-1] == marks[point]:
            flat[-2] += 1
        else:
            flat += [point - at, 1, marks[point]]
        at = point + 1
    rows, pairs, at = decompositions(), [], 0
    excluded = []
    for point, first, second in rows:
        pairs += [point - at, first, second]
        at = point
        if second and NFC.normalize_str(chr(first) + chr(second)) != chr(point):
            excluded.append(point)
    with open(f"{folder}/CanonicalTables.swift", "w") as file:
        file.write(HEADER + "/// Canonical combining classes, decompositions, and what is not composed again.\nenum CanonicalTables {\n"
                   + array("combining", "Triples: code points to skip, length of the run, its combining class.", flat) + "\n"
                   + array("decompositions", "Triples: distance from the code point before, first part, second part or 0.", pairs)
                   + "\n" + array("excluded", "Code points of two parts that composition leaves apart.", excluded) + "}\n")


if __name__ == "__main__":
    main(sys.argv[1])
