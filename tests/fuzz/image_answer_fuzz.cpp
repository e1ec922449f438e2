// room: images
// What boxlite-image says of an image: ImageClosed, made into a record, and the record into blobs.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "images/record.h"
#include "store/layout.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using boxlite::Result;
  auto answer = boxlite::proto::Decode<boxlite::proto::ImageClosed>({data, size});
  if (!answer.ok()) return 0;
  Result<boxlite::store::ImageRecord> image =
      boxlite::images::ToRecord(answer.value(), "docker.io/library/a:1", 1);
  if (!image.ok()) return 0;
  auto blobs = boxlite::store::BlobsOf(image.value());
  BOXLITE_CHECK(blobs.ok());
  for (const boxlite::store::Blob& blob : blobs.value()) {
    BOXLITE_CHECK(blob.hex.size() == 64);
    BOXLITE_CHECK(blob.hex.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
  return 0;
}
