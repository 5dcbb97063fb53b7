#!/usr/bin/env bash
# Times `quern evaluate` beside llama-perplexity on the same file, taking turns; prints medians.
#
#   scripts/bench/evaluate.sh MODEL.gguf TEXT [CONTEXT] [WINDOWS] [THREADS] [ROUNDS]
#
# QUERN and LLAMA_PERPLEXITY name the programs. Wall time and processor time are both given: on a machine that others use,
# only processor time says much. Loading, tokenizing and evaluating are all in it.
set -euo pipefail
model=$1 text=$2 context=${3:-512} windows=${4:-8} threads=${5:-2} rounds=${6:-3}
quern=${QUERN:-.build/release/quern}
llama=${LLAMA_PERPLEXITY:-llama-perplexity}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
TIMEFORMAT='%R %U %S'

for _ in $(seq "$rounds"); do
  { time "$quern" evaluate "$model" --text "$text" --context "$context" --windows "$windows" --threads "$threads" \
    --quiet > "$results/quern.out" 2> /dev/null; } 2>> "$results/quern"
  { time "$llama" -m "$model" -f "$text" -c "$context" --chunks "$windows" -t "$threads" \
    > "$results/llama.out" 2>&1; } 2>> "$results/llama"
done

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
tokens=$((context * windows))
printf '%-18s %10s %14s %10s %16s\n' program 'wall s' 'tokens/s wall' 'cpu s' 'tokens/s of cpu'
for program in quern llama; do
  wall=$(awk '{ print $1 }' "$results/$program" | median)
  cpu=$(awk '{ print $2 + $3 }' "$results/$program" | median)
  awk -v p="$program" -v w="$wall" -v c="$cpu" -v t="$tokens" \
    'BEGIN { printf "%-18s %10.2f %14.1f %10.2f %16.1f\n", p, w, t / w, c, t / c }'
done
head -1 "$results/quern.out"
grep -o 'PPL = .*' "$results/llama.out"
