# Sourced by the scripts: where things are, and how to say what is wrong. Expects `set -euo pipefail`.
# shellcheck shell=bash
shopt -s inherit_errexit

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${AGENT_BUILD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamsend-agent}
mkdir -p "$CACHE"
# The oldest C library that the executable is for: Debian 10 and RHEL 8 have it.
# shellcheck disable=SC2034
OLDEST_GLIBC=2.28

say() { echo "$*" >&2; }

die() {
  say "${0##*/}: $*"
  exit 1
}

# x64 | arm64: the architecture of this machine.
host_arch() {
  case $(uname -m) in
    x86_64) echo x64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) die "no build for $(uname -m): x86_64 and aarch64 only" ;;
  esac
}

# The version of an installed package, as in its own package.json.
package_version() {
  local manifest=$ROOT/node_modules/$1/package.json
  [ -f "$manifest" ] || die "$1 is not installed: run scripts/setup"
  sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$manifest" | head -1
}

# The real Bun. With `npm ci --ignore-scripts` the one in node_modules/.bin is a stub.
bun_path() {
  local name bun
  case $(host_arch) in
    x64) name=bun-linux-x64 ;;
    arm64) name=bun-linux-aarch64 ;;
  esac
  bun=$ROOT/node_modules/@oven/$name/bin/bun
  [ -f "$bun" ] || die "no Bun in node_modules: run scripts/setup"
  [ -x "$bun" ] || chmod +x "$bun"
  echo "$bun"
}

# in_cache NAME COMMAND...: CACHE/NAME, made by `COMMAND... FOLDER` when it is not there yet; prints the path. It is made in
# a private folder and renamed: two that build at once, or one that is killed half-way, leave nothing broken behind.
# (A subshell, for its own trap. Not an `if` around the command: bash would ignore failures inside it.)
in_cache() (
  made=$CACHE/$1
  shift
  if [ ! -e "$made" ]; then
    private=$(mktemp -d "$CACHE/.making-XXXXXX")
    trap 'rm -rf "$private"' EXIT
    "$@" "$private" >&2
    # It fails when another process was quicker; its result is as good as ours.
    mv -T "$private" "$made" 2> /dev/null || [ -e "$made" ] || die "cannot write $made"
  fi
  echo "$made"
)
