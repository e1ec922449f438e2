#include "cli/colour.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace boxlite::cli {
namespace {

bool Wanted() {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return ::isatty(STDOUT_FILENO) == 1 && !dumb && (refused == nullptr || *refused == '\0');
}

const char* Code(Colour colour) {
  switch (colour) {
    case Colour::kGreen:
      return "32";
    case Colour::kYellow:
      return "33";
    default:
      return "31";
  }
}

}  // namespace

std::string Coloured(const std::string& text, Colour colour) {
  if (!Wanted()) return text;
  return std::string("\033[") + Code(colour) + "m" + text + "\033[0m";
}

}  // namespace boxlite::cli
