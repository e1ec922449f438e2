#include "proto/list.h"

#include "base/bytes.h"

namespace boxlite::proto {

Error ListTooLong() {
  return Error(Code::kResourceExhausted,
               "the box sends a list of more than 64 MiB or 1 048 576 entries");
}

Result<ByteSpan> TakeListed(ByteSpan& bytes) {
  ByteReader reader(bytes);
  auto size = reader.Take<uint32_t>();
  ByteSpan record = reader.TakeBytes(size);
  if (!reader.ok()) return Error(Code::kInternal, "the box sent a list that is cut short");
  bytes = bytes.subspan(sizeof size + size);
  return record;
}

}  // namespace boxlite::proto
