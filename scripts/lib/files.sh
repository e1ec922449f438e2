# shellcheck shell=bash
# Which files are the project's: what git tracks or would track. Needs scripts/lib/cache.sh.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# project_files [PATHSPEC...]: paths below the root, a NUL after each, of files that exist.
project_files() {
  git -C "$root" rev-parse --git-dir >/dev/null 2>&1 || die "$root is not a git clone; the checks need its list of files"
  local file
  while IFS= read -r -d '' file; do
    if [[ -f $root/$file ]]; then printf '%s\0' "$file"; fi
  done < <(git -C "$root" ls-files -z --cached --others --exclude-standard --deduplicate -- "$@")
}

# interpreted_files PROGRAM: the project's files whose first line calls PROGRAM, a NUL after each.
interpreted_files() {
  local file first
  while IFS= read -r -d '' file; do
    IFS= read -r first <"$root/$file" 2>/dev/null || continue
    if [[ $first =~ ^#!.*[/\ ]$1([0-9.]*)( |$) ]]; then printf '%s\0' "$file"; fi
  done < <(project_files .)
}
