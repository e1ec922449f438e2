#include "kvm/mp_table_x86_64.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "kvm/io_apic_x86_64.h"
#include "kvm/layout.h"

namespace boxlite::kvm {
namespace {

struct Processor {
  uint8_t id = 0, version = 0, flags = 0;
};
struct Line {
  uint8_t type = 0, kind = 0;
  uint16_t flags = 0;
  uint8_t bus = 0, line = 0, apic = 0, pin = 0;
};
struct Parsed {
  std::vector<Processor> processors;
  std::vector<std::string> buses;
  std::vector<std::pair<uint8_t, uint32_t>> io_apics;  // id, address
  std::vector<Line> io_lines, local_lines;
  uint16_t count = 0;
};

uint8_t Sum(ByteSpan bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), uint8_t{0}, [](uint8_t sum, uint8_t byte) {
    return static_cast<uint8_t>(sum + byte);
  });
}

constexpr size_t kPointerSize = 16;

// As a kernel reads it, by the specification's tables 4-1 and 4-3 and on.
ByteReader CheckHeader(ByteSpan bytes, Parsed& parsed) {
  ByteReader pointer(bytes.first(kPointerSize));
  EXPECT_EQ(AsText(pointer.TakeBytes(4)), "_MP_");
  EXPECT_EQ(pointer.Take<uint32_t>(), kMpTable + kPointerSize);
  EXPECT_EQ(pointer.Take<uint8_t>(), 1);
  EXPECT_EQ(pointer.Take<uint8_t>(), 4);
  EXPECT_EQ(Sum(bytes.first(kPointerSize)), 0);
  ByteReader table(bytes.subspan(kPointerSize));
  EXPECT_EQ(AsText(table.TakeBytes(4)), "PCMP");
  EXPECT_EQ(table.Take<uint16_t>(), bytes.size() - kPointerSize);
  EXPECT_EQ(table.Take<uint8_t>(), 4);
  table.TakeBytes(1 + 8 + 12);  // its checksum, two names
  EXPECT_EQ(table.Take<uint32_t>(), 0u);
  EXPECT_EQ(table.Take<uint16_t>(), 0);
  parsed.count = table.Take<uint16_t>();
  EXPECT_EQ(table.Take<uint32_t>(), kLocalApic);
  EXPECT_EQ(table.Take<uint32_t>(), 0u);
  EXPECT_EQ(Sum(bytes.subspan(kPointerSize)), 0);
  return table;
}

void TakeLine(ByteReader& table, uint8_t type, std::vector<Line>& lines) {
  Line line;
  line.type = type;
  line.kind = table.Take<uint8_t>();
  line.flags = table.Take<uint16_t>();
  line.bus = table.Take<uint8_t>();
  line.line = table.Take<uint8_t>();
  line.apic = table.Take<uint8_t>();
  line.pin = table.Take<uint8_t>();
  lines.push_back(line);
}

void TakeEntry(ByteReader& table, Parsed& parsed) {
  auto type = table.Take<uint8_t>();
  if (type == 0) {
    Processor processor;
    processor.id = table.Take<uint8_t>();
    processor.version = table.Take<uint8_t>();
    processor.flags = table.Take<uint8_t>();
    table.TakeBytes(16);  // signature, features, reserved
    parsed.processors.push_back(processor);
  } else if (type == 1) {
    EXPECT_EQ(table.Take<uint8_t>(), parsed.buses.size());
    parsed.buses.emplace_back(AsText(table.TakeBytes(6)));
  } else if (type == 2) {
    auto id = table.Take<uint8_t>();
    table.TakeBytes(1);
    EXPECT_EQ(table.Take<uint8_t>(), 1);
    parsed.io_apics.emplace_back(id, table.Take<uint32_t>());
  } else if (type == 3 || type == 4) {
    TakeLine(table, type, type == 3 ? parsed.io_lines : parsed.local_lines);
  } else {
    ADD_FAILURE() << "an entry of type " << int{type};
    table.TakeBytes(table.size() + 1);
  }
}

Parsed Parse(ByteSpan bytes) {
  Parsed parsed;
  ByteReader table = CheckHeader(bytes, parsed);
  uint16_t entries = 0;
  for (; !table.empty() && table.ok(); ++entries) TakeEntry(table, parsed);
  EXPECT_TRUE(table.ok());
  EXPECT_EQ(entries, parsed.count);
  return parsed;
}

class MpTableTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(MpTableTest, Processors_AreNumberedAndTheFirstBoots) {
  Parsed parsed = Parse(MpTable(GetParam()));
  ASSERT_EQ(parsed.processors.size(), GetParam());
  for (size_t i = 0; i < parsed.processors.size(); ++i) {
    EXPECT_EQ(parsed.processors[i].id, i);
    EXPECT_EQ(parsed.processors[i].flags, i == 0 ? 3 : 1);
  }
}

TEST_P(MpTableTest, TheIoApic_HasTheNextNumber) {
  Parsed parsed = Parse(MpTable(GetParam()));
  ASSERT_EQ(parsed.io_apics.size(), 1u);
  EXPECT_EQ(parsed.io_apics[0].first, GetParam());
  EXPECT_EQ(parsed.io_apics[0].second, kIoApic);
}

TEST_P(MpTableTest, Lines_GoToThePinOfTheirNumber) {
  Parsed parsed = Parse(MpTable(GetParam()));
  EXPECT_EQ(parsed.buses, std::vector<std::string>{"ISA   "});
  ASSERT_EQ(parsed.io_lines.size(), kIoApicPins);
  for (size_t i = 0; i < parsed.io_lines.size(); ++i) {
    const Line& line = parsed.io_lines[i];
    EXPECT_EQ(line.line, i);
    EXPECT_EQ(line.pin, i);
    EXPECT_EQ(line.apic, GetParam());
    EXPECT_EQ(line.kind | line.flags | line.bus, 0);
  }
}

// The old controller's interrupts go to the first processor's pin 0, NMIs to everybody's pin 1.
TEST_P(MpTableTest, LocalLines_AreThoseOfAPc) {
  Parsed parsed = Parse(MpTable(GetParam()));
  ASSERT_EQ(parsed.local_lines.size(), 2u);
  EXPECT_EQ(parsed.local_lines[0].kind, 3);
  EXPECT_EQ(parsed.local_lines[0].apic, 0);
  EXPECT_EQ(parsed.local_lines[0].pin, 0);
  EXPECT_EQ(parsed.local_lines[1].kind, 1);
  EXPECT_EQ(parsed.local_lines[1].apic, 0xff);
  EXPECT_EQ(parsed.local_lines[1].pin, 1);
}

TEST_P(MpTableTest, All_FitsBeforeTheEndOfLowMemory) {
  EXPECT_LE(kMpTable + MpTable(GetParam()).size(), kLowEnd);
}

INSTANTIATE_TEST_SUITE_P(Processors, MpTableTest, ::testing::Values(1, 2, 3, 31, kMaxMpCpus),
                         [](const auto& count) { return std::to_string(count.param); });

// A kernel looks for the pointer at each multiple of 16 in the last KiB of low memory.
TEST(MpTablePlace, IsWhereAKernelLooks) {
  EXPECT_EQ(kMpTable % 16, 0u);
  EXPECT_EQ(kMpTable, kLowEnd - 1024);
}

}  // namespace
}  // namespace boxlite::kvm
