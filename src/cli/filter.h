// `ps --filter KEY=VALUE`: which boxes fit. Filters of one key are alternatives, those of different
// keys must all fit, as docker has it; labels must all fit.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "json/json.h"

namespace boxlite::cli {

class BoxFilter {
 public:
  // Throws CLI::ValidationError for a key that is not known and for an entry without "=".
  static void Check(const std::vector<std::string>& filters);
  explicit BoxFilter(const std::vector<std::string>& filters);

  bool asks_for_state() const;
  bool Fits(const json::Value& box) const;

 private:
  bool FitsKey(const json::Value& box, const std::string& key) const;

  std::vector<std::pair<std::string, std::string>> wanted_;
};

}  // namespace boxlite::cli
