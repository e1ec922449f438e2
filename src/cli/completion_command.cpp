// `boxlite completion`: the script that lets a shell ask `boxlite __complete`.
#include <cstdio>
#include <memory>

#include "cli/commands.h"

namespace boxlite::cli {
namespace {

// bash takes ':' and '=' for the ends of words; what stands before them in ours is not repeated.
// xargs takes the quotes off, as a shell would, and expands nothing; it fails where one is not
// closed yet.
constexpr const char* kBash = R"(# bash completion of boxlite
_boxlite() {
  local line words word=${COMP_WORDS[COMP_CWORD]} before
  COMPREPLY=()
  if line=$(xargs printf '%s\n' <<<"${COMP_LINE:0:COMP_POINT}" 2>/dev/null); then
    mapfile -t words <<<"$line"
  else
    read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
  fi
  [[ ${COMP_LINE:0:COMP_POINT} == *[!\\]' ' ]] && words+=('')
  [[ $word == [:=] ]] && word=
  before=${words[-1]%"$word"}
  [[ $before$word == "${words[-1]}" ]] || before=
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o default 2>/dev/null
    else
      line=${line%%$'\t'*}
      COMPREPLY+=("${line#"$before"}")
    fi
  done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _boxlite boxlite
)";

constexpr const char* kZsh = R"(#compdef boxlite
# zsh completion of boxlite
_boxlite() {
  local line
  local -a candidates
  for line in "${(@f)$("${(Q)words[1]}" __complete "${(Q@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      _files
    elif [[ $line == *$'\t'* ]]; then
      candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    elif [[ -n $line ]]; then
      candidates+=("${line//:/\\:}")
    fi
  done
  (( $#candidates )) && _describe boxlite candidates
}
compdef _boxlite boxlite
)";

constexpr const char* kFish = R"(# fish completion of boxlite
function __boxlite_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c boxlite -f -a '(__boxlite_complete)'
)";

}  // namespace

void AddCompletionCommands(Program& program) {
  auto shell = std::make_shared<std::string>();
  CLI::App* completion =
      program.Add({"completion", "Print a shell's completion script", "SHELL",
                   "bash: boxlite completion bash >/etc/bash_completion.d/boxlite\n"
                   "zsh: boxlite completion zsh >\"${fpath[1]}/_boxlite\"\n"
                   "fish: boxlite completion fish >~/.config/fish/completions/boxlite.fish"});
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  program.OnRun(completion, [shell] {
    std::fputs(*shell == "bash" ? kBash : *shell == "zsh" ? kZsh : kFish, stdout);
    return 0;
  });
}

}  // namespace boxlite::cli
