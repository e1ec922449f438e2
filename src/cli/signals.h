// Signals by name.
#pragma once

#include <optional>
#include <string>

namespace boxlite::cli {

// "TERM", "SIGTERM", "term" or "15"; nothing for what is no signal of Linux (1 to 64).
std::optional<int> SignalNumber(const std::string& text);

}  // namespace boxlite::cli
