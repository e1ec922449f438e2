# shellcheck shell=bash
# What the build scripts share: messages, and a cache outside the tree that is filled once for each content hash.
#
# A cache entry is a directory <cache>/<kind>/<hash>. It is built beside its final name and renamed when complete, so
# that an entry that exists is whole. A lock for each entry makes two builds at once do the work once. Whoever holds the
# lock owns <hash>.tmp, and removes what a killed build left there.

say() { printf '%s\n' "${0##*/}: $*" >&2; }

die() {
  say "error: $*"
  exit 1
}

require_commands() { # COMMAND=PACKAGE...: names the Debian package of a command that is missing
  local pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || die "${pair%%=*} is not installed; install the package ${pair#*=}"
  done
}

cache_dir() {
  if [[ -n ${BOXLITE_CACHE_DIR:-} ]]; then
    printf '%s\n' "$BOXLITE_CACHE_DIR"
  elif [[ -n ${XDG_CACHE_HOME:-} ]]; then
    printf '%s\n' "$XDG_CACHE_HOME/boxlite"
  else
    printf '%s\n' "${HOME:?the cache needs HOME or BOXLITE_CACHE_DIR}/.cache/boxlite"
  fi
}

hash_of() { # content hash of standard input
  sha256sum | cut -c1-20
}

cache_staging=
remove_staging() {
  if [[ -n $cache_staging ]]; then
    chmod -R u+rwX "$cache_staging" 2>/dev/null || true
    rm -rf "$cache_staging"
  fi
}

# cache_fill ENTRY BUILDER: leaves the directory ENTRY filled by the function BUILDER, which is called with the staging
# directory as its argument and ends the script when it fails.
cache_fill() {
  local entry=$1 builder=$2 lock
  [[ -d $entry ]] && return
  mkdir -p "$(dirname "$entry")" || die "the cache directory $(dirname "$entry") cannot be made; set BOXLITE_CACHE_DIR"
  exec {lock}>"$entry.lock"
  if ! flock -n "$lock"; then
    say "another build of $entry is at work; waiting for it"
    flock "$lock"
  fi
  if [[ ! -d $entry ]]; then
    cache_staging=$entry.tmp
    remove_staging
    trap remove_staging EXIT
    mkdir "$cache_staging"
    "$builder" "$cache_staging"
    mv -T "$cache_staging" "$entry"
    cache_staging=
  fi
  exec {lock}>&-
}
