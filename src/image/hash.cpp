#include "image/hash.h"

#include "base/check.h"

namespace boxlite::image {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  BOXLITE_CHECK(context_ != nullptr);
  BOXLITE_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::Add(ByteSpan bytes) {
  BOXLITE_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::array<uint8_t, oci::kSha256Size> Sha256::Finish() {
  std::array<uint8_t, oci::kSha256Size> hash{};
  BOXLITE_CHECK(EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr) == 1);
  return hash;
}

oci::Digest DigestOf(std::string_view text) {
  Sha256 hash;
  hash.Add(AsBytes(text));
  return hash.FinishDigest();
}

}  // namespace boxlite::image
