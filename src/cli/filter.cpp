#include "cli/filter.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/output.h"

namespace boxlite::cli {
namespace {

using json::Value;

constexpr std::array kKeys = {"name", "id", "image", "status", "label"};

bool FitsLabel(const Value& box, const std::string& wanted) {
  size_t equals = wanted.find('=');
  std::string name = wanted.substr(0, equals);
  if (!box["labels"].Has(name)) return false;
  return equals == std::string::npos ||
         Member(name.c_str())(box["labels"]) == wanted.substr(equals + 1);
}

bool FitsOne(const Value& box, const std::string& key, const std::string& wanted) {
  if (key == "label") return FitsLabel(box, wanted);
  if (key == "status") return Member("state")(box) == wanted;
  if (key == "image") return Member("image")(box) == wanted;
  return Member(key.c_str())(box).find(wanted) != std::string::npos;
}

}  // namespace

void BoxFilter::Check(const std::vector<std::string>& filters) {
  for (const std::string& filter : filters) {
    std::string key = filter.substr(0, filter.find('='));
    bool known = std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
    if (!known || key == filter)
      throw CLI::ValidationError(
          "--filter", filter + " is not understood; there are name= id= image= status= label=");
  }
}

BoxFilter::BoxFilter(const std::vector<std::string>& filters) {
  for (const std::string& filter : filters) {
    size_t equals = filter.find('=');
    wanted_.emplace_back(filter.substr(0, equals), filter.substr(equals + 1));
  }
}

bool BoxFilter::asks_for_state() const {
  return std::any_of(wanted_.begin(), wanted_.end(),
                     [](const auto& wanted) { return wanted.first == "status"; });
}

bool BoxFilter::FitsKey(const Value& box, const std::string& key) const {
  bool any = false, all = true;
  for (const auto& [wanted_key, value] : wanted_) {
    if (wanted_key != key) continue;
    bool fits = FitsOne(box, key, value);
    any = any || fits;
    all = all && fits;
  }
  return key == "label" ? all : any;
}

bool BoxFilter::Fits(const Value& box) const {
  return std::all_of(wanted_.begin(), wanted_.end(),
                     [&](const auto& wanted) { return FitsKey(box, wanted.first); });
}

}  // namespace boxlite::cli
