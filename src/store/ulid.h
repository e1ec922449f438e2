// ULID: a name of 26 characters that sorts by time of birth. 48 bits of milliseconds since 1970 and
// 80 random bits, in Crockford's base 32. Within one millisecond, and where the clock steps back,
// the next one is the last one plus a small random step, so one generator's ids always rise.
//
// Thread rule: a generator may be used from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace boxlite::store {

constexpr size_t kUlidSize = 26;

class UlidGenerator {
 public:
  Result<std::string> Next(int64_t now_ms);

 private:
  std::mutex mutex_;
  std::array<uint8_t, 16> last_{};  // big-endian; guarded by mutex_
};

// Upper case, or empty where `text` is not a ULID or (with at least one character) the beginning of
// one.
std::string CanonicalUlidPrefix(std::string_view text);
bool IsUlid(std::string_view text);

}  // namespace boxlite::store
