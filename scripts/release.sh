#!/usr/bin/env bash
# Builds the program of a release as one file and tries it where there is no toolchain (RELEASE.md).
#
# Swift's runtime, libpng, zlib, libjpeg and libcrypto are in the file; it loads the C and C++ libraries of the system, and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
version=$(sed -n 's/^package let quernVersion = "\(.*\)"$/\1/p' Sources/Base/Values/Version.swift)
name=quern-$version-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
folder=out/release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The linker takes the first library of a name, and in a folder of archives alone that is an archive: the descriptions by which the
# package finds its system libraries lead there.
mkdir "$work/archives"
static() {
  local name=$1 archive
  shift
  for library; do
    archive=$(pkg-config --variable=libdir "$name")/lib$library.a
    [ -f "$archive" ] || { echo "there is no $archive to put into the program" >&2; exit 1; }
    ln -sf "$archive" "$work/archives/"
  done
  printf '%s\n' "Name: $name" "Description: archives of $name" "Version: $(pkg-config --modversion "$name")" \
    "Cflags: $(pkg-config --cflags "$name")" "Libs: -L$work/archives $(printf -- '-l%s ' "$@")" >"$work/$name.pc"
}
static libpng png16 z
static libjpeg jpeg
static libcrypto crypto
export PKG_CONFIG_PATH=$work
options=(-c release --product quern --static-swift-stdlib --scratch-path .build-static)
swift build "${options[@]}"
mkdir -p "$folder/$name/licenses"
program=$folder/$name/quern
cp "$(swift build "${options[@]}" --show-bin-path)/quern" "$program"
strip "$program"
cp LICENSE README.md CHANGELOG.md "$folder/$name/"
# What is linked in has to be named with its conditions.
for package in libpng-dev libjpeg62-turbo-dev libssl-dev zlib1g-dev; do
  [ ! -f "/usr/share/doc/$package/copyright" ] || cp "/usr/share/doc/$package/copyright" "$folder/$name/licenses/$package"
done
cp "$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")/share/swift/LICENSE.txt" "$folder/$name/licenses/swift" ||
  echo "the toolchain has no licence to add"

echo "loads:"
ldd "$program" | sed 's/ (0x.*//'
! ldd "$program" | grep -vE '^[[:space:]]*(linux-vdso|/lib.*/ld-linux|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so)' || {
  echo "the program loads a library that not every system has" >&2
  exit 1
}

model=fixtures/tiny-qwen3.5
status=0
BARE_PROGRAM=$program scripts/bare_root.sh \
  '! command -v swift' \
  "test \"\$(quern --version)\" = $version" \
  "quern quantize $model Q4_K_M --output /tmp/m.gguf --checksums /tmp/sums --quiet && cd /tmp && sha256sum --check --quiet sums" \
  "quern validate $model /tmp/m.gguf --windows 1 --quiet" \
  "quern generate /tmp/m.gguf --raw --tokens 12 --quiet --prompt 'Sir Walter Elliot was'" || status=$?
case $status in
  0) ;;
  77) echo "not tried without a toolchain: a bare root cannot be made here" ;;
  *) exit $status ;;
esac
tar -C "$folder" -czf "$folder/$name.tar.gz" --owner=0 --group=0 "$name"
(cd "$folder" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
ls -l "$program" "$folder/$name.tar.gz"
