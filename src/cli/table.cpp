#include "cli/table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace boxlite::cli {
namespace {

std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace

void PrintTable(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += Printable(row[i]);
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 3, ' ');
    }
    std::puts(line.c_str());
  }
}

std::string TimeAgo(int64_t at_ms) {
  if (at_ms == 0) return "";
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  constexpr std::array<Unit, 4> kUnits = {
      {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}}};
  int64_t age = std::max<int64_t>(int64_t{std::time(nullptr)} - at_ms / 1000, 0);
  for (const Unit& unit : kUnits) {
    int64_t count = age / unit.seconds;
    if (count > 0) return std::to_string(count) + " " + unit.name + (count == 1 ? " ago" : "s ago");
  }
  return "now";
}

}  // namespace boxlite::cli
