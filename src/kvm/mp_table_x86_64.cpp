#include "kvm/mp_table_x86_64.h"

#include <string_view>

#include "kvm/io_apic_x86_64.h"
#include "kvm/layout.h"

namespace boxlite::kvm {
namespace {

constexpr size_t kPointerSize = 16, kHeaderSize = 44;
constexpr uint8_t kVersion14 = 4;
constexpr uint8_t kApicVersion = 0x14, kIoApicVersion = 0x11;
constexpr uint8_t kIsaBus = 0;

// Types of entries and of interrupts.
enum : uint8_t { kProcessor = 0, kBus = 1, kIoApicEntry = 2, kIoLine = 3, kLocalLine = 4 };
enum : uint8_t { kVectored = 0, kNonMaskable = 1, kExternal = 3 };
constexpr uint8_t kEnabled = 1, kBootProcessor = 2;
constexpr uint8_t kAllApics = 0xff;

class Table {
 public:
  void U8(uint8_t value) { bytes_.push_back(value); }
  void U16(uint16_t value) { Append(value); }
  void U32(uint32_t value) { Append(value); }
  void Text(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  void Count() { ++count_; }
  uint16_t count() const { return count_; }
  Bytes& bytes() { return bytes_; }

 private:
  template <typename T>
  void Append(T value) {
    bytes_.resize(bytes_.size() + sizeof value);
    StoreLe(bytes_.data() + bytes_.size() - sizeof value, value);
  }
  Bytes bytes_;
  uint16_t count_ = 0;
};

void AddProcessor(Table& table, uint8_t id) {
  constexpr uint32_t kFamily6 = 0x600, kFpuAndApic = 0x201;
  table.Count();
  table.U8(kProcessor);
  table.U8(id);
  table.U8(kApicVersion);
  table.U8(id == 0 ? kEnabled | kBootProcessor : kEnabled);
  table.U32(kFamily6);
  table.U32(kFpuAndApic);
  table.U32(0);
  table.U32(0);
}

void AddLine(Table& table, uint8_t type, uint8_t kind, uint8_t line, uint8_t apic, uint8_t pin) {
  table.Count();
  table.U8(type);
  table.U8(kind);
  table.U16(0);  // polarity and trigger as the bus has them: edges
  table.U8(kIsaBus);
  table.U8(line);
  table.U8(apic);
  table.U8(pin);
}

Table Entries(uint32_t cpus) {
  auto io_apic = static_cast<uint8_t>(cpus);
  Table table;
  for (uint32_t id = 0; id < cpus; ++id) AddProcessor(table, static_cast<uint8_t>(id));
  table.Count();
  table.U8(kBus);
  table.U8(kIsaBus);
  table.Text("ISA   ");
  table.Count();
  table.U8(kIoApicEntry);
  table.U8(io_apic);
  table.U8(kIoApicVersion);
  table.U8(kEnabled);
  table.U32(static_cast<uint32_t>(kIoApic));
  for (uint8_t line = 0; line < kIoApicPins; ++line)
    AddLine(table, kIoLine, kVectored, line, io_apic, line);
  AddLine(table, kLocalLine, kExternal, 0, 0, 0);
  AddLine(table, kLocalLine, kNonMaskable, 0, kAllApics, 1);
  return table;
}

Bytes Header(const Table& entries, size_t entries_size) {
  Table header;
  header.Text("PCMP");
  header.U16(static_cast<uint16_t>(kHeaderSize + entries_size));
  header.U8(kVersion14);
  header.U8(0);  // the checksum
  header.Text("BOXLITE ");
  header.Text("BOX         ");
  header.U32(0);  // no table of the maker's
  header.U16(0);
  header.U16(entries.count());
  header.U32(static_cast<uint32_t>(kLocalApic));
  header.U32(0);
  return header.bytes();
}

Bytes Pointer() {
  Table pointer;
  pointer.Text("_MP_");
  pointer.U32(static_cast<uint32_t>(kMpTable + kPointerSize));
  pointer.U8(1);  // in units of 16 bytes
  pointer.U8(kVersion14);
  pointer.U8(0);  // the checksum
  for (int feature = 0; feature < 5; ++feature) pointer.U8(0);
  return pointer.bytes();
}

// Sets the byte at `at` so that all of them add up to zero.
void Seal(Bytes& bytes, size_t at) {
  uint8_t sum = 0;
  for (uint8_t byte : bytes) sum = static_cast<uint8_t>(sum + byte);
  bytes[at] = static_cast<uint8_t>(-sum);
}

}  // namespace

Bytes MpTable(uint32_t cpus) {
  constexpr size_t kTableChecksum = 7, kPointerChecksum = 10;
  Table entries = Entries(cpus);
  Bytes table = Header(entries, entries.bytes().size());
  table.insert(table.end(), entries.bytes().begin(), entries.bytes().end());
  Seal(table, kTableChecksum);
  Bytes all = Pointer();
  Seal(all, kPointerChecksum);
  all.insert(all.end(), table.begin(), table.end());
  return all;
}

}  // namespace boxlite::kvm
