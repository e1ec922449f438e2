// room: proto
// Lists of files and of processes as an attacker in the guest would send them.
#include "base/check.h"
#include "proto/list.h"
#include "proto/messages.h"

namespace {

template <typename Message>
void Try(boxlite::ByteSpan bytes) {
  auto list = boxlite::proto::DecodeList<Message>(bytes);
  if (!list.ok()) return;
  BOXLITE_CHECK(list.value().size() <= boxlite::proto::kMaxListEntries);
  for (Message& message : list.value())
    static_cast<void>(boxlite::proto::Encode(std::move(message)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Try<boxlite::proto::FileInfo>({data, size});
  Try<boxlite::proto::ProcessInfo>({data, size});
  return 0;
}
