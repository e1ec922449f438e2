// Frames: many streams over one byte stream. docs/protocol.md is the specification; this file is
// its header layout.
//
//   0        4        8      9        10       12
//   | length | stream | kind | channel | flags | payload (length bytes) |
//
// All integers are little-endian.
// Thread rule: values only; a FrameParser belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace boxlite::proto {

constexpr size_t kHeaderSize = 12;
constexpr uint32_t kMaxDataPayload = 256 * 1024;         // one DATA frame
constexpr uint32_t kMaxRecordPayload = 4 * 1024 * 1024;  // every other frame: one record
constexpr uint32_t kConnectionStream = 0;                // frames about the connection itself

enum class Kind : uint8_t {
  kHello = 1,
  kOpen = 2,
  kAccept = 3,
  kRefuse = 4,
  kData = 5,
  kEnd = 6,
  kCredit = 7,
  kEvent = 8,
  kCancel = 9,
  kClose = 10,
  kPark = 11,
  kParked = 12,
  kBye = 13,
  kUnsupported = 14,
};

// A stream's data channels. The opener sends on kInput, the other side on kOutput and kError.
enum class Channel : uint8_t { kInput = 0, kOutput = 1, kError = 2 };
constexpr size_t kChannelCount = 3;

struct FrameHeader {
  uint32_t length = 0;
  uint32_t stream = 0;
  Kind kind = Kind::kHello;
  Channel channel = Channel::kInput;
};

// `payload` borrows from whoever produced the frame.
struct Frame {
  FrameHeader header;
  ByteSpan payload;
};

void StoreHeader(const FrameHeader& header, uint8_t (&out)[kHeaderSize]);
void AppendFrame(Bytes& out, Kind kind, uint32_t stream, ByteSpan payload,
                 Channel channel = Channel::kInput);
void AppendCredit(Bytes& out, uint32_t stream, Channel channel, uint32_t bytes);
// The bytes granted by a CREDIT frame; an error where the payload is not one u32 above zero.
Result<uint32_t> ParseCredit(const Frame& frame);

// Cuts frames out of a byte stream. Feed with Append (or read straight into Space and Commit), then
// call Next until it is empty-handed. A frame's payload is valid until the next call that is not
// const.
class FrameParser {
 public:
  // Room for at least `size` more bytes at the end of the buffer.
  uint8_t* Space(size_t size);
  void Commit(size_t size) { end_ += size; }
  void Append(ByteSpan bytes);

  // The next whole frame, nothing if more bytes are needed, or an error after which the connection
  // is to be closed: what follows a malformed header has no meaning.
  Result<std::optional<Frame>> Next();

  // What was filled in and not handed out, for another parser to go on with. This one is empty
  // then.
  Bytes TakeUnparsed();

 private:
  Bytes buffer_;
  size_t begin_ = 0;  // of what is not consumed
  size_t end_ = 0;    // of what is filled
};

}  // namespace boxlite::proto
