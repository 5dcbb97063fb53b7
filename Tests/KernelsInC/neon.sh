#!/usr/bin/env bash
# Builds the C kernels and their tests (plain loops; golden rows of every block format) for 64-bit Arm and runs them
# under an emulator; native.sh is the same for this machine. Installs the cross compiler's libraries and the emulator where
# apt-get has them.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
command -v qemu-aarch64 >/dev/null || missing+=(qemu-user)
command -v aarch64-linux-gnu-gcc >/dev/null || missing+=(gcc-aarch64-linux-gnu)
if [ ${#missing[@]} -gt 0 ]; then
  as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq
  $as_root apt-get install -qq -y --no-install-recommends "${missing[@]}" libc6-dev-arm64-cross
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
kernels=(Sources/CKernels/*.c Tests/KernelsInC/wide.c)
flags=(-std=c17 -Wall -Wextra -Werror -ISources/CKernels/include)
arm=(--target=aarch64-linux-gnu --gcc-toolchain=/usr --sysroot=/usr/aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include
  -static -fuse-ld=lld -L/usr/aarch64-linux-gnu/lib)
golden=(fixtures/golden/blocks.safetensors Sources/Quants/Codebooks/CodebookData.swift)

for level in -O2 -O0; do
  echo "== 64-bit Arm, $level"
  for test in kernels_test golden_test; do
    clang "${arm[@]}" "${flags[@]}" "$level" "${kernels[@]}" "Tests/KernelsInC/$test.c" -lm -o "$out/arm-$test"
  done
  qemu-aarch64 "$out/arm-kernels_test"
  qemu-aarch64 "$out/arm-golden_test" "${golden[@]}"
done
echo "kernels: 64-bit Arm passed"
