#include "proto/list.h"

#include <gtest/gtest.h>

#include "proto/messages.h"

namespace boxlite::proto {
namespace {

Bytes Listed(const std::vector<std::string>& names) {
  Bytes bytes;
  for (const std::string& name : names) {
    FileInfo info;
    info.name = name;
    Bytes record = Encode(std::move(info));
    AppendLe(bytes, static_cast<uint32_t>(record.size()));
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  return bytes;
}

TEST(DecodeList, Messages_ComeInTheirOrder) {
  auto list = DecodeList<FileInfo>(Listed({"a", "", "c"}));
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list.value().size(), 3u);
  EXPECT_EQ(list.value()[0].name, "a");
  EXPECT_EQ(list.value()[2].name, "c");
  EXPECT_TRUE(DecodeList<FileInfo>({}).value().empty());
}

TEST(DecodeList, CutShortAnywhere_IsAnError) {
  Bytes whole = Listed({"name"});
  for (size_t size = 1; size < whole.size(); ++size) {
    auto list = DecodeList<FileInfo>(ByteSpan(whole).first(size));
    ASSERT_FALSE(list.ok()) << size;
    EXPECT_EQ(list.error().code(), Code::kInternal);
  }
}

// Four bytes of the guest's must not become a message of more than a hundred for ever.
TEST(DecodeList, MoreMessagesThanTheLimit_IsResourceExhausted) {
  Bytes empty(kMaxListEntries * sizeof(uint32_t));
  EXPECT_EQ(DecodeList<FileInfo>(empty).value().size(), kMaxListEntries);
  empty.resize(empty.size() + sizeof(uint32_t));
  EXPECT_EQ(DecodeList<FileInfo>(empty).error().code(), Code::kResourceExhausted);
}

// Nor six of them a string for ever.
TEST(DecodeList, MoreArgumentsThanTheLimit_IsResourceExhausted) {
  constexpr size_t kArguments = 1000;
  ProcessInfo process;
  process.argv.resize(kArguments);
  Bytes record = Encode(process), list;
  for (size_t entries = 0; entries <= kMaxListEntries; entries += kArguments) {
    AppendLe(list, static_cast<uint32_t>(record.size()));
    list.insert(list.end(), record.begin(), record.end());
  }
  EXPECT_EQ(DecodeList<ProcessInfo>(list).error().code(), Code::kResourceExhausted);
  list.resize(list.size() / 2 / (record.size() + sizeof(uint32_t)) *
              (record.size() + sizeof(uint32_t)));
  EXPECT_TRUE(DecodeList<ProcessInfo>(list).ok());
}

}  // namespace
}  // namespace boxlite::proto
