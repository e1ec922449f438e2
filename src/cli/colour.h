// Colours, where standard output is a terminal that wants them.
#pragma once

#include <string>

namespace boxlite::cli {

enum class Colour { kGreen, kYellow, kRed };

// `text` as it is where standard output is no terminal, NO_COLOR is set and not empty
// (no-color.org), or TERM is "dumb".
std::string Coloured(const std::string& text, Colour colour);

}  // namespace boxlite::cli
