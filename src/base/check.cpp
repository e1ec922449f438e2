#include "base/check.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace boxlite {

void CheckFailed(const char* condition, const char* file, int line) noexcept {
  char text[256];
  int length = std::snprintf(text, sizeof text, "boxlite: check failed: %s (%s:%d)\n", condition,
                             file, line);
  if (length > 0) {
    size_t size =
        static_cast<size_t>(length) < sizeof text ? static_cast<size_t>(length) : sizeof text - 1;
    [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text, size);
  }
  std::abort();
}

}  // namespace boxlite
