#include "cli/template.h"

#include <cctype>

namespace boxlite::cli {
namespace {

using json::Value;

constexpr size_t kMaxNames = 1000;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "CreatedAtMs" and "created_at_ms" are one name.
std::string Folded(std::string_view name) {
  std::string folded;
  for (char c : name) {
    if (c != '_') folded += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return folded;
}

std::string Unescaped(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 't' || next == 'n') {
      result += next == 't' ? '\t' : '\n';
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::vector<std::string> NamesOf(const Value& object) {
  auto names = object.Names(kMaxNames);
  return names.ok() ? names.TakeValue() : std::vector<std::string>();
}

std::string UnknownField(const std::string& name, const Value& object) {
  std::string problem = "there is no field ." + name;
  const char* separator = "; there are ";
  for (const std::string& known : NamesOf(object)) {
    problem.append(separator).append(".").append(known);
    separator = " ";
  }
  return problem;
}

std::optional<Value> Member(const Value& object, const std::string& wanted) {
  for (const std::string& name : NamesOf(object)) {
    if (Folded(name) == Folded(wanted)) return object[name];
  }
  return std::nullopt;
}

std::string AsPlainText(const Value& value) {
  return value.is_text() ? value.AsText().TakeValue() : value.is_null() ? "" : value.Dump();
}

}  // namespace

std::optional<Template> Template::Parse(std::string_view text, std::string& problem) {
  Template parsed;
  while (!text.empty()) {
    size_t open = text.find("{{");
    if (open != 0) parsed.pieces_.push_back({Unescaped(text.substr(0, open)), {}, false, false});
    if (open == std::string_view::npos) break;
    size_t close = text.find("}}", open);
    if (close == std::string_view::npos) {
      problem = "a {{ has no }}";
      return std::nullopt;
    }
    auto field = ParseField(Trim(text.substr(open + 2, close - open - 2)), problem);
    if (!field) return std::nullopt;
    parsed.pieces_.push_back(std::move(*field));
    text.remove_prefix(close + 2);
  }
  return parsed;
}

std::optional<Template::Piece> Template::ParseField(std::string_view inside, std::string& problem) {
  Piece field;
  field.is_field = true;
  std::string_view path = inside;
  if (path.substr(0, 5) == "json ") {
    field.as_json = true;
    path = Trim(path.substr(5));
  }
  if (path.empty() || path.front() != '.' || path.find_first_of(" |()\"") != path.npos) {
    problem = "{{" + std::string(inside) +
              "}} is not understood; there are {{.Field}}, {{json .Field}} and {{json .}}";
    return std::nullopt;
  }
  path.remove_prefix(1);
  while (!path.empty()) {
    size_t dot = std::min(path.find('.'), path.size());
    field.path.emplace_back(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return field;
}

std::optional<std::string> Template::Render(const Value& value, std::string& problem) const {
  std::string text;
  for (const Piece& piece : pieces_) {
    Value field = value;
    for (const std::string& name : piece.path) {
      std::optional<Value> member = Member(field, name);
      if (!member) {
        problem = UnknownField(name, field);
        return std::nullopt;
      }
      field = std::move(*member);
    }
    text += !piece.is_field ? piece.text : piece.as_json ? field.Dump() : AsPlainText(field);
  }
  return text;
}

bool Template::HasFields(const Value& row, std::string& problem) const {
  for (const Piece& piece : pieces_) {
    if (piece.path.empty() || Member(row, piece.path.front())) continue;
    problem = UnknownField(piece.path.front(), row);
    return false;
  }
  return true;
}

std::string Template::Heading() const {
  std::string text;
  for (const Piece& piece : pieces_) {
    std::string name = piece.path.empty() ? "" : piece.path.back();
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    text += piece.is_field ? name : piece.text;
  }
  return text;
}

}  // namespace boxlite::cli
