#!/usr/bin/env bash
# Runs the fuzz targets under libFuzzer and AddressSanitizer: see docs/fuzzing.md.
#
# Usage: fuzz.sh [TARGET...]           (all of them unless named)
#   FUZZ_SECONDS   how long each target runs; a share of half an hour unless given
#   FUZZ_FOLDER    where corpora, findings and logs are kept; .build-fuzz/fuzz unless given
set -eu
cd "$(dirname "$0")/../.."
runtime=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')/clang/lib/linux
libfuzzer=$runtime/libclang_rt.fuzzer_no_main-$(uname -m).a
if [ ! -e "$libfuzzer" ]; then
  echo "this toolchain has no libFuzzer ($libfuzzer); on macOS the swift.org toolchain has none" >&2
  exit 1
fi
# Coverage counters in Swift and in C; libFuzzer itself comes without its main, since the targets' program has one.
QUERN_FUZZ_BUILD=1 swift build -c release --product quern-fuzz --scratch-path .build-fuzz --sanitize address \
  -Xswiftc -sanitize-coverage=edge,indirect-calls,trace-cmp,inline-8bit-counters,pc-table \
  -Xcc -fsanitize=fuzzer-no-link \
  -Xlinker --whole-archive -Xlinker "$libfuzzer" -Xlinker --no-whole-archive -Xlinker -lstdc++
program=$PWD/.build-fuzz/release/quern-fuzz

folder=${FUZZ_FOLDER:-$PWD/.build-fuzz/fuzz}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# Inputs that are files live in memory where that is possible.
memory=/dev/shm
[ -w "$memory" ] || memory=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d "$memory/quern-fuzz-XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
export SWIFT_BACKTRACE=enable=no
# Freed memory is kept for a while to catch its use; the default would be most of the limit below.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16:${ASAN_OPTIONS:-}

"$program" >"$folder/targets"
[ $# -gt 0 ] || set -- $(cut -d' ' -f1 "$folder/targets")
seconds=${FUZZ_SECONDS:-$((1800 / $(wc -l <"$folder/targets")))}
found=0
printf '%-18s %10s %8s %8s %8s %8s\n' target runs runs/s edges corpus findings
for target in "$@"; do
  longest=$(sed -n "s/^$target //p" "$folder/targets")
  if [ -z "$longest" ]; then
    echo "there is no target $target; there are $(cut -d' ' -f1 "$folder/targets" | tr '\n' ' ')" >&2
    exit 1
  fi
  place=$folder/$target
  mkdir -p "$place/corpus" "$place/findings"
  rm -rf "$place/seeds"
  QUERN_FUZZ_TARGET=$target QUERN_FUZZ_SEEDS=$place "$program"
  old=fixtures/fuzz/$target
  [ -d "$old" ] || old=
  # Five seconds for an input, 600 MiB for all: what the program promises.
  QUERN_FUZZ_TARGET=$target "$program" "$place/corpus" "$place/seeds" $old -dict="$place/words" \
    -max_total_time="$seconds" -max_len="$longest" -timeout="${FUZZ_TIMEOUT:-5}" -rss_limit_mb="${FUZZ_MEMORY:-600}" \
    -use_value_profile="${FUZZ_VALUES:-0}" -artifact_prefix="$place/findings/" -print_final_stats=1 \
    >"$place/log" 2>&1 || true
  runs=$(sed -n 's/stat::number_of_executed_units: *//p' "$place/log")
  rate=$(sed -n 's/stat::average_exec_per_sec: *//p' "$place/log")
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$place/log" | tail -n 1)
  findings=$(find "$place/findings" -type f | wc -l)
  printf '%-18s %10s %8s %8s %8s %8s\n' \
    "$target" "${runs:--}" "${rate:--}" "${edges:--}" "$(find "$place/corpus" -type f | wc -l)" "$findings"
  if [ "$findings" -gt 0 ] || [ -z "$runs" ]; then
    found=1
    echo "  see $place/log and $place/findings"
  fi
done
exit $found
