// Where in the grammar a word of a command line stands, by the words before it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace boxlite::cli {

struct Place {
  const CLI::App* command;
  const CLI::Option* value_of = nullptr;  // the word is this option's value
  size_t positional = 0;                  // else it is this positional, or an option
  bool options_over = false;
  std::string home = {};  // of --home, where it was given

  // The place of the word after `word`, which stands here.
  void Step(const std::string& word);
};

}  // namespace boxlite::cli
