// Little-endian integers in byte buffers, with bounds: the ground on which every binary format of
// ours stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace boxlite {

using ByteSpan = std::span<const uint8_t>;
using Bytes = std::vector<uint8_t>;

inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What others wrote, as messages and logs may show it: whatever the bytes are, printable ASCII.
inline std::string Printable(std::string_view text) {
  std::string shown(text);
  for (char& c : shown) c = c >= ' ' && c <= '~' ? c : '?';
  return shown;
}

// Two lower-case hexadecimal digits for each byte.
inline std::string ToHex(ByteSpan bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

template <typename T>
void StoreLe(uint8_t* at, T value) {
  static_assert(std::is_unsigned_v<T>);
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

template <typename T>
T LoadLe(const uint8_t* at) {
  static_assert(std::is_unsigned_v<T>);
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | (T{at[i]} << (8 * i)));
  return value;
}

template <typename T>
void AppendLe(Bytes& out, T value) {
  size_t at = out.size();
  out.resize(at + sizeof(T));
  StoreLe(out.data() + at, value);
}

// Takes values off the front of a buffer. After a read past the end `ok()` is false and everything
// read is zero or empty.
class ByteReader {
 public:
  explicit ByteReader(ByteSpan bytes) : rest_(bytes) {}

  template <typename T>
  T Take() {
    if (rest_.size() < sizeof(T)) return Fail<T>();
    T value = LoadLe<T>(rest_.data());
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }
  ByteSpan TakeBytes(size_t count) {
    if (rest_.size() < count) return Fail<ByteSpan>();
    ByteSpan taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }
  size_t size() const { return rest_.size(); }

 private:
  template <typename T>
  T Fail() {
    ok_ = false;
    rest_ = {};
    return T{};
  }

  ByteSpan rest_;
  bool ok_ = true;
};

}  // namespace boxlite
