// The guest's driver of a disk: requests of a header, data and a status.
#pragma once

#include <sys/mman.h>

#include <string>
#include <vector>

#include "base/sys.h"
#include "unit/virtio/driver.h"
#include "virtio/block.h"

namespace boxlite::virtio {

constexpr uint32_t kIn = 0;
constexpr uint32_t kOut = 1;
constexpr uint32_t kFlush = 4;
constexpr uint32_t kGetId = 8;
constexpr uint32_t kDiscard = 11;
constexpr uint32_t kWriteZeroes = 13;

constexpr uint8_t kOk = 0;
constexpr uint8_t kIoError = 1;
constexpr uint8_t kUnsupported = 2;
constexpr uint8_t kUntouched = 0xee;

inline UniqueFd MakeDisk(uint64_t size) {
  UniqueFd file(::memfd_create("disk", MFD_CLOEXEC));
  EXPECT_TRUE(sys::Truncate(file.get(), size).ok());
  return file;
}
inline Bytes FileBytes(int file, uint64_t offset, size_t size) {
  Bytes bytes(size);
  EXPECT_EQ(sys::ReadAt(file, bytes.data(), size, offset).value(), size);
  return bytes;
}
inline Bytes RangeOf(uint64_t sector, uint32_t sectors, uint32_t flags = 0) {
  Bytes range;
  AppendLe<uint64_t>(range, sector);
  AppendLe<uint32_t>(range, sectors);
  AppendLe<uint32_t>(range, flags);
  return range;
}

class BlockDriver {
 public:
  explicit BlockDriver(kvm::GuestMemory& memory)
      : memory_(&memory), queue(memory, 0x1000, Block::kQueueSize) {}

  // Slots of requests under way at the same time; each has a header and a status of its own.
  static uint64_t HeaderAt(uint32_t slot) { return 0x10000 + 64 * uint64_t{slot}; }
  static uint64_t StatusAt(uint32_t slot) { return HeaderAt(slot) + 32; }

  uint16_t Request(uint32_t slot, uint32_t type, uint64_t sector, std::vector<Buffer> data) {
    Bytes header;
    AppendLe<uint32_t>(header, type);
    AppendLe<uint32_t>(header, 0);
    AppendLe<uint64_t>(header, sector);
    Put(*memory_, HeaderAt(slot), header);
    Put(*memory_, StatusAt(slot), Bytes{kUntouched});
    data.insert(data.begin(), {HeaderAt(slot), 16, false});
    data.push_back({StatusAt(slot), 1, true});
    return queue.AddIndirect(data, 0x40000 + 0x4000 * uint64_t{slot});
  }
  uint8_t Status(uint32_t slot) const { return Get(*memory_, StatusAt(slot), 1)[0]; }

 private:
  kvm::GuestMemory* memory_;

 public:
  DriverQueue queue;
};

}  // namespace boxlite::virtio
