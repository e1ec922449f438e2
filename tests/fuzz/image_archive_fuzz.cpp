// room: image
// Archives of images: the input is the archive, read as LOAD reads it, into a staging directory.
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/check.h"
#include "base/sys.h"
#include "image/archive.h"
#include "image/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace boxlite;         // NOLINT(google-build-using-namespace)
  using namespace boxlite::image;  // NOLINT(google-build-using-namespace)
  std::string folder = "/tmp/boxlite-archive-fuzz-XXXXXX";
  BOXLITE_CHECK(::mkdtemp(folder.data()) != nullptr);
  UniqueFd directory = sys::Open(folder, O_RDONLY | O_DIRECTORY).TakeValue();
  UniqueFd input =
      sys::OpenAt(directory.get(), "input", O_RDWR | O_CREAT | O_EXCL, 0600).TakeValue();
  BOXLITE_CHECK(sys::WriteAllAt(input.get(), {data, size}, 0).ok());
  Staging staging = Staging::Open(directory.get(), -1).TakeValue();
  Progress progress;
  proto::Load request;
  request.name = "docker.io/library/a:1";
  auto loaded = LoadImages(request, {input.get()}, staging, progress);
  auto imported = ImportFile(proto::Import(), {input.get()}, staging, progress);
  BOXLITE_CHECK(!loaded.ok() || !loaded.value().images.empty());
  BOXLITE_CHECK(!imported.ok() || !imported.value().digest.empty());
  std::filesystem::remove_all(folder);
  return 0;
}
