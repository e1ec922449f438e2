// Retry: whether and when a request is made again. What may pass (a connection that broke off, a
// server that is busy) is tried again after a time that doubles and is spread at random, so that
// many clients do not come back at once; a server's Retry-After is kept where it is short. What
// will not change (404, an unknown certificate) is final at once, and a server that is away or
// silent gets fewer tries, because each of them may take the whole time limit.
//
// Thread rule: a value; one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "image/http.h"

namespace boxlite::image {

constexpr int64_t kFirstDelayMs = 200;
constexpr int64_t kLongestDelayMs = 10'000;
constexpr int64_t kLongestRetryAfterMs =
    60'000;  // a server that asks for more gets no more requests

class Retry {
 public:
  explicit Retry(int attempts) : attempts_(attempts) {}

  // How long to wait before the next try; nothing where the outcome is final.
  std::optional<int64_t> DelayAfter(const HttpOutcome& outcome);
  // The last try has brought something: the next failure is a first one.
  void Gained() { used_ = 0; }

 private:
  int attempts_;
  int used_ = 0;
};

}  // namespace boxlite::image
