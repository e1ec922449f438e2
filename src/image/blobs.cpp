#include "image/blobs.h"

#include "base/sys.h"
#include "image/hash.h"

namespace boxlite::image {
namespace {

constexpr size_t kReadBytes = 256 * 1024;

}  // namespace

Result<UniqueFd> BlobSet::Open(const oci::Digest& digest) const {
  for (int directory : directories_) {
    Result<UniqueFd> blob =
        sys::OpenAt(directory, digest.hex(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (blob.ok() || blob.error().code() != Code::kNotFound) return blob;
  }
  return Error(Code::kNotFound, "blob " + digest.Text() + " is not in the store",
               "pull the image again");
}

Result<oci::Digest> HashFile(int fd) {
  Sha256 hash;
  Bytes buffer(kReadBytes);
  for (uint64_t offset = 0;;) {
    size_t count = BOXLITE_TRY(sys::ReadAt(fd, buffer.data(), buffer.size(), offset));
    if (count == 0) return hash.FinishDigest();
    hash.Add({buffer.data(), count});
    offset += count;
  }
}

}  // namespace boxlite::image
