#!/usr/bin/env bash
# The whole path once: a Hugging Face folder becomes a GGUF, then smaller ones, and what that cost is measured.
set -euo pipefail
cd "$(dirname "$0")/.."
quern=.build/release/quern
model=fixtures/tiny-qwen3.5
text=fixtures/text/persuasion.txt
mkdir -p out
rm -f out/*.gguf

# The value of a number or string in a flat JSON document.
value() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" | head -n 1; }

echo "1. $model -> BF16 (and the vision tower beside it)"
$quern convert $model --type bf16 --output out/tiny-BF16.gguf --vision-output out/mmproj-tiny-F16.gguf --quiet >/dev/null
echo "2. $model -> Q8_0 and Q4_0, one pass each, no file in between"
for type in Q8_0 Q4_0; do
  $quern quantize $model $type --output out/tiny-$type.gguf --vision-output out/mmproj-tiny-$type.gguf --quiet >/dev/null
  rm -f out/mmproj-tiny-$type.gguf
done

echo "3. perplexity of each on $text (12 windows of 512 tokens)"
echo
printf '%-20s %10s %12s %12s %9s\n' file bytes bits/weight perplexity change
base=""
for type in BF16 Q8_0 Q4_0; do
  file=out/tiny-$type.gguf
  shown=$($quern show $file --json)
  # The last such key is the whole file's; the ones before belong to tensors.
  bits=$(printf '%s\n' "$shown" | sed -n 's/^  "bits_per_weight": \([0-9.e+-]*\).*/\1/p')
  perplexity=$($quern evaluate $file --text $text --context 512 --windows 12 --json --quiet | value perplexity)
  [ -n "$base" ] || base=$perplexity
  awk -v f="$file" -v s="$(wc -c <$file)" -v b="$bits" -v p="$perplexity" -v q="$base" \
    'BEGIN { printf "%-20s %10d %12.3f %12.4f %+8.2f%%\n", f, s, b, p, (p / q - 1) * 100 }'
done
echo
echo "4. a sentence from the Q4_0 file"
$quern generate out/tiny-Q4_0.gguf --raw --tokens 40 --quiet \
  --prompt "Sir Walter Elliot, of Kellynch Hall, in Somersetshire, was a man who"
