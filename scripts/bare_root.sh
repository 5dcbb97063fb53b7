#!/usr/bin/env bash
# Runs commands in a bare Debian or Ubuntu, as on a stranger's new machine: bare_root.sh [--as USER] COMMAND...
#
# Makes a minimal system with debootstrap, adds git, make and the certificates, binds this machine's Swift toolchain, clones the
# checkout this script is in, and runs each COMMAND in the clone with a clean environment, as root or, after --as, as USER.
# Leaves with a command's exit code; with 77 where such a root cannot be made, after saying why.
#
# BARE_SUITE is the release (bookworm), BARE_DIR the folder of the clone (/work), BARE_KEEP a file of the clone that is copied to the
# checkout in the end, BARE_CACHE where the minimal system is kept for the next time, BARE_MIRROR where packages come from (where this
# machine's come from, or the distribution's own server). BARE_PROGRAM is a program to try there, in /usr/local/bin: then there is no
# toolchain.
set -euo pipefail

suite=${BARE_SUITE:-bookworm}
folder=${BARE_DIR:-/work}
cache=${BARE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quern/bare}
checkout=$(realpath "$(dirname "$0")/..")
base=$cache/$suite.tar
program=${BARE_PROGRAM:+$(realpath "$BARE_PROGRAM")}

cannot() {
  echo "a bare $suite cannot be made here: $*" >&2
  exit 77
}

# The folder of the toolchain, which has to be one of its own to be bound; nothing where there is to be none.
toolchain() {
  local programs
  [ -z "$program" ] || return 0
  command -v swift >/dev/null || cannot "there is no Swift toolchain"
  programs=$(dirname "$(readlink -f "$(command -v swift)")")
  case "$programs" in
    /usr/bin | /usr/local/bin | */swiftly/bin) cannot "the Swift toolchain is not in a folder of its own" ;;
  esac
  dirname "$(dirname "$programs")"
}

# Outside: what is needed, the minimal system, and a namespace whose mounts go with it.
outside() {
  [ "$(id -u)" -eq 0 ] || cannot "only root may"
  unshare --mount true 2>/dev/null || cannot "this container may not mount"
  toolchain >/dev/null || exit $?
  if [ ! -f "$base" ]; then
    command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null 2>&1 ||
      { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap; } >/dev/null 2>&1 ||
      cannot "debootstrap cannot be installed"
  fi
  mkdir -p "$cache"
  # Not in /tmp, which may be memory: a build takes two gigabytes.
  root=$(mktemp -d "$cache/root.XXXXXX")
  # The mounts are gone with the namespace; --one-file-system is for the day they are not.
  trap 'rm -rf --one-file-system "$root"; rm -f "$base.$$"' EXIT
  if [ ! -f "$base" ]; then
    local from=() log=$cache/$suite.log
    mapfile -t from < <(mirror)
    debootstrap --variant=minbase --include=git,make,ca-certificates "$suite" "$root" "${from[@]}" >"$log" 2>&1 ||
      cannot "debootstrap: $(tail -n 1 "$log")"
    chroot "$root" apt-get clean
    tar -C "$root" -cf "$base.$$" .
    mv "$base.$$" "$base"
  else
    tar -C "$root" -xf "$base"
  fi
  chmod 755 "$root"
  local status=0
  BARE_ROOT=$root unshare --mount --propagation private "$0" "$@" || status=$?
  return $status
}

# Where this machine has the suite's packages from, or nothing.
mirror() {
  [ -z "${BARE_MIRROR:-}" ] || { echo "$BARE_MIRROR"; return; }
  # shellcheck disable=SC2016 # the format's own variables
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$suite" '$1 == suite { print $2; exit }'
}

bind() {
  mkdir -p "$root$1"
  mount --bind -o ro "$1" "$root$1"
}

# Inside the namespace: what the new machine shares with this one.
furnish() {
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  if [ -n "$program" ]; then install -D -t "$root/usr/local/bin" "$program"; else bind "$swift"; fi
  # How this machine reaches the network, and whom it trusts.
  local file
  for file in resolv.conf hosts; do cp -L "/etc/$file" "$root/etc/$file" || true; done
  cp -rL /etc/ssl/certs/. "$root/etc/ssl/certs/" 2>/dev/null || true
  apt-config dump Acquire | grep -iE 'proxy|verify|cainfo|check-' >"$root/etc/apt/apt.conf.d/90network" || true
  # Copies of repositories that git is told to use.
  local key url
  { git config --get-regexp '^url\..*\.insteadof$' || true; } | while read -r key url; do
    key=${key#url.}
    key=${key%.insteadof}
    git config --file "$root/etc/gitconfig" --add "url.$key.insteadOf" "$url"
    [ ! -d "$key" ] || [ -e "$root$key" ] || bind "$key"
  done
  # The clone changes its owner with the user.
  git config --file "$root/etc/gitconfig" --add safe.directory '*'
}

run() {
  local user=$1 home=/root variables
  if [ "$user" != root ]; then
    home=/home/$user
    [ -d "$root$home" ] || chroot "$root" useradd --create-home "$user"
  fi
  [ "$user" = "$(stat -c %U "$root$folder/quern")" ] || chroot "$root" chown -R "$user" "$folder"
  mapfile -t variables < <(env | grep -iE '^(https?_proxy|no_proxy|ssl_cert_file)=')
  echo "== bare $suite, as $user: $2"
  # shellcheck disable=SC2016 # the inner shell's own
  chroot --userspec="$user" "$root" /usr/bin/env -i "${variables[@]}" HOME="$home" USER="$user" LANG=C.UTF-8 \
    PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$swift/usr/bin" \
    sh -c 'cd "$1" && eval "$2"' sh "$folder/quern" "$2"
}

if [ -z "${BARE_ROOT:-}" ]; then
  outside "$@"
  exit
fi
root=$BARE_ROOT
swift=$(toolchain)
furnish
git -c safe.directory='*' clone -q "$checkout" "$root$folder/quern"
user=root
while [ $# -gt 0 ]; do
  if [ "$1" = --as ]; then
    user=$2
    shift
  else
    run "$user" "$1"
  fi
  shift
done
if [ -n "${BARE_KEEP:-}" ]; then
  mkdir -p "$(dirname "$checkout/$BARE_KEEP")"
  cp "$root$folder/quern/$BARE_KEEP" "$checkout/$BARE_KEEP"
fi
