#!/usr/bin/env bash
# Builds the program in Examples/ against the library product, as an app would be built, and runs it: example.sh [-c release].
#
# It takes the objects of the checkout's own build where there are some: seconds then, minutes otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

options=(--package-path Examples/QuantizeModel --scratch-path "$PWD/.build" "$@")
swift build "${options[@]}"
program=$(swift build "${options[@]}" --show-bin-path)/QuantizeModel
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$program" fixtures/tiny-qwen3.5 Q4_K_M "$work/model.gguf"
[ "$(ls -A "$work")" = $'mmproj-model.gguf\nmodel.gguf' ]
echo "once more, in no time:"
"$program" fixtures/tiny-qwen3.5 Q4_K_M "$work/late.gguf" 0 | tee "$work/said"
grep -qx 'cancelled; nothing was written' "$work/said"
[ ! -e "$work/late.gguf" ] && [ ! -e "$work/mmproj-late.gguf" ]
