#!/usr/bin/env bash
# The workers, the ordered pipeline and the file writer under ThreadSanitizer, compiled by themselves.
#
# Not the whole package: the compiler (6.3.1) breaks on Quants under this sanitizer, and the sanitizer does not see the locks of
# Swift's Synchronization on Linux, which wait in the kernel by themselves. These three lock with POSIX threads.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# One module, which imports nothing but C: as SwiftPM would, with a module map for a target that has none.
sources=(Sources/Base/*/*.swift Tests/Threads/main.swift)
# The name is that of the room, which some of its own lines say.
swiftc -emit-module -parse-as-library -module-name Libc Sources/Libc/Libc.swift -o "$out/Libc.swiftmodule"
options=(-sanitize=thread -Onone -swift-version 6 -package-name quern -module-name Base -I "$out")
for name in $(sed -n 's/^ *import \(C[A-Z][A-Za-z]*\)$/\1/p' Sources/Base/*/*.swift | sort -u); do
  folder=$PWD/Sources/$name
  if [ -e "$folder/module.modulemap" ]; then
    options+=(-I "$folder" -lcrypto)
  else
    mkdir "$out/$name"
    echo "module $name { header \"$folder/include/$name.h\" export * }" >"$out/$name/module.modulemap"
    options+=(-I "$out/$name")
    for source in "$folder"/*.c; do
      clang -g -fsanitize=thread -I "$folder/include" -c "$source" -o "$out/$(basename "$source").o"
      options+=("$out/$(basename "$source").o")
    done
  fi
done
swiftc "${options[@]}" "${sources[@]}" -o "$out/threads" 2>&1 | sed '/warning: Cannot export local symbol/d'
TSAN_OPTIONS=halt_on_error=1 "$out/threads" "$out/file"
