// Blobs on disk: files named by their SHA-256. A job reads those of the store and those it has
// staged itself, and writes only its staging directory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "oci/digest.h"

namespace boxlite::image {

// Names below a staging directory or an image layout.
constexpr const char* kBlobFolder = "blobs/sha256";

// Directories with files named <hex>, in the order in which they are searched. The descriptors
// outlive the set.
class BlobSet {
 public:
  explicit BlobSet(std::vector<int> directories) : directories_(std::move(directories)) {}

  // not-found where no directory has it.
  Result<UniqueFd> Open(const oci::Digest& digest) const;

 private:
  std::vector<int> directories_;
};

// The file's SHA-256, read from its beginning.
Result<oci::Digest> HashFile(int fd);

}  // namespace boxlite::image
