#include "cli/place.h"

#include <string_view>

namespace boxlite::cli {
namespace {

bool IsOption(std::string_view word) {
  return word.size() > 1 && word.front() == '-';
}

const CLI::Option* FindOption(const CLI::App* command, const std::string& word) {
  for (const CLI::App* app = command; app != nullptr; app = app->get_parent()) {
    const CLI::Option* option = app->get_option_no_throw(word);
    if (option != nullptr) return option;
  }
  return nullptr;
}

const CLI::App* FindCommand(const CLI::App& parent, const std::string& name) {
  auto found =
      parent.get_subcommands([&](const CLI::App* command) { return command->check_name(name); });
  return found.empty() ? nullptr : found.front();
}

}  // namespace

void Place::Step(const std::string& word) {
  if (value_of != nullptr) {
    if (value_of->check_name("--home")) home = word;
    value_of = nullptr;
    return;
  }
  if (word == "--") {
    options_over = true;
  } else if (IsOption(word) && !options_over) {
    size_t equals = word.find('=');
    const CLI::Option* option = FindOption(command, word.substr(0, equals));
    bool takes_value = option != nullptr && option->get_items_expected_max() > 0;
    if (takes_value && equals == std::string::npos) value_of = option;
  } else if (const CLI::App* found = FindCommand(*command, word);
             found != nullptr && positional == 0) {
    command = found;
  } else {
    ++positional;
    // What follows is the command's that runs in the box.
    if (command->get_prefix_command()) options_over = true;
  }
}

}  // namespace boxlite::cli
