#include "cli/numbers.h"

#include <cctype>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace boxlite::cli {
namespace {

constexpr double kMaxSeconds = 1e9;
constexpr uint64_t kMiB = 1;
constexpr uint64_t kGiB = 1024;

// The number at the beginning of `text`, of which the rest stays in `rest`.
std::optional<uint64_t> LeadingNumber(const std::string& text, std::string& rest) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  rest.assign(end, text.data() + text.size());
  return number;
}

// How many MiB a unit has; 0 for one that is not known.
uint64_t UnitInMib(std::string unit) {
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (unit.empty() || unit == "m" || unit == "mib") return kMiB;
  return unit == "g" || unit == "gib" ? kGiB : 0;
}

std::string CheckSeconds(const std::string& text) {
  double seconds = 0;
  bool is_number = CLI::detail::lexical_cast(text, seconds);
  if (is_number && seconds > 0 && seconds <= kMaxSeconds) return "";
  return text + " is not a number of seconds above 0 and at most 1e9";
}

std::string ToMib(std::string& text) {
  std::string unit;
  std::optional<uint64_t> number = LeadingNumber(text, unit);
  uint64_t mib = UnitInMib(unit);
  bool fits =
      number && mib > 0 && *number > 0 && *number <= std::numeric_limits<uint32_t>::max() / mib;
  if (!fits) return text + " is not a whole number of MiB above 0, as 512, 512m or 1g";
  text = std::to_string(*number * mib);
  return "";
}

}  // namespace

CLI::Validator SecondsAboveZero() {
  return {CheckSeconds, "", "seconds"};
}

CLI::Validator WholeNumber(uint32_t least, uint32_t most) {
  auto check = [least, most](const std::string& text) -> std::string {
    std::string rest;
    std::optional<uint64_t> number = LeadingNumber(text, rest);
    if (number && rest.empty() && *number >= least && *number <= most) return "";
    return text + " is not a whole number from " + std::to_string(least) + " to " +
           std::to_string(most);
  };
  return {check, "", "number"};
}

CLI::Validator MemorySize() {
  return {ToMib, "", "memory"};
}

}  // namespace boxlite::cli
