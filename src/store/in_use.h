// What processes work with although no record of a box says so: an image between its commit and the
// start of the box that wants it, an image that is being saved, blobs that a fetch counts on. Each
// is a shared lock on one byte of images/lock, where the byte's place comes from the digest; it
// ends with its descriptor, so also with its process. Who removes things claims the byte first.
//
// To be sure of an image, take the lock and read its record after that (Hold).
//
// Thread rule: any thread. Use… waits while somebody removes; never call it in a transaction, as
// who removes has one. Claims never wait, and are kept until the transaction is committed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"
#include "store/home.h"
#include "store/records.h"

namespace boxlite::store {

// The image's record, blobs and root file system stay while the result is open, unless the user
// removes it by name. `digest` is that of its manifest.
Result<UniqueFd> UseImage(const Home& home, const std::string& digest);
struct HeldImage {
  ImageRecord image;
  UniqueFd in_use;
};
// What `find` finds in the records, in use from then on. `find` is asked twice: before and after.
Result<HeldImage> Hold(const Home& home, const std::function<Result<ImageRecord>()>& find);
// Blobs that no record names stay.
Result<UniqueFd> UseBlobs(const Home& home);

// What may be removed: nobody uses it, and nobody begins to while this lives.
class Claims {
 public:
  static Result<Claims> Create(const Home& home);
  // False where somebody uses it.
  Result<bool> TakeImage(const std::string& digest);
  Result<bool> TakeBlobs();

 private:
  explicit Claims(UniqueFd file) : file_(std::move(file)) {}
  Result<bool> Take(uint64_t byte);

  UniqueFd file_;  // one for all: the locks are its bytes
};

}  // namespace boxlite::store
