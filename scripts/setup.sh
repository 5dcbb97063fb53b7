#!/usr/bin/env bash
# Makes sure that what a build needs is there, each thing by what it is needed for: the libraries the toolchain's programs
# load, a compiler that links a program, a header and a library that pkg-config leads to. Installs what is missing on Debian
# and Ubuntu; where it may not, it says in one line what an administrator must run, and nothing is built.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

found=$(command -v swift) || fail "quern needs a Swift 6.2 or later toolchain: https://www.swift.org/install/"
[ "$(uname -s)" = Linux ] || exit 0

# The folder of the toolchain's programs; the `swift` of swiftly only starts another.
programs=$(dirname "$(readlink -f "$found")")
if [ -x "$programs/swiftly" ]; then
  programs=$("$programs/swiftly" use --print-location 2>/dev/null | tail -n 1)/usr/bin || true
fi
clang=$programs/clang
[ -x "$clang" ] || clang=clang
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Debian 13 and Ubuntu 24.04 gave libraries whose clock became 64 bits wide new names.
wide=$(
  # shellcheck source=/dev/null
  [ ! -r /etc/os-release ] || . /etc/os-release
  case "${UBUNTU_CODENAME:-${DEBIAN_CODENAME:-${VERSION_CODENAME:-}}}" in
    bullseye | bookworm | focal | jammy) ;;
    *) echo t64 ;;
  esac
)

# The package that holds a library, by the name programs load it by.
package_of() {
  case "$1" in
    libncurses.so.6 | libform.so.6 | libpanel.so.6) echo libncurses6 ;;
    libtinfo.so.6) echo libtinfo6 ;;
    libedit.so.2) echo libedit2 ;;
    libcurl.so.4) echo "libcurl4$wide" ;;
    libxml2.so.2) echo libxml2 ;;
    libsqlite3.so.0) echo libsqlite3-0 ;;
    libz.so.1) echo zlib1g ;;
    libuuid.so.1) echo libuuid1 ;;
    libstdc++.so.6) echo libstdc++6 ;;
    libgcc_s.so.1) echo libgcc-s1 ;;
    *) fail "the Swift toolchain needs $1, and quern's setup does not know which package holds it" ;;
  esac
}

# The libraries that the toolchain's programs want and the system does not have.
absent_libraries() {
  for program in swift-driver swift-frontend swift-build swift-format clang lld; do
    [ ! -x "$programs/$program" ] || ldd "$programs/$program" 2>/dev/null || true
  done | sed -n 's/^[[:space:]]*\([^ ]*\) => not found$/\1/p' | sort -u
}

# Whether a C program compiles and links, with the compiler SwiftPM calls.
links() {
  "$clang" -x c - "${@:2}" -o "$scratch/linked" <<<"$1" >/dev/null 2>&1
}

# Whether pkg-config knows a library and a program that uses it links with the flags it gives.
has_library() {
  local flags
  flags=$(pkg-config --cflags --libs "$1" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # flags are words
  links "$2" $flags
}

# The packages of what does not work, one a line.
missing() {
  local library
  for library in $(absent_libraries); do package_of "$library"; done
  links '#include <stdlib.h>
int main(void) { return EXIT_SUCCESS; }' || printf '%s\n' gcc libc6-dev
  pkg-config --version >/dev/null 2>&1 || echo pkg-config
  has_library libcrypto '#include <openssl/evp.h>
int main(void) { return EVP_sha256() == 0; }' || echo libssl-dev
  has_library libpng '#include <png.h>
int main(void) { return png_access_version_number() == 0; }' || echo libpng-dev
  has_library libjpeg '#include <stdio.h>
#include <jpeglib.h>
int main(void) { struct jpeg_error_mgr e; return jpeg_std_error(&e) == 0; }' || echo libjpeg-dev
  # SwiftPM fetches the one package that the program depends on.
  git --version >/dev/null 2>&1 || echo git
  grep -qs CERTIFICATE "${SSL_CERT_FILE:-/dev/null}" /etc/ssl/certs/ca-certificates.crt \
    /etc/pki/tls/certs/ca-bundle.crt || echo ca-certificates
}

# Those packages that are not installed: while the toolchain's compiler cannot start, what only it can try is asked of
# the package database.
not_installed() {
  local package
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

refuse() {
  fail "packages that quern is built with are missing and could not be installed; an administrator must run:" "$1"
}

install() {
  local line="apt-get update && apt-get install -y --no-install-recommends $*" as_root=()
  command -v apt-get >/dev/null || fail "please install (the names are Debian's): $*"
  if [ "$(id -u)" -ne 0 ]; then
    # A person at a terminal can be asked for a password.
    sudo -n true 2>/dev/null || { command -v sudo >/dev/null && [ -t 0 ] && [ -t 2 ]; } || refuse "$line"
    as_root=(sudo)
  fi
  echo "installing $*" >&2
  "${as_root[@]}" apt-get update -qq >&2 || refuse "$line"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    install -y -qq --no-install-recommends "$@" >/dev/null || refuse "$line"
}

# A second time for what could not be tried before the compiler started.
while list=$(missing) || exit 1; [ -n "$list" ]; do
  mapfile -t packages <<<"$list"
  mapfile -t absent < <(not_installed "${packages[@]}")
  [ ${#absent[@]} -gt 0 ] || fail "installed, but of no use to the compiler $clang: ${packages[*]}"
  install "${absent[@]}"
done

version=$(swift --version 2>&1) || fail "the Swift toolchain at $programs does not start:" "$version"
case "$version" in
  *"Swift version "[0-5].* | *"Swift version 6."[01][.\ -]*)
    fail "quern needs a Swift 6.2 or later toolchain (https://www.swift.org/install/); this is an older one:" "$version" ;;
  *"Swift version "*) ;;
  *) fail "$found is not a Swift toolchain: https://www.swift.org/install/" ;;
esac

# A plan that SwiftPM made while pkg-config or a library was missing lacks the library's flag, and would be used again.
for plan in .build*/*.yaml; do
  [ -e "$plan" ] || continue
  for flag in $(pkg-config --libs-only-l libcrypto libpng libjpeg); do
    grep -qF -- "\"$flag\"" "$plan" || { rm -f "$plan"; break; }
  done
done
