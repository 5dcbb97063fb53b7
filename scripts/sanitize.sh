#!/usr/bin/env bash
# Runs tests in debug under AddressSanitizer and, in the C files, UndefinedBehaviorSanitizer: sanitize.sh FILTER.
#
# They find what reads or writes memory that is not its own or is gone. A finding ends the run. Threads are Tests/Threads.
set -euo pipefail
cd "$(dirname "$0")/.."

options=(--sanitize=address -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined --scratch-path .build-address)
# What the runtime keeps until the end of a process is not lost: leaks are not looked for.
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
# The linker's warnings about the sanitizer's own symbols are many and mean nothing.
swift build --build-tests "${options[@]}" 2>&1 | sed '/warning: Cannot export local symbol/d'
swift test --skip-build "${options[@]}" --filter "$1"
