#!/usr/bin/env bash
# Makes sure that what the build needs is there; installs missing Debian/Ubuntu packages.
set -eu
if ! command -v swift >/dev/null; then
  echo "quern needs a Swift 6.2 or later toolchain: https://www.swift.org/install/" >&2
  exit 1
fi
[ "$(uname -s)" = Linux ] || exit 0
missing=()
# The header of libcrypto (SHA-256), and the linker and headers Swift itself needs.
[ -e /usr/include/openssl/evp.h ] || missing+=(libssl-dev)
# The headers of libpng and libjpeg, for pictures.
[ -e /usr/include/png.h ] || missing+=(libpng-dev)
[ -e /usr/include/jpeglib.h ] || missing+=(libjpeg-dev)
command -v cc >/dev/null || command -v clang >/dev/null || missing+=(build-essential)
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "please install: ${missing[*]} (the names are Debian's)" >&2
  exit 1
fi
echo "installing ${missing[*]}" >&2
sudo=""
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
