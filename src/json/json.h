// JSON: jansson, wrapped. Nobody else includes <jansson.h>. For other people's formats: QMP, image
// manifests and configurations, registry answers. Values have no thread of their own and are not
// shared between threads.
//
//   Value manifest = BOXLITE_TRY(Parse(text, kMaxManifest));
//   for (const Value& layer : manifest["layers"].Elements(kMaxLayers)) …
//   std::string digest = BOXLITE_TRY(layer.Text("digest"));
//
// Input is a stranger's. Parse bounds its length (the caller's figure) and its depth; texts may
// hold any byte but are UTF-8 and without NUL, as JSON asks; a member that occurs twice is refused.
// Reading is lenient about absence and strict about types: `value["x"]` of something that is not
// there is null, a getter with a fallback answers the fallback for null and an error for another
// type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

struct json_t;

namespace boxlite::json {

constexpr size_t kMaxDepth = 64;

class Value {  // NOLINT(cppcoreguidelines-special-member-functions): one = copies and moves
 public:
  Value() = default;  // null
  Value(const Value& other);
  Value(Value&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Value& operator=(Value other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Value();

  static Value Object();
  static Value Array();
  static Value OfText(std::string_view text);  // null where the text is not UTF-8
  static Value OfInteger(int64_t number);
  static Value OfBool(bool truth);

  bool is_null() const;
  bool is_object() const;
  bool is_array() const;
  bool is_text() const;

  // A member of an object, an element of an array; null where there is none.
  Value operator[](std::string_view name) const;
  Value At(size_t index) const;
  bool Has(std::string_view name) const;
  size_t size() const;  // members or elements; 0 for everything else

  // The value itself.
  Result<std::string> AsText() const;
  Result<int64_t> AsInteger() const;
  Result<bool> AsBool() const;

  // Members, by name; an error names the member.
  Result<std::string> Text(std::string_view name) const;
  Result<std::string> Text(std::string_view name, std::string_view fallback) const;
  Result<int64_t> Integer(std::string_view name) const;
  Result<int64_t> Integer(std::string_view name, int64_t fallback) const;
  Result<bool> Bool(std::string_view name, bool fallback) const;
  // A list of texts; empty for null. More than `limit` elements are an error.
  Result<std::vector<std::string>> Texts(std::string_view name, size_t limit) const;

  // An array's elements, an object's names; empty for null, an error for another type and for more
  // than `limit`.
  Result<std::vector<Value>> Elements(size_t limit) const;
  Result<std::vector<std::string>> Names(size_t limit) const;

  // Building. `Set` is for objects, `Append` for arrays.
  Value& Set(std::string_view name, const Value& value);
  Value& Append(const Value& value);

  // One line, members in the order they were set.
  std::string Dump() const;

 private:
  friend Result<Value> Parse(std::string_view text, size_t limit);
  explicit Value(json_t* raw) : raw_(raw) {}
  static Value Borrow(json_t* raw);

  json_t* raw_ = nullptr;  // a reference of its own
};

// One value, with nothing but white space after it. `limit` bounds the text's length in bytes.
Result<Value> Parse(std::string_view text, size_t limit);

}  // namespace boxlite::json
