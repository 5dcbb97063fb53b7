#!/usr/bin/env bash
# The whole path once: a Hugging Face folder becomes a GGUF, then smaller ones, and what that cost is proved.
set -euo pipefail
cd "$(dirname "$0")/.."
quern=.build/release/quern
model=fixtures/tiny-qwen3.5
text=fixtures/text/persuasion.txt
mkdir -p out
rm -f out/*.gguf out/report.*

echo "1. $model -> BF16 (and the vision encoder beside it)"
$quern convert $model --type bf16 --output out/tiny-BF16.gguf --quiet >/dev/null
echo "2. $model -> Q8_0, Q4_K_M and Q4_0, one pass each, no file in between"
for type in Q8_0 Q4_K_M Q4_0; do
  $quern quantize $model $type --output out/tiny-$type.gguf --quiet >/dev/null
done

echo "3. before and after on $text (12 windows of 512 tokens) and on twelve pictures"
echo
$quern validate $model out/tiny-{BF16,Q8_0,Q4_K_M,Q4_0}.gguf --text $text --context 512 --windows 12 \
  --report out/report.html --report out/report.md --quiet
echo
echo "4. a sentence from the Q4_0 file"
$quern generate out/tiny-Q4_0.gguf --raw --tokens 40 --quiet \
  --prompt "Sir Walter Elliot, of Kellynch Hall, in Somersetshire, was a man who"
echo
echo "the report: $PWD/out/report.html"
