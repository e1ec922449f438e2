// Records: the payload of every frame that is not data. A record is a sequence of fields
//
//   | tag u16 | length u32 | value (length bytes) |
//
// Integers are fixed-width little-endian, texts and paths are byte strings without terminator or
// encoding, a list is the same tag again for each element, a nested record is a value. A reader
// skips tags it does not know (a minor version only adds), takes a missing field as its default,
// and refuses a scalar that occurs twice or has the wrong width.
//
// A message is a struct with a `Fields` function that names its members once, for writing and for
// reading:
//
//   struct Resize {
//     uint16_t rows = 0, columns = 0;
//     template <typename Visitor> void Fields(Visitor& v) { v(1, rows); v(2, columns); }
//   };
//   Bytes payload = Encode(resize);
//   Resize resize = BOXLITE_TRY(Decode<Resize>(payload));
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace boxlite::proto {

constexpr size_t kMaxFields = 65536;  // in one record, lists included
constexpr int kMaxRecordDepth = 4;

namespace internal {

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

template <typename T>
auto ToUnsigned(T value) {
  if constexpr (std::is_enum_v<T>) {
    return ToUnsigned(static_cast<std::underlying_type_t<T>>(value));
  } else {
    return static_cast<std::make_unsigned_t<T>>(value);
  }
}

struct Field {
  uint16_t tag = 0;
  ByteSpan value;
};

void AppendField(Bytes& out, uint16_t tag, ByteSpan value);
Result<std::vector<Field>> SplitFields(ByteSpan payload);
Error FieldError(uint16_t tag, const char* what);

class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}

  template <typename T>
  void operator()(uint16_t tag, T& value) {
    if constexpr (IsVector<T>::value) {
      for (auto& element : value) One(tag, element);
    } else {
      One(tag, value);
    }
  }

 private:
  void One(uint16_t tag, std::string& text) { AppendField(out_, tag, AsBytes(text)); }

  template <typename T>
  void One(uint16_t tag, T& value) {
    if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      auto number = ToUnsigned(value);
      uint8_t bytes[sizeof number];
      StoreLe(bytes, number);
      AppendField(out_, tag, bytes);
    } else {
      Bytes nested;
      Writer writer(nested);
      value.Fields(writer);
      AppendField(out_, tag, nested);
    }
  }

  Bytes& out_;  // The caller's; outlives the writer.
};

class Reader {
 public:
  Reader(std::vector<Field> fields, int depth) : fields_(std::move(fields)), depth_(depth) {}

  template <typename T>
  void operator()(uint16_t tag, T& value) {
    size_t count = 0;
    for (const Field& field : fields_) {
      if (field.tag != tag || !status_.ok()) continue;
      ++count;
      if constexpr (IsVector<T>::value) {
        One(field, value.emplace_back());
      } else {
        if (count > 1) return Fail(tag, "occurs twice");
        One(field, value);
      }
    }
  }

  Result<void> TakeStatus() { return std::move(status_); }

 private:
  void Fail(uint16_t tag, const char* what) { status_ = FieldError(tag, what); }

  void One(const Field& field, std::string& text) { text = AsText(field.value); }

  template <typename T>
  void One(const Field& field, T& value) {
    if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      using Number = decltype(ToUnsigned(value));
      if (field.value.size() != sizeof(Number)) return Fail(field.tag, "has the wrong width");
      value = static_cast<T>(LoadLe<Number>(field.value.data()));
    } else {
      Nested(field, value);
    }
  }

  template <typename T>
  void Nested(const Field& field, T& value) {
    if (depth_ + 1 >= kMaxRecordDepth) return Fail(field.tag, "is nested too deeply");
    auto fields = SplitFields(field.value);
    if (!fields.ok()) {
      status_ = fields.TakeError();
      return;
    }
    Reader reader(fields.TakeValue(), depth_ + 1);
    value.Fields(reader);
    status_ = reader.TakeStatus();
  }

  std::vector<Field> fields_;
  int depth_;
  Result<void> status_;
};

}  // namespace internal

template <typename Message>
Bytes Encode(Message message) {
  Bytes out;
  internal::Writer writer(out);
  message.Fields(writer);
  return out;
}

template <typename Message>
Result<Message> Decode(ByteSpan payload) {
  internal::Reader reader(BOXLITE_TRY(internal::SplitFields(payload)), 0);
  Message message;
  message.Fields(reader);
  BOXLITE_TRY(reader.TakeStatus());
  return message;
}

}  // namespace boxlite::proto
