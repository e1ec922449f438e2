#include "image/retry.h"

#include <algorithm>

#include "base/sys.h"

namespace boxlite::image {
namespace {

constexpr int kSeldomCost = 2;

bool MayPass(long status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

// What an outcome takes of the tries; 0: it is final.
int CostOf(const HttpOutcome& outcome) {
  if (outcome.response.ok()) return MayPass(outcome.response.value().status) ? 1 : 0;
  if (outcome.again == Again::kNo) return 0;
  return outcome.again == Again::kSeldom ? kSeldomCost : 1;
}

// Between half of it and all of it.
int64_t Spread(int64_t delay_ms) {
  uint16_t random = 0;
  static_cast<void>(sys::FillRandom(&random, sizeof random));
  return delay_ms / 2 + delay_ms * random / (2 * 65536);
}

}  // namespace

std::optional<int64_t> Retry::DelayAfter(const HttpOutcome& outcome) {
  int cost = CostOf(outcome);
  if (cost == 0) return std::nullopt;
  int64_t delay_ms = std::min(kFirstDelayMs << std::min(used_, 16), kLongestDelayMs);
  used_ += cost;
  if (used_ >= attempts_) return std::nullopt;
  int64_t asked_ms = outcome.response.ok() ? outcome.response.value().retry_after_ms : -1;
  if (asked_ms > kLongestRetryAfterMs) return std::nullopt;
  return asked_ms >= 0 ? std::max(asked_ms, Spread(kFirstDelayMs)) : Spread(delay_ms);
}

}  // namespace boxlite::image
