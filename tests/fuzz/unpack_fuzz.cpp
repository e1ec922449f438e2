// room: image
// Compressed streams: gzip, zstd, and what is neither.
#include "image/pipeline.h"
#include "image/source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace boxlite::image;  // NOLINT(google-build-using-namespace)
  constexpr size_t kEnough = 16 * 1024 * 1024;
  auto source = MakeMemorySource({data, size});
  auto unpacked = MakeUnpacker(*source);
  if (!unpacked.ok()) return 0;
  Pipeline pipeline(*unpacked.value());
  for (size_t total = 0; total < kEnough;) {
    auto bytes = pipeline.Next();
    if (!bytes.ok() || bytes.value().empty()) break;
    total += bytes.value().size();
  }
  return 0;
}
