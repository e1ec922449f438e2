// The part of docker's --format that is used every day (docs/cli.md): text with fields of a JSON
// value.
//
//   Template line = *Template::Parse("{{.ID}}: {{json .Labels}}", problem);
//   std::optional<std::string> text = line.Render(row, problem);
//
// What goes wrong is said in `problem`, one sentence; the answer is then empty.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.h"

namespace boxlite::cli {

class Template {
 public:
  static std::optional<Template> Parse(std::string_view text, std::string& problem);

  // A field that the value does not have is a problem; the ones that it has are named.
  std::optional<std::string> Render(const json::Value& value, std::string& problem) const;
  // Whether `row` has the fields; what is in an object in it may differ from row to row.
  bool HasFields(const json::Value& row, std::string& problem) const;
  // The names of the fields in the places of their values.
  std::string Heading() const;

 private:
  struct Piece {
    std::string text;               // literal, where there is no field
    std::vector<std::string> path;  // "." is an empty one
    bool is_field = false;
    bool as_json = false;
  };

  static std::optional<Piece> ParseField(std::string_view inside, std::string& problem);

  std::vector<Piece> pieces_;
};

}  // namespace boxlite::cli
