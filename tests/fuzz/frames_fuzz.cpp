// room: proto
// Frames and records as an attacker in the guest would send them: any bytes, in any pieces.
#include "proto/frame.h"
#include "proto/messages.h"

namespace {

template <typename Message>
void Try(boxlite::ByteSpan payload) {
  auto message = boxlite::proto::Decode<Message>(payload);
  if (message.ok()) static_cast<void>(boxlite::proto::Encode(message.TakeValue()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace boxlite::proto;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  size_t piece = data[0] + 1u;
  boxlite::ByteSpan rest(data + 1, size - 1);
  FrameParser parser;
  while (!rest.empty()) {
    size_t take = std::min(piece, rest.size());
    parser.Append(rest.first(take));
    rest = rest.subspan(take);
    for (;;) {
      auto frame = parser.Next();
      if (!frame.ok()) return 0;
      if (!frame.value()) break;
      static_cast<void>(ParseCredit(*frame.value()));
      boxlite::ByteSpan payload = frame.value()->payload;
      Try<Hello>(payload);
      Try<Exec>(payload);
      Try<ExecClosed>(payload);
      Try<BoxExit>(payload);
      Try<InfoClosed>(payload);
      Try<ImageClosed>(payload);
      Try<ProgressEvent>(payload);
      Try<PutTree>(payload);
      Try<FileInfo>(payload);
      Try<ProcessInfo>(payload);
    }
  }
  return 0;
}
