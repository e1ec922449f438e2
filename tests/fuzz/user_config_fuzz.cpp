// room: image
// config.json of the home directory.
#include <cstdlib>

#include "base/bytes.h"
#include "image/fetch_settings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace boxlite;         // NOLINT(google-build-using-namespace)
  using namespace boxlite::image;  // NOLINT(google-build-using-namespace)
  Result<UserConfig> config = ParseUserConfig(AsText({data, size}));
  if (config.ok() && (config.value().limits.attempts < 1 || config.value().limits.parallel < 1))
    std::abort();
  return 0;
}
