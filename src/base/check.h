// BOXLITE_CHECK: a broken invariant of our own code ends the process. Never for what a guest, an
// image or a caller sent: that is validated and answered with an Error.
#pragma once

namespace boxlite {

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line) noexcept;

}  // namespace boxlite

#define BOXLITE_CHECK(condition)                       \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::boxlite::CheckFailed(#condition, __FILE__, __LINE__))
