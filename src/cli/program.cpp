#include "cli/program.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

namespace boxlite::cli {
namespace {

// Help that says what follows a command's name as its author wrote it.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(const Program& program) : program_(program) { column_width(28); }
  std::string make_usage(const CLI::App* app, std::string name) const override {
    const std::string& synopsis = program_.synopsis(*app);
    return "Usage: " + name + (synopsis.empty() ? "" : " ") + synopsis + "\n";
  }

 private:
  const Program& program_;  // outlives its formatter
};

// "boxlite system df"
std::string NameOf(const CLI::App* command) {
  const CLI::App* parent = command->get_parent();
  return (parent == nullptr ? "" : NameOf(parent) + " ") + command->get_name();
}

int Misused(const std::string& message, const Place& place) {
  return Fail((message + "; see " + NameOf(place.command) + " --help").c_str());
}

}  // namespace

Program::Program() : app_("Run untrusted code in micro-VMs", "boxlite") {
  synopses_[&app_] = "[OPTIONS] COMMAND";
  app_.formatter(std::make_shared<HelpFormatter>(*this));
  app_.set_version_flag("--version", std::string("boxlite ") + boxlite_version_string(),
                        "Print the version and exit");
  app_.set_help_flag("-h,--help", "Print this help and exit");
  app_.footer("boxlite COMMAND --help says more about one.");
  AddGlobalOptions(app_);
  app_.fallthrough();  // They may also stand after the command.
  app_.require_subcommand(1);
}

void Program::AddGlobalOptions(CLI::App& command) {
  command.add_option("--home", global_.home,
                     "Home directory (default $BOXLITE_HOME, else ~/.boxlite)");
  command
      .add_option("--registry", global_.registries,
                  "Registry for image names without one, http:// where plain; again for more")
      ->type_size(1)
      ->allow_extra_args(false);
  command.add_option("--engine", global_.engine, "auto, kvm or qemu (default auto)")
      ->check(CLI::IsMember({"auto", "kvm", "qemu"}));
}

CLI::App* Program::Add(CLI::App& parent, const CommandText& text) {
  CLI::App* command = parent.add_subcommand(text.name, text.summary);
  command->group(group_);
  command->footer(text.details);
  synopses_[command] = text.synopsis;
  return command;
}

void Program::OnRun(CLI::App* command, std::function<int()> action) {
  command->callback([this, command, action = std::move(action)] {
    // CLI11 calls a command's callback also where one of its subcommands was meant.
    if (command->get_subcommands().empty()) exit_code_ = action();
  });
}

// The words in the order in which CLI11 wants them: from the last. It takes "--" for the end of a
// command that has no positionals of its own, as `run` and `exec`, whose words are somebody else's;
// there it is left out.
std::vector<std::string> Program::Arguments(int argc, const char* const* argv, Place& place) const {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    bool separator = std::string_view(argv[i]) == "--" && place.value_of == nullptr;
    bool superfluous = separator && place.command->get_prefix_command() && !place.options_over;
    place.Step(argv[i]);
    if (!superfluous) arguments.emplace_back(argv[i]);
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

// `help COMMAND` as `COMMAND --help`. Returns whether it was that.
bool Program::ReplaceHelp(std::vector<const char*>& words) const {
  Place place{&app_};
  for (size_t i = 1; i < words.size() && place.command == &app_; ++i) {
    place.Step(words[i]);
    if (place.positional == 0) continue;
    if (std::string_view(words[i]) != "help") return false;
    words.erase(words.begin() + static_cast<ptrdiff_t>(i));
    words.push_back("--help");
    return true;
  }
  return false;
}

int Program::Run(int argc, const char* const* argv) {
  std::vector<const char*> words(argv, argv + argc);
  bool asks_for_help = ReplaceHelp(words);
  Place place{&app_};
  std::vector<std::string> arguments =
      Arguments(static_cast<int>(words.size()), words.data(), place);
  // Beside --help CLI11 overlooks what it does not know.
  if (asks_for_help && place.positional > 0) return Misused("there is no such command", place);
  try {
    app_.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return Complain(error, place);
  }
  return exit_code_;
}

// CLI11 looks for what is missing before it looks for what it does not know, which is the likelier
// mistake.
int Program::Complain(const CLI::ParseError& error, const Place& place) const {
  if (error.get_exit_code() == 0) return app_.exit(error);
  bool wants_command = place.command->get_require_subcommand_min() > 0;
  std::vector<std::string> rest = app_.remaining();
  if (rest.empty()) return Misused(wants_command ? "COMMAND is missing" : error.what(), place);
  const std::string& word = rest.front();
  if (word.size() > 1 && word.front() == '-') return Misused("unknown option " + word, place);
  return Misused((wants_command ? "unknown command " : "unexpected argument ") + word, place);
}

}  // namespace boxlite::cli
