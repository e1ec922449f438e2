// room: store
// A list of texts as the records hold it.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "store/database.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto list = boxlite::store::DecodeList({data, size});
  if (!list.ok()) return 0;
  boxlite::Bytes again = boxlite::store::EncodeList(list.value());
  BOXLITE_CHECK(again == boxlite::Bytes(data, data + size));
  return 0;
}
