#include "cli/manual.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace boxlite::cli {
namespace {

constexpr const char* kExitCodes =
    "The command's own code; 128 + n where signal n ended it; 127 where it is not found; 126 where "
    "it cannot be executed; 125 for a failure of boxlite; 124 where --timeout ended it.";

constexpr const char* kEnvironment =
    ".TP\n.B BOXLITE_HOME\nThe home directory, unless \\-\\-home says otherwise.\n"
    ".TP\n.B BOXLITE_RUNTIME_DIR\nWhere the helper programs, the kernel and the agent are.\n"
    ".TP\n.B NO_COLOR\nNo colours where it is set.\n";

// roff(7): a backslash begins an escape, a dot or an apostrophe at a line's begin a request, and a
// bare hyphen is not the minus sign that options have.
std::string Escaped(const std::string& text) {
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    bool line_begin = i == 0 || text[i - 1] == '\n';
    if (line_begin && (text[i] == '.' || text[i] == '\'')) escaped += "\\&";
    if (text[i] == '\\') {
      escaped += "\\e";
    } else if (text[i] == '-') {
      escaped += "\\-";
    } else {
      escaped += text[i];
    }
  }
  return escaped;
}

std::string Paragraphs(const std::string& text) {
  std::string escaped = Escaped(text);
  for (size_t at = escaped.find("\n\n"); at != std::string::npos; at = escaped.find("\n\n", at + 5))
    escaped.replace(at, 2, "\n.PP\n");
  return escaped.empty() ? escaped : escaped + "\n";
}

std::string OptionNames(const CLI::Option& option) {
  std::string names;
  for (const std::string& name : option.get_snames()) names += (names.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames())
    names += (names.empty() ? "--" : ", --") + name;
  return names;
}

void WriteOptions(std::ostream& out, const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (!option->nonpositional()) continue;
    bool takes_value = option->get_items_expected_max() > 0;
    out << ".TP\n.B " << Escaped(OptionNames(*option)) << (takes_value ? " \\fIVALUE\\fR" : "")
        << "\n"
        << Escaped(option->get_description()) << "\n";
  }
}

std::vector<const CLI::App*> SubcommandsOf(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
}

void WriteCommands(std::ostream& out, const CLI::App& command, const std::string& page) {
  std::vector<const CLI::App*> commands = SubcommandsOf(command);
  if (commands.empty()) return;
  out << ".SH COMMANDS\n";
  for (const CLI::App* sub : commands) {
    out << ".TP\n.BR " << Escaped(page + "-" + sub->get_name()) << " (1)\n"
        << Escaped(sub->get_description()) << "\n";
  }
}

std::string Words(std::string page) {
  std::replace(page.begin(), page.end(), '-', ' ');
  return page;
}

std::string Page(const Program& program, const CLI::App& command, const std::string& page) {
  std::ostringstream out;
  std::string details = command.get_footer();
  out << ".TH " << Escaped(page) << " 1 \"\" \"boxlite " << boxlite_version_string()
      << "\" \"boxlite\"\n.SH NAME\n"
      << Escaped(page) << " \\- " << Escaped(command.get_description()) << "\n.SH SYNOPSIS\n.B "
      << Escaped(Words(page)) << "\n"
      << Escaped(program.synopsis(command)) << "\n.SH DESCRIPTION\n"
      << Escaped(command.get_description()) << ".\n"
      << (details.empty() ? "" : ".PP\n") << Paragraphs(details);
  WriteCommands(out, command, page);
  out << ".SH OPTIONS\n";
  WriteOptions(out, command);
  if (&command != &program.app() && !command.get_prefix_command())
    out << ".PP\nThe options of\n.BR boxlite (1)\nmay stand here as well.\n";
  out << ".SH EXIT STATUS\n" << Escaped(kExitCodes) << "\n.SH ENVIRONMENT\n" << kEnvironment;
  if (&command != &program.app()) out << ".SH SEE ALSO\n.BR boxlite (1)\n";
  return out.str();
}

int WriteTree(const Program& program, const CLI::App& command, const std::string& page,
              const std::string& directory) {
  std::string path = directory + "/" + page + ".1";
  std::ofstream file(path);
  file << Page(program, command, page);
  file.close();
  if (!file) return Fail(("cannot write " + path).c_str());
  for (const CLI::App* sub : SubcommandsOf(command)) {
    if (WriteTree(program, *sub, page + "-" + sub->get_name(), directory) != 0) return kExitFailure;
  }
  return 0;
}

}  // namespace

int WriteManuals(const Program& program, const std::string& directory) {
  return WriteTree(program, program.app(), "boxlite", directory);
}

}  // namespace boxlite::cli
