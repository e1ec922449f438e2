#include "oci/digest.h"

#include <algorithm>

namespace boxlite::oci {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr size_t kMaxShown = 200;  // of a malformed text in a message

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

Result<Digest> Digest::Parse(std::string_view text) {
  std::string shown(text.substr(0, kMaxShown));
  if (text.substr(0, 7) == "sha512:" || text.substr(0, 7) == "sha384:")
    return Error(Code::kUnsupported, "digest " + shown + " is not SHA-256",
                 "use an image whose digests are sha256");
  if (text.substr(0, kPrefix.size()) != kPrefix)
    return Error(Code::kInvalidArgument, "digest \"" + shown + "\" does not start with sha256:");
  std::string_view hex = text.substr(kPrefix.size());
  if (hex.size() != 2 * kSha256Size || !std::all_of(hex.begin(), hex.end(), IsHex))
    return Error(Code::kInvalidArgument,
                 "digest \"" + shown + "\" is not sha256: and 64 lower-case hexadecimal digits");
  Digest digest;
  digest.hex_ = hex;
  return digest;
}

Digest Digest::FromSha256(ByteSpan hash) {
  Digest digest;
  digest.hex_ = ToHex(hash);
  return digest;
}

}  // namespace boxlite::oci
