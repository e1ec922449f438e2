// Sha256: OpenSSL's EVP digest with an owner. Feed with Add, end with Finish.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "oci/digest.h"

namespace boxlite::image {

class Sha256 {
 public:
  Sha256();

  void Add(ByteSpan bytes);
  std::array<uint8_t, oci::kSha256Size> Finish();
  oci::Digest FinishDigest() { return oci::Digest::FromSha256(Finish()); }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

oci::Digest DigestOf(std::string_view text);

}  // namespace boxlite::image
