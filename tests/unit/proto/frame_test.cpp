#include "proto/frame.h"

#include <gtest/gtest.h>

namespace boxlite::proto {
namespace {

TEST(FrameParser, FedByteByByte_GivesEveryFrameWhole) {
  Bytes wire;
  AppendFrame(wire, Kind::kData, 7, AsBytes("hello"), Channel::kOutput);
  AppendFrame(wire, Kind::kEnd, 7, {}, Channel::kOutput);
  FrameParser parser;
  std::vector<std::pair<Kind, std::string>> seen;
  for (uint8_t byte : wire) {
    parser.Append(ByteSpan(&byte, 1));
    auto frame = parser.Next();
    ASSERT_TRUE(frame.ok());
    if (frame.value())
      seen.emplace_back(frame.value()->header.kind, AsText(frame.value()->payload));
  }
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0], std::pair(Kind::kData, std::string("hello")));
  EXPECT_EQ(seen[1], std::pair(Kind::kEnd, std::string()));
}

TEST(FrameParser, DataLongerThanTheLimit_IsAnError) {
  uint8_t header[kHeaderSize];
  StoreHeader({kMaxDataPayload + 1, 1, Kind::kData, Channel::kOutput}, header);
  FrameParser parser;
  parser.Append(header);
  EXPECT_FALSE(parser.Next().ok());
}

TEST(FrameParser, UnknownChannelOrFlags_IsAnError) {
  for (size_t at : {9, 10, 11}) {
    uint8_t header[kHeaderSize];
    StoreHeader({0, 1, Kind::kEnd, Channel::kInput}, header);
    header[at] = 9;
    FrameParser parser;
    parser.Append(header);
    EXPECT_FALSE(parser.Next().ok()) << "byte " << at;
  }
}

TEST(FrameParser, TakeUnparsed_GivesWhatAnotherParserGoesOnWith) {
  Bytes wire;
  AppendFrame(wire, Kind::kHello, 0, AsBytes("first"));
  AppendFrame(wire, Kind::kData, 7, AsBytes("second"), Channel::kOutput);
  wire.resize(wire.size() - 1);
  FrameParser parser, other;
  parser.Append(wire);
  ASSERT_TRUE(parser.Next().value());
  other.Append(parser.TakeUnparsed());
  EXPECT_TRUE(parser.TakeUnparsed().empty());
  ASSERT_FALSE(other.Next().value());
  other.Append(AsBytes("d"));
  auto frame = other.Next().TakeValue();
  ASSERT_TRUE(frame);
  EXPECT_EQ(AsText(frame->payload), "second");
}

TEST(ParseCredit, ZeroOrWrongSize_IsAnError) {
  Bytes zero(4, 0), three(3, 1);
  EXPECT_FALSE(ParseCredit({{4, 1, Kind::kCredit, Channel::kOutput}, zero}).ok());
  EXPECT_FALSE(ParseCredit({{3, 1, Kind::kCredit, Channel::kOutput}, three}).ok());
}

}  // namespace
}  // namespace boxlite::proto
