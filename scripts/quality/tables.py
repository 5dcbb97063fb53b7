#!/usr/bin/env python3
"""Measures what each way of quantizing a model costs, at the sizes of the published recipes, and writes the tables and the plot of
docs/quality.md.

    tables.py QUERN MODEL --calibration CAL.gguf --text FILE [--importance IMATRIX] [--context 256] [--windows 24]
              [--recipes Q4_K_M,Q3_K_M] [--work FOLDER] [--json FILE] [--plot FILE.svg]

Every file is made and judged by the program itself; --importance is the matrix that llama-quantize would be given (that of the calibration
unless named). Needs nothing but Python. Ways: plain, importance (both with the bytes of llama-quantize), types (types by measurement, weighted
rounding), rounding (the recipe's types, error feedback), both.
"""
import argparse, json, math, os, subprocess, sys

RECIPES = "Q2_K,Q3_K_S,Q3_K_M,Q3_K_L,IQ4_XS,Q4_K_S,Q4_K_M,Q5_K_S,Q5_K_M,Q6_K,Q8_0"
WAYS = ["plain", "importance", "types", "rounding", "both"]


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def options(way, args):
    return {
        "plain": [],
        "importance": ["--importance", args.importance or args.calibration],
        "types": ["--calibration", args.calibration, "--types-only"],
        "rounding": ["--calibration", args.calibration, "--keep-types"],
        "both": ["--calibration", args.calibration],
    }[way]


def plot(rows, path):
    """Divergence over bytes, both by their logarithms, a line for each way."""
    points = {way: [(r["ways"][way]["bytes"], r["ways"][way]["kl"]) for r in rows if way in r["ways"]] for way in WAYS}
    every = [p for line in points.values() for p in line if p[1] > 0]
    if not every:
        return
    xs, ys = [math.log(x) for x, _ in every], [math.log10(y) for _, y in every]
    width, height, left, low = 760, 460, 70, 50
    x = lambda b: left + (math.log(b) - min(xs)) / max(max(xs) - min(xs), 1e-9) * (width - left - 150)
    y = lambda d: 20 + (max(ys) - math.log10(d)) / max(max(ys) - min(ys), 1e-9) * (height - low - 30)
    colors = {"plain": "#9a9a9a", "importance": "#4c78a8", "types": "#f0a030", "rounding": "#59a14f", "both": "#d62728"}
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for power in range(math.ceil(min(ys)), math.floor(max(ys)) + 1):
        out.append(f'<line x1="{left}" x2="{width - 150}" y1="{y(10 ** power):.1f}" y2="{y(10 ** power):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="8" y="{y(10 ** power) + 4:.1f}">{10.0 ** power:g}</text>')
    for row in rows:
        place = x(row["ways"]["importance"]["bytes"])
        out.append(f'<text x="{place:.1f}" y="{height - 14}" font-size="9" transform="rotate(-35 {place:.1f} {height - 14})">'
                   f'{row["recipe"]}</text>')
    for number, way in enumerate(WAYS):
        line = sorted(p for p in points[way] if p[1] > 0)
        if not line:
            continue
        path_ = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line)
        out.append(f'<polyline points="{path_}" fill="none" stroke="{colors[way]}" stroke-width="2"/>')
        out += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3" fill="{colors[way]}"/>' for a, b in line]
        out.append(f'<text x="{width - 140}" y="{40 + 20 * number}" fill="{colors[way]}">{way}</text>')
    out.append(f'<text x="{left}" y="14">KL divergence, nats a token, over the size of the file</text></svg>')
    open(path, "w").write("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("quern")
    parser.add_argument("model")
    parser.add_argument("--calibration", required=True)
    parser.add_argument("--importance")
    parser.add_argument("--text", action="append", default=[])
    parser.add_argument("--context", default="256")
    parser.add_argument("--windows", default="24")
    parser.add_argument("--recipes", default=RECIPES)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--extra", default="", help="more words for quantize with a calibration, such as --candidates k")
    parser.add_argument("--work", default="/tmp/quality")
    parser.add_argument("--json")
    parser.add_argument("--plot")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    rows = []
    for recipe in args.recipes.split(","):
        files = {}
        for way in args.ways.split(","):
            path = f"{args.work}/{recipe}-{way}.gguf"
            extra = args.extra.split() if "--calibration" in options(way, args) else []
            run(args.quern, "quantize", args.model, recipe, *options(way, args), *extra, "--no-vision", "--output", path,
                "--overwrite", "--quiet", "--json")
            files[way] = path
        row = {"recipe": recipe, "ways": {}}
        for text in args.text:
            result = run(args.quern, "validate", args.model, *files.values(), "--text", text, "--no-images", "--context",
                         args.context, "--windows", args.windows, "--quiet", "--json")
            for way, after in zip(files, result["after"]):
                kl = after["kl_divergence"]
                entry = row["ways"].setdefault(way, {"bytes": os.path.getsize(files[way]), "kl": kl["value"], "texts": {}})
                entry["texts"][os.path.basename(text)] = {
                    "kl": kl["value"], "interval": kl["interval"], "perplexity_ratio": after["perplexity_ratio"]["value"],
                    "top1": after["top1_agreement"]["value"]}
        rows.append(row)
        base = row["ways"].get("importance")
        for text in (base or {"texts": {}})["texts"]:
            cells = [f"{row['ways'][w]['texts'][text]['kl']:.5f}" for w in files]
            ratios = [f"{row['ways'][w]['texts'][text]['kl'] / max(base['texts'][text]['kl'], 1e-12):.3f}" for w in files]
            print(f"| {recipe} | {text} | {base['bytes']:,} | " + " | ".join(f"{c} ({r})" for c, r in zip(cells, ratios)) + " |",
                  flush=True)
            over = [w for w in files if w != "plain" and row["ways"][w]["bytes"] > base["bytes"]]
            if over:
                print(f"larger than the baseline: {over}")
        for path in files.values():
            os.remove(path)
    if args.json:
        json.dump(rows, open(args.json, "w"), indent=1)
    if args.plot:
        plot(rows, args.plot)


main()
