#!/usr/bin/env bash
# Makes a report and opens one in headless Chromium: report.sh --make REPORT.html, report.sh [--pictures FOLDER] REPORT.html
#
# The first makes that of the tiny model in six recipes, with the program that `make` built. The second opens a report at six
# widths from 320 to 1,600 px, dark at three of them, and as printed: no horizontal scroll, nothing cut off, no error, no request, every text with a contrast of at
# least 4.5:1. With --pictures it leaves pictures of the page in FOLDER to look at. Leaves with 77, after saying why, where Chromium
# cannot be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

make_report() {
  local quern=$root/.build/release/quern model=$root/fixtures/tiny-qwen3.5 recipe
  local -a files=()
  for recipe in Q8_0 Q6_K Q5_K_M Q4_K_M Q3_K_M Q2_K; do
    "$quern" quantize "$model" "$recipe" --output "$scratch/tiny-$recipe.gguf" --quiet >/dev/null
    files+=("$scratch/tiny-$recipe.gguf")
  done
  "$quern" validate "$model" "${files[@]}" --text "$root/fixtures/text/persuasion.txt" --context 128 --windows 12 --quiet \
    --report "$1" --overwrite >/dev/null
}

if [ "${1:-}" = --make ]; then
  mkdir -p "$(dirname "$2")"
  make_report "$2"
  exit
fi
pictures=
if [ "${1:-}" = --pictures ]; then
  pictures=$2
  shift 2
  mkdir -p "$pictures"
fi
report=${1:?name a report}
size=$(wc -c <"$report")
[ "$size" -lt 1500000 ] || { echo "$report: $size bytes are too many for a page" >&2; exit 1; }

cannot() {
  echo "reports cannot be opened here: $*" >&2
  exit 77
}

chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$chromium" ]; then
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || cannot "there is no Chromium"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 ||
    cannot "chromium cannot be installed"
  chromium=$(command -v chromium) || cannot "chromium is installed and not found"
fi

# Chromium, with nothing outside of this machine in reach; what it says about its own surroundings is not a fault of the page.
browse() {
  timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --disable-extensions --no-first-run \
    --user-data-dir="$scratch/profile" --host-resolver-rules="MAP * ~NOTFOUND" --enable-logging=stderr "$@" 2>>"$scratch/messages"
}

# A page that shows the report in frames, whose documents the checks can look into.
frames() {
  echo '<!doctype html><meta charset="utf-8"><body>'
  local frame
  for frame; do
    IFS=: read -r width height options <<<"$frame"
    printf '<iframe data-name="%s" style="width:%spx;height:%spx;border:0" %s srcdoc="' "$width $options" "$width" "$height" "$options"
    sed -e 's/&/\&amp;/g' -e 's/"/\&quot;/g' "$report"
    printf '"></iframe>'
  done
  printf '<script>'
  cat "$here/checks.js"
  printf '</script></body>'
}

status=0
look() {
  local name=$1 found
  shift
  : >"$scratch/messages"
  found=$(browse --virtual-time-budget=20000 --window-size=1700,1200 "$@" --dump-dom "file://$scratch/frames.html" |
    sed -n '/<pre id="result">/,/<\/pre>/p' | sed 's/<[^>]*>//g')
  if ! grep -q '^checked:' <<<"$found"; then
    echo "$name: the checks did not run" >&2
    tail -n 5 "$scratch/messages" >&2
    status=1
  fi
  if grep '^fault:' <<<"$found" | sed "s/^/$name: /" >&2; then status=1; fi
  if grep 'CONSOLE' "$scratch/messages" >&2; then status=1; fi
  echo "$name: $(grep '^checked:' <<<"$found" || true)"
}

dark=--blink-settings=preferredColorScheme=0
frames 320:900: 720:900: 800:900: 920:900: 1090:900: 1600:900: 320:900:data-open=1 800:900:data-open=1 1600:900:data-open=1 700:900:data-print=1 \
  >"$scratch/frames.html"
look light --blink-settings=preferredColorScheme=1
frames 320:900:data-open=1 800:900:data-open=1 1600:900:data-open=1 700:900:data-print=1 >"$scratch/frames.html"
look dark $dark

browse --print-to-pdf="$scratch/report.pdf" --no-pdf-header-footer "file://$(realpath "$report")" >/dev/null
pages=$(grep -ac '/Type */Page\b' "$scratch/report.pdf" || true)
echo "print: $pages pages"
[ "$pages" -ge 4 ] || { echo "the report prints on $pages pages: something is missing" >&2; status=1; }

if [ -n "$pictures" ]; then
  cp "$scratch/report.pdf" "$pictures/"
  for width in 320 800 1600; do
    for scheme in light dark; do
      number=$([ $scheme = dark ] && echo 0 || echo 1)
      # A window has a least width, a frame has none.
      printf '<!doctype html><style>body{margin:0}iframe{border:0;display:block}</style><iframe src="%s" style="width:%dpx;height:6000px"></iframe>' \
        "file://$(realpath "$report")" "$width" >"$scratch/frame.html"
      browse --blink-settings=preferredColorScheme="$number" --window-size="$width,6000" --screenshot="$pictures/$width-$scheme.png" \
        "file://$scratch/frame.html" >/dev/null
    done
  done
  ls "$pictures"
fi
exit $status
