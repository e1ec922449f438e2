#include "json/json.h"

#include <jansson.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/check.h"

namespace boxlite::json {
namespace {

const char* TypeName(const json_t* raw) {
  if (!raw) return "null";
  switch (json_typeof(raw)) {
    case JSON_OBJECT:
      return "an object";
    case JSON_ARRAY:
      return "a list";
    case JSON_STRING:
      return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
      return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
      return "a truth value";
    default:
      return "null";
  }
}

Error TypeError(const char* wanted, const json_t* raw) {
  return Error(Code::kInvalidArgument,
               std::string("expected ") + wanted + " and found " + TypeName(raw));
}

Error TooMany(const char* what, size_t limit) {
  return Error(Code::kInvalidArgument,
               std::string("more than ") + std::to_string(limit) + " " + what);
}

template <typename T>
Result<T> Named(Result<T> result, std::string_view name) {
  if (result.ok()) return result;
  return result.TakeError().Context("member \"" + std::string(name) + "\"");
}

// jansson's own bound on depth is 2048; its parser and ours recurse, on stacks that may be small.
Result<void> CheckDepth(std::string_view text) {
  size_t depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_text && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_text = !in_text;
    } else if (!in_text && (c == '[' || c == '{')) {
      if (++depth > kMaxDepth)
        return Error(Code::kInvalidArgument,
                     "JSON is nested deeper than " + std::to_string(kMaxDepth) + " levels");
    } else if (!in_text && (c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return {};
}

}  // namespace

Value::Value(const Value& other) : raw_(json_incref(other.raw_)) {}

Value::~Value() {
  json_decref(raw_);
}

Value Value::Borrow(json_t* raw) {
  return Value(json_incref(raw));
}

Value Value::Object() {
  return Value(json_object());
}
Value Value::Array() {
  return Value(json_array());
}
Value Value::OfText(std::string_view text) {
  return Value(json_stringn(text.data(), text.size()));
}
Value Value::OfInteger(int64_t number) {
  return Value(json_integer(number));
}
Value Value::OfBool(bool truth) {
  return Value(json_boolean(truth));
}

bool Value::is_null() const {
  return !raw_ || json_is_null(raw_);
}
bool Value::is_object() const {
  return json_is_object(raw_);
}
bool Value::is_array() const {
  return json_is_array(raw_);
}
bool Value::is_text() const {
  return json_is_string(raw_);
}

Value Value::operator[](std::string_view name) const {
  return Borrow(json_object_get(raw_, std::string(name).c_str()));
}

Value Value::At(size_t index) const {
  return Borrow(json_array_get(raw_, index));
}

bool Value::Has(std::string_view name) const {
  return json_object_get(raw_, std::string(name).c_str()) != nullptr;
}

size_t Value::size() const {
  return is_object() ? json_object_size(raw_) : json_array_size(raw_);
}

Result<std::string> Value::AsText() const {
  if (!is_text()) return TypeError("a text", raw_);
  return std::string(json_string_value(raw_), json_string_length(raw_));
}

Result<int64_t> Value::AsInteger() const {
  if (!json_is_integer(raw_)) return TypeError("a whole number", raw_);
  return int64_t{json_integer_value(raw_)};
}

Result<bool> Value::AsBool() const {
  if (!json_is_boolean(raw_)) return TypeError("true or false", raw_);
  return bool{json_is_true(raw_)};
}

Result<std::string> Value::Text(std::string_view name) const {
  return Named((*this)[name].AsText(), name);
}

Result<std::string> Value::Text(std::string_view name, std::string_view fallback) const {
  Value member = (*this)[name];
  if (member.is_null()) return std::string(fallback);
  return Named(member.AsText(), name);
}

Result<int64_t> Value::Integer(std::string_view name) const {
  return Named((*this)[name].AsInteger(), name);
}

Result<int64_t> Value::Integer(std::string_view name, int64_t fallback) const {
  Value member = (*this)[name];
  if (member.is_null()) return fallback;
  return Named(member.AsInteger(), name);
}

Result<bool> Value::Bool(std::string_view name, bool fallback) const {
  Value member = (*this)[name];
  if (member.is_null()) return fallback;
  return Named(member.AsBool(), name);
}

Result<std::vector<std::string>> Value::Texts(std::string_view name, size_t limit) const {
  std::vector<Value> elements = BOXLITE_TRY(Named((*this)[name].Elements(limit), name));
  std::vector<std::string> texts;
  texts.reserve(elements.size());
  for (const Value& element : elements) texts.push_back(BOXLITE_TRY(Named(element.AsText(), name)));
  return texts;
}

Result<std::vector<Value>> Value::Elements(size_t limit) const {
  std::vector<Value> elements;
  if (is_null()) return elements;
  if (!is_array()) return TypeError("a list", raw_);
  if (size() > limit) return TooMany("elements", limit);
  elements.reserve(size());
  for (size_t i = 0; i < size(); ++i) elements.push_back(At(i));
  return elements;
}

Result<std::vector<std::string>> Value::Names(size_t limit) const {
  std::vector<std::string> names;
  if (is_null()) return names;
  if (!is_object()) return TypeError("an object", raw_);
  if (size() > limit) return TooMany("members", limit);
  names.reserve(size());
  for (void* at = json_object_iter(raw_); at; at = json_object_iter_next(raw_, at))
    names.emplace_back(json_object_iter_key(at));
  return names;
}

Value& Value::Set(std::string_view name, const Value& value) {
  BOXLITE_CHECK(is_object());
  json_t* member = value.raw_ ? json_incref(value.raw_) : json_null();
  json_object_set_new(raw_, std::string(name).c_str(), member);
  return *this;
}

Value& Value::Append(const Value& value) {
  BOXLITE_CHECK(is_array());
  json_array_append_new(raw_, value.raw_ ? json_incref(value.raw_) : json_null());
  return *this;
}

std::string Value::Dump() const {
  if (!raw_) return "null";
  std::unique_ptr<char, void (*)(void*)> text(json_dumps(raw_, JSON_COMPACT | JSON_ENCODE_ANY),
                                              std::free);
  return text ? std::string(text.get()) : std::string("null");
}

Result<Value> Parse(std::string_view text, size_t limit) {
  if (text.size() > limit)
    return Error(Code::kInvalidArgument, "JSON is longer than " + std::to_string(limit) + " bytes");
  BOXLITE_TRY(CheckDepth(text));
  json_error_t error;
  json_t* raw =
      json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  if (!raw)
    return Error(Code::kInvalidArgument, "invalid JSON at line " + std::to_string(error.line) +
                                             ", column " + std::to_string(error.column) + ": " +
                                             error.text);
  return Value(raw);
}

}  // namespace boxlite::json
