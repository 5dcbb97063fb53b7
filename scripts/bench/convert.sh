#!/bin/sh
# Times conversions against `cat` of the same folders' weights to a new file, interleaved, and prints medians and ratios.
#
#   scripts/bench/convert.sh QUERN SCRATCH_FOLDER RUNS MODEL_FOLDER...
#
# Each round times `cat`, `cat` and a sync of its file, `cat` into a `dd` that writes past the page cache (what the disk takes
# when nothing is computed), `convert --type bf16` and `quantize Q8_0`, in an order drawn anew, with the output removed and the
# disk synced between them. The order matters: a `cat` whose memory for the page cache was just freed by another is up to ten
# times as fast as one for which the host must find that memory first. States: warm (the source was just read) and cold (the
# page cache was dropped; needs root, and is left out with a note otherwise). quern syncs what it writes before it names it;
# `cat` leaves that to the kernel. The disk must have room for the source twice over.
set -eu
quern=$1 scratch=$2 runs=$3
shift 3
mkdir -p "$scratch"
log=$(mktemp)
trap 'rm -f "$log" "$log.one" "$scratch"/bench.* "$scratch"/mmproj-bench.*' EXIT

prepare() { # STATE MODEL
  rm -f "$scratch"/bench.* "$scratch"/mmproj-bench.*
  sync
  case $1 in
    cold) echo 3 > /proc/sys/vm/drop_caches ;;
    warm) cat "$2"/*.safetensors > /dev/null ;;
  esac
}

timed() { # STATE MODEL NAME COMMAND...
  state=$1 model=$2 name=$3
  shift 3
  prepare "$state" "$model"
  /usr/bin/time -f "%e %M" -o "$log.one" "$@" > /dev/null
  echo "$(basename "$model")/$state $name $(cat "$log.one")" >> "$log"
}

for model in "$@"; do
  for _ in $(seq "$runs"); do
    for state in warm cold; do
      if [ $state = cold ] && ! [ -w /proc/sys/vm/drop_caches ]; then continue; fi
      for name in $(shuf -e cat cat+sync cat+dd BF16 Q8_0); do
        case $name in
          cat) set -- sh -c "cat '$model'/*.safetensors > '$scratch/bench.cat'" ;;
          cat+sync) set -- sh -c "cat '$model'/*.safetensors > '$scratch/bench.cat'; sync '$scratch/bench.cat'" ;;
          cat+dd)
            set -- sh -c "cat '$model'/*.safetensors | dd of='$scratch/bench.cat' bs=4M iflag=fullblock oflag=direct conv=fsync status=none" ;;
          BF16) set -- "$quern" convert "$model" --type bf16 ;;
          Q8_0) set -- "$quern" quantize "$model" Q8_0 ;;
        esac
        case $name in
          BF16 | Q8_0) set -- "$@" --quiet -o "$scratch/bench.gguf" --vision-output "$scratch/mmproj-bench.gguf" ;;
        esac
        timed $state "$model" "$name" "$@"
      done
    done
  done
  # The part before the first byte is written.
  for _ in $(seq "$runs"); do
    timed warm "$model" plan "$quern" convert "$model" --type bf16 --dry-run --quiet
  done
done
[ -w /proc/sys/vm/drop_caches ] || echo "Cold runs left out: only root can drop the page cache."

echo "| model, cache | run | seconds (median) | all runs | of \`cat\` | of \`cat\` and sync | of \`cat\` past the page cache | peak memory, MiB |"
echo "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |"
median() { # GROUP NAME
  awk -v group="$1" -v name="$2" '$1 == group && $2 == name { print $3 }' "$log" | sort -n |
    awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
cut -d' ' -f1,2 "$log" | awk '!seen[$0]++' | while read -r group name; do
  awk -v group="$group" -v name="$name" '$1 == group && $2 == name { print $3, $4 }' "$log" | sort -n |
    awk -v group="$group" -v name="$name" -v cat="$(median "$group" cat)" -v sync="$(median "$group" cat+sync)" \
        -v direct="$(median "$group" cat+dd)" '
      { all = all (NR > 1 ? ", " : "") $1; value[NR] = $1; if ($2 > peak) peak = $2 }
      END {
        middle = value[int((NR + 1) / 2)]
        printf "| %s | %s | %.2f | %s | %.2f | %.2f | %.2f | %.0f |\n", group, name, middle, all, middle / cat, middle / sync, middle / direct, peak / 1024
      }'
done
