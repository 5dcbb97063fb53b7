#!/bin/sh
# Times conversions against `cat` of the same folder's weights to a new file, interleaved, and prints medians.
#
#   docs/bench/convert.sh QUERN MODEL_FOLDER SCRATCH_FOLDER [RUNS]
#
# States: warm (the source has just been read) and cold (the page cache was dropped; needs root). quern syncs what it
# writes before it names it; `cat` does not, so it is timed alone and together with a sync of its file.
set -eu
quern=$1 model=$2 scratch=$3 runs=${4:-3}
mkdir -p "$scratch"
log=$(mktemp)
trap 'rm -f "$log" "$scratch"/bench.* "$scratch"/mmproj-bench.*' EXIT

timed() { # NAME COMMAND...
  name=$1
  shift
  /usr/bin/time -f "%e %M" -o "$log.one" "$@" > /dev/null
  echo "$name $(cat "$log.one")" >> "$log"
  rm -f "$log.one"
}

prepare() { # STATE
  rm -f "$scratch"/bench.* "$scratch"/mmproj-bench.*
  sync
  case $1 in
    cold) echo 3 > /proc/sys/vm/drop_caches ;;
    warm) cat "$model"/*.safetensors > /dev/null ;;
  esac
}

for state in warm cold; do
  if [ $state = cold ] && ! [ -w /proc/sys/vm/drop_caches ]; then continue; fi
  for _ in $(seq "$runs"); do
    prepare $state
    timed "$state.cat" sh -c "cat '$model'/*.safetensors > '$scratch/bench.cat'"
    prepare $state
    timed "$state.cat+sync" sh -c "cat '$model'/*.safetensors > '$scratch/bench.cat'; sync '$scratch/bench.cat'"
    prepare $state
    timed "$state.bf16" "$quern" convert "$model" --type bf16 --quiet -o "$scratch/bench.gguf" \
      --vision-output "$scratch/mmproj-bench.gguf"
    prepare $state
    timed "$state.q8_0" "$quern" quantize "$model" Q8_0 --quiet -o "$scratch/bench.gguf" \
      --vision-output "$scratch/mmproj-bench.gguf"
    prepare $state
    timed "$state.q4_0" "$quern" quantize "$model" Q4_0 --quiet -o "$scratch/bench.gguf" \
      --vision-output "$scratch/mmproj-bench.gguf"
  done
done

echo "| run | seconds (median) | all runs | peak memory, MiB |"
echo "| --- | ---: | --- | ---: |"
for name in $(cut -d' ' -f1 "$log" | awk '!seen[$0]++'); do
  grep "^$name " "$log" | sort -n -k2 | awk -v name="$name" '
    { all = all (NR > 1 ? ", " : "") $2; value[NR] = $2; if ($3 > peak) peak = $3 }
    END { printf "| %s | %.2f | %s | %.0f |\n", name, value[int((NR + 1) / 2)], all, peak / 1024 }'
done
