// Digest: the name of a blob by its content, "sha256:" and 64 lower-case hexadecimal digits. The
// only algorithm that boxlite computes and trusts is SHA-256; a well-formed digest of another one
// is answered with unsupported.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace boxlite::oci {

constexpr size_t kSha256Size = 32;

class Digest {
 public:
  Digest() = default;  // no digest; hex() is empty

  static Result<Digest> Parse(std::string_view text);
  // `hash` is the SHA-256 of something, kSha256Size bytes.
  static Digest FromSha256(ByteSpan hash);

  const std::string& hex() const { return hex_; }
  std::string Text() const { return "sha256:" + hex_; }
  explicit operator bool() const { return !hex_.empty(); }
  bool operator==(const Digest& other) const { return hex_ == other.hex_; }
  bool operator!=(const Digest& other) const { return hex_ != other.hex_; }

 private:
  std::string hex_;
};

}  // namespace boxlite::oci
