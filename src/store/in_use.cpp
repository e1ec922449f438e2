#include "store/in_use.h"

#include <charconv>

#include "base/sys.h"
#include "oci/digest.h"

namespace boxlite::store {
namespace {

constexpr const char* kLockFile = "lock";
constexpr uint64_t kBlobsByte = 0;
constexpr int kMaxMoves = 5;    // of a reference while it is looked at
constexpr size_t kDigits = 15;  // of the digest that choose the byte: 60 bits, so offsets fit

// Two images whose digests begin alike share a byte: then one is kept for the other's sake.
Result<uint64_t> ByteOf(const std::string& digest) {
  oci::Digest parsed = BOXLITE_TRY(oci::Digest::Parse(digest));
  std::string hex = parsed.hex();
  uint64_t number = 0;
  std::from_chars(hex.data(), hex.data() + kDigits, number, 16);
  return number + 1;
}

Result<UniqueFd> OpenFile(const Home& home) {
  return sys::OpenAt(home.images(), kLockFile, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
}

Result<UniqueFd> Use(const Home& home, uint64_t byte) {
  UniqueFd file = BOXLITE_TRY(OpenFile(home));
  BOXLITE_TRY(sys::LockByte(file.get(), byte, sys::LockKind::kShared, sys::LockWait::kYes));
  return file;
}

}  // namespace

Result<UniqueFd> UseImage(const Home& home, const std::string& digest) {
  uint64_t byte = BOXLITE_TRY(ByteOf(digest));
  return Use(home, byte);
}

Result<HeldImage> Hold(const Home& home, const std::function<Result<ImageRecord>()>& find) {
  HeldImage held{BOXLITE_TRY(find()), {}};
  for (int tries = 0; tries < kMaxMoves; ++tries) {
    held.in_use = BOXLITE_TRY(UseImage(home, held.image.digest));
    std::string digest = std::exchange(held.image, BOXLITE_TRY(find())).digest;
    if (held.image.digest == digest) return held;
  }
  return Error(Code::kBusy, "image " + held.image.reference + " changes all the time", "try again");
}

Result<UniqueFd> UseBlobs(const Home& home) {
  return Use(home, kBlobsByte);
}

Result<Claims> Claims::Create(const Home& home) {
  UniqueFd file = BOXLITE_TRY(OpenFile(home));
  return Claims(std::move(file));
}

Result<bool> Claims::Take(uint64_t byte) {
  return sys::LockByte(file_.get(), byte, sys::LockKind::kExclusive, sys::LockWait::kNo);
}

Result<bool> Claims::TakeImage(const std::string& digest) {
  uint64_t byte = BOXLITE_TRY(ByteOf(digest));
  return Take(byte);
}

Result<bool> Claims::TakeBlobs() {
  return Take(kBlobsByte);
}

}  // namespace boxlite::store
