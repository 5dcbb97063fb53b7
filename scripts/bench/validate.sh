#!/usr/bin/env bash
# What `quern validate` costs beside `quern evaluate` of the same models on the same windows, taking turns; prints medians.
#
#   scripts/bench/validate.sh TEXT CONTEXT WINDOWS BEFORE AFTER...
#
# QUERN names the program, THREADS (2) and ROUNDS (5) the rest; OPTIONS are more words for `validate`, --no-images unless given. Wall
# time, processor time and the largest resident memory are those of whole runs, loading and tokenizing included.
set -euo pipefail
text=$1 context=$2 windows=$3
shift 3
quern=${QUERN:-.build/release/quern}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Seconds, processor seconds and MiB of one run.
timed() {
  local place=$1
  shift
  /usr/bin/time -f '%e %U %S %M' -o "$results/one" "$@" --text "$text" --context "$context" --windows "$windows" \
    --threads "${THREADS:-2}" --quiet >/dev/null
  tail -n 1 "$results/one" | awk '{ print $1, $2 + $3, $4 / 1024 }' >>"$results/$place"
}

for _ in $(seq "${ROUNDS:-5}"); do
  number=0
  for model in "$@"; do
    timed "evaluate-$number" "$quern" evaluate "$model"
    number=$((number + 1))
  done
  timed validate "$quern" validate "$@" ${OPTIONS---no-images}
done

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
printf '%-40s %10s %10s %10s\n' run 'wall s' 'cpu s' 'MiB'
row() { printf '%-40s %10.2f %10.2f %10.0f\n' "$@"; }
wall=0 cpu=0 memory=0 number=0
for model in "$@"; do
  file=$results/evaluate-$number
  w=$(awk '{ print $1 }' "$file" | median) c=$(awk '{ print $2 }' "$file" | median) m=$(awk '{ print $3 }' "$file" | median)
  row "evaluate $(basename "$model")" "$w" "$c" "$m"
  wall=$(echo "$wall $w" | awk '{ print $1 + $2 }')
  cpu=$(echo "$cpu $c" | awk '{ print $1 + $2 }')
  memory=$(echo "$memory $m" | awk '{ print ($1 > $2 ? $1 : $2) }')
  number=$((number + 1))
done
file=$results/validate
w=$(awk '{ print $1 }' "$file" | median) c=$(awk '{ print $2 }' "$file" | median) m=$(awk '{ print $3 }' "$file" | median)
row validate "$w" "$c" "$m"
awk -v w="$w" -v a="$wall" -v c="$c" -v b="$cpu" -v m="$m" -v k="$memory" 'BEGIN {
  printf "validate / sum of evaluates: wall %.3f, cpu %.3f; %.0f MiB above the largest\n", w / a, c / b, m - k
}'
