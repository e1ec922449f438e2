#include "proto/frame.h"

#include <cstring>
#include <string>

namespace boxlite::proto {
namespace {

Error Malformed(std::string what) {
  return Error(Code::kInternal, "malformed frame: " + std::move(what));
}

Result<FrameHeader> ParseHeader(ByteSpan bytes) {
  ByteReader reader(bytes);
  FrameHeader header;
  header.length = reader.Take<uint32_t>();
  header.stream = reader.Take<uint32_t>();
  auto kind = reader.Take<uint8_t>();
  auto channel = reader.Take<uint8_t>();
  auto flags = reader.Take<uint16_t>();
  if (kind == 0) return Malformed("kind 0");
  if (channel >= kChannelCount) return Malformed("channel " + std::to_string(channel));
  if (flags != 0) return Malformed("flags are set");
  header.kind = static_cast<Kind>(kind);
  header.channel = static_cast<Channel>(channel);
  uint32_t limit = header.kind == Kind::kData ? kMaxDataPayload : kMaxRecordPayload;
  if (header.length > limit) return Malformed("length " + std::to_string(header.length));
  return header;
}

}  // namespace

void StoreHeader(const FrameHeader& header, uint8_t (&out)[kHeaderSize]) {
  StoreLe<uint32_t>(out, header.length);
  StoreLe<uint32_t>(out + 4, header.stream);
  out[8] = static_cast<uint8_t>(header.kind);
  out[9] = static_cast<uint8_t>(header.channel);
  StoreLe<uint16_t>(out + 10, 0);
}

void AppendFrame(Bytes& out, Kind kind, uint32_t stream, ByteSpan payload, Channel channel) {
  uint8_t header[kHeaderSize];
  StoreHeader({static_cast<uint32_t>(payload.size()), stream, kind, channel}, header);
  out.insert(out.end(), header, header + kHeaderSize);
  out.insert(out.end(), payload.begin(), payload.end());
}

void AppendCredit(Bytes& out, uint32_t stream, Channel channel, uint32_t bytes) {
  uint8_t payload[4];
  StoreLe(payload, bytes);
  AppendFrame(out, Kind::kCredit, stream, payload, channel);
}

Result<uint32_t> ParseCredit(const Frame& frame) {
  ByteReader reader(frame.payload);
  auto bytes = reader.Take<uint32_t>();
  if (!reader.ok() || !reader.empty() || bytes == 0) return Malformed("credit");
  return bytes;
}

uint8_t* FrameParser::Space(size_t size) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < size && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < size) buffer_.resize(end_ + size);
  return buffer_.data() + end_;
}

void FrameParser::Append(ByteSpan bytes) {
  if (bytes.empty()) return;
  std::memcpy(Space(bytes.size()), bytes.data(), bytes.size());
  Commit(bytes.size());
}

Result<std::optional<Frame>> FrameParser::Next() {
  ByteSpan filled(buffer_.data() + begin_, end_ - begin_);
  if (filled.size() < kHeaderSize) return std::optional<Frame>();
  Frame frame;
  frame.header = BOXLITE_TRY(ParseHeader(filled.first(kHeaderSize)));
  if (filled.size() - kHeaderSize < frame.header.length) return std::optional<Frame>();
  frame.payload = filled.subspan(kHeaderSize, frame.header.length);
  begin_ += kHeaderSize + frame.header.length;
  return std::optional<Frame>(frame);
}

Bytes FrameParser::TakeUnparsed() {
  auto from = buffer_.begin() + static_cast<ptrdiff_t>(begin_);
  Bytes rest(from, from + static_cast<ptrdiff_t>(end_ - begin_));
  begin_ = end_ = 0;
  return rest;
}

}  // namespace boxlite::proto
