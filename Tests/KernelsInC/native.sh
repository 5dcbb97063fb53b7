#!/usr/bin/env bash
# Builds the C kernels and their tests (plain loops; golden rows of every block format) for this machine and runs them at every
# level that its processor has: optimized, not optimized, and so under the address and the undefined-behaviour
# sanitizer. Arguments choose among these: optimized plain sanitized.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# The tests keep what they lay out until they end.
export ASAN_OPTIONS=detect_leaks=0
flags=(-std=c17 -Wall -Wextra -Werror -ISources/CKernels/include)

flags_of() {
  case "$1" in
    optimized) echo -O2 ;;
    plain) echo -O0 ;;
    sanitized) echo -O0 -g -fsanitize=address,undefined -fno-sanitize-recover=all ;;
    *) echo "ways to build are optimized, plain and sanitized" >&2 && exit 64 ;;
  esac
}

[ $# -gt 0 ] || set -- optimized plain sanitized
for way; do
  read -ra options < <(flags_of "$way")
  echo "== $(uname -m), ${options[*]}"
  printf '%s\0' Sources/CKernels/*.c Tests/KernelsInC/{wide,kernels_test,golden_test}.c |
    xargs -0 -n 1 -P "$(nproc)" bash -c 'clang "${@:2:$#-2}" -c "${@: -1}" -o "$1/$(basename "${@: -1}" .c).o"' _ "$out" \
      "${flags[@]}" "${options[@]}"
  kernels=()
  for object in "$out"/*.o; do
    case "$object" in *_test.o) ;; *) kernels+=("$object") ;; esac
  done
  for test in kernels_test golden_test; do
    clang "${options[@]}" "${kernels[@]}" "$out/$test.o" -lm -o "$out/$test"
  done
  "$out/kernels_test"
  "$out/golden_test" fixtures/golden/blocks.safetensors Sources/Quants/Codebooks/CodebookData.swift
done
echo "kernels: every level of this processor passed"
