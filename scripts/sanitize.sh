#!/usr/bin/env bash
# Runs tests under a sanitizer, in debug: sanitize.sh address|thread FILTER.
#
# address finds what reads or writes memory that is not its own or is gone, and in the C files also undefined behaviour; thread
# finds what two threads touch at once. A finding ends the run. The latter does not see the locks of Swift's Synchronization on
# Linux, which wait in the kernel by themselves: it is for tests of what locks with POSIX threads, the pipeline and the workers.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  address) options=(--sanitize=address -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined) ;;
  thread) options=(--sanitize=thread) ;;
  *) echo "usage: sanitize.sh address|thread FILTER" >&2 && exit 64 ;;
esac
options+=(--scratch-path ".build-$1")
# What the runtime keeps until the end of a process is not lost: leaks are not looked for.
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
# The linker's warnings about the sanitizer's own symbols are many and mean nothing.
swift build --build-tests "${options[@]}" 2>&1 | sed '/warning: Cannot export local symbol/d'
swift test --skip-build "${options[@]}" --filter "$2"
