#!/usr/bin/env bash
# Builds the C kernels and their test for 64-bit Arm and runs them under an emulator; then the same test for this
# machine, optimized and not. Installs the cross compiler's libraries and the emulator where apt-get has them.
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
sources=(Sources/CKernels/*.c Tests/neon/kernels_test.c Tests/neon/wide.c)
flags=(-std=c17 -Wall -Wextra -Werror -ISources/CKernels/include)

for level in -O2 -O0; do
  echo "== 64-bit Arm, $level"
  clang --target=aarch64-linux-gnu --gcc-toolchain=/usr --sysroot=/usr/aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include \
    "${flags[@]}" "$level" "${sources[@]}" -static -fuse-ld=lld -L/usr/aarch64-linux-gnu/lib -lm -o "$out/arm$level"
  qemu-aarch64 "$out/arm$level"
done
for level in -O2 -O0; do
  echo "== $(uname -m), $level"
  clang "${flags[@]}" "$level" "${sources[@]}" -lm -o "$out/here$level"
  "$out/here$level"
done
echo "kernels: every level passed"
