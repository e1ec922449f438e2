#include "cli/signals.h"

#include <signal.h>
#include <string.h>

#include <cctype>

namespace boxlite::cli {
namespace {

constexpr int kLast = 64;

std::optional<int> Number(const std::string& text) {
  if (text.size() > 2 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  int number = std::stoi(text);
  if (number < 1 || number > kLast) return std::nullopt;
  return number;
}

}  // namespace

std::optional<int> SignalNumber(const std::string& text) {
  if (text.empty()) return std::nullopt;
  std::string name;
  for (char c : text) name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (name.compare(0, 3, "SIG") == 0) name.erase(0, 3);
  for (int number = 1; number < kLast; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  return Number(text);
}

}  // namespace boxlite::cli
