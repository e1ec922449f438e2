// room: image
// Manifests, indexes and configs as a registry may send them.
#include "base/bytes.h"
#include "image/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace boxlite;         // NOLINT(google-build-using-namespace)
  using namespace boxlite::image;  // NOLINT(google-build-using-namespace)
  std::string_view text = AsText({data, size});
  auto document = ParseDocument(text, {});
  if (document.ok() && std::holds_alternative<Index>(document.value()))
    static_cast<void>(ChoosePlatform(std::get<Index>(document.value()), oci::Platform()));
  static_cast<void>(ParseConfig(text));
  return 0;
}
