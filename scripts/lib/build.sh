# shellcheck shell=bash
# The steps from a clone to build/stage and build/venv, shared by scripts/quickstart and scripts/test. Every step is quick
# when its work is done already. Needs scripts/lib/cache.sh.
#
#   build/release  the build that is installed      build/stage  where it is installed
#   build/venv     Python with the package          build/tools  Python tools of the tests and checks, at fixed versions

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
jobs=$(nproc)

# Passes messages through, and of ninja's own lines ("[5/120] Building …") one in a while, unless a person watches.
thin_progress() {
  if [[ -t 1 ]]; then
    cat
  else
    awk -F'[][/]' '/^\[[0-9]+\/[0-9]+\]/ { if ($2 % 25 == 0 || $2 == $3) print "  " $2 " of " $3; fflush(); next } { print; fflush() }'
  fi
}

build_tree() { # PRESET [TARGET...]
  local tree=$root/build/$1
  if [[ ! -e $tree/build.ninja ]]; then
    if command -v ccache >/dev/null; then
      export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
    fi
    (cd "$root" && cmake --preset "$1" --log-level=WARNING >"$root/build/$1.log" 2>&1) ||
      { cat "$root/build/$1.log" >&2 && rm -f "$tree/build.ninja" && die "the preset $1 cannot be configured"; }
  fi
  if [[ -t 1 ]]; then
    ninja -C "$tree" -j "$jobs" "${@:2}"
  else
    ninja -C "$tree" -j "$jobs" "${@:2}" | thin_progress
  fi || die "the tree $tree does not build"
}

# The first python3 that can run the package; the system's own before any other that PATH may hold.
find_python() {
  local candidate
  for candidate in /usr/bin/python3 python3; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.10 or newer with the module venv; install the package python3-venv"
}

# make_venv DIRECTORY HASH PIP-ARGUMENT...: made again only when HASH, of what goes in, is another.
make_venv() {
  local directory=$1 hash=$2 python
  [[ -e $directory/.complete && $(<"$directory/.complete") == "$hash" ]] && return
  rm -rf "$directory"
  python=$(find_python)
  "$python" -m venv "$directory"
  "$directory/bin/pip" install --quiet --disable-pip-version-check "${@:3}" || die "pip could not fill $directory"
  printf '%s\n' "$hash" >"$directory/.complete"
}

build_stage() {
  cmake --install "$root/build/release" --prefix "$root/build/stage" >"$root/build/stage.log" 2>&1 ||
    { tail -n 20 "$root/build/stage.log" >&2 && die "build/release cannot be installed into build/stage"; }
}

build_tools() {
  make_venv "$root/build/tools" "$({ find_python && cat "$root/scripts/tools.txt"; } | hash_of)" \
    --requirement "$root/scripts/tools.txt"
}

# The package is installed as a user would do it, and told where the library is. pip builds beside its source, so it gets
# a copy.
build_venv() {
  local hash source=$root/build/venv-source
  rm -rf "$source"
  cp -r "$root/bindings/python" "$source"
  find "$source" -name __pycache__ -prune -exec rm -rf {} +
  hash=$({ find_python && cd "$source" && find . -type f -print0 | sort -z | xargs -0 sha256sum; } | hash_of)
  make_venv "$root/build/venv" "$hash" "$source"
  rm -rf "$source"
  "$root/build/venv/bin/python" -m boxlite.locate "$root/build/stage" >/dev/null ||
    die "the package in build/venv cannot load the library in build/stage"
}
