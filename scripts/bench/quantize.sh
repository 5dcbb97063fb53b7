#!/bin/sh
# Times one pass from a Hugging Face folder to a quantized GGUF against llama-quantize from an existing BF16 GGUF, interleaved,
# and prints medians of seconds and of peak memory.
#
#   scripts/bench/quantize.sh QUERN LLAMA_QUANTIZE MODEL_FOLDER SCRATCH_FOLDER [RECIPE] [RUNS] [THREADS]
#
# Both read from the page cache; both write the same tensors, and every one of them is compared (scripts/bench/requantize.py does so for
# published files). quern syncs its output before naming it, llama-quantize does not.
set -eu
quern=$1 llama=$2 model=$3 scratch=$4 recipe=${5:-Q4_K_M} runs=${6:-3} threads=${7:-2}
mkdir -p "$scratch"
log=$(mktemp)
trap 'rm -f "$log" "$log.one" "$scratch"/bench.*' EXIT

timed() { # NAME COMMAND...
  name=$1
  shift
  /usr/bin/time -f "%e %M" -o "$log.one" "$@" > /dev/null 2>&1
  echo "$name $(cat "$log.one")" >> "$log"
}

"$quern" convert "$model" --type bf16 --no-vision --quiet -o "$scratch/bench.bf16.gguf" > /dev/null
for _ in $(seq "$runs"); do
  rm -f "$scratch/bench.quern.gguf"
  cat "$model"/*.safetensors > /dev/null
  timed quern "$quern" quantize "$model" "$recipe" --no-vision --quiet --threads "$threads" -o "$scratch/bench.quern.gguf"
  rm -f "$scratch/bench.llama.gguf"
  cat "$scratch/bench.bf16.gguf" > /dev/null
  timed llama-quantize "$llama" "$scratch/bench.bf16.gguf" "$scratch/bench.llama.gguf" "$recipe" "$threads"
done
for name in quern llama-quantize; do
  grep "^$name " "$log" | sort -k2 -n | awk -v name="$name" '
    { seconds[NR] = $2; if ($3 > peak) peak = $3 }
    END { printf "%-16s %8.2f s  %7.0f MiB\n", name, seconds[int((NR + 1) / 2)], peak / 1024 }'
done
python3 - "$quern" "$scratch" <<'END'
import hashlib, json, subprocess, sys
quern, scratch = sys.argv[1:]
sums = []
for name in ("quern", "llama"):
    path = f"{scratch}/bench.{name}.gguf"
    shown = json.loads(subprocess.run([quern, "show", path, "--json"], check=True, capture_output=True).stdout)
    with open(path, "rb") as file:
        found = {}
        for tensor in shown["tensors"]:
            file.seek(tensor["offset"])
            found[tensor["name"]] = (tensor["type"], hashlib.sha256(file.read(tensor["bytes"])).hexdigest())
    sums.append(found)
print(f"{len(sums[0])} tensors equal" if sums[0] == sums[1] else "tensors differ")
END
