// A bus: what is at an address of the guest's, be it a port or memory that is none. Devices are
// added before the guest runs; then any vCPU's thread asks, so that a device guards itself.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "base/bytes.h"
#include "base/result.h"

namespace boxlite::kvm {

class BusDevice {
 public:
  virtual ~BusDevice() = default;
  // `offset` is from the device's beginning, and the access does not pass its end; `data` has 1 to
  // 8 bytes, those of a read zero beforehand.
  virtual void Read(uint64_t offset, std::span<uint8_t> data) = 0;
  virtual void Write(uint64_t offset, ByteSpan data) = 0;
};

class Bus {
 public:
  // `device` outlives the bus. Ranges that overlap are refused.
  Result<void> Add(uint64_t address, uint64_t size, BusDevice& device);

  // Where nothing is, reads are all ones and writes vanish, as on a PC.
  void Read(uint64_t address, std::span<uint8_t> data);
  void Write(uint64_t address, ByteSpan data);

 private:
  struct Entry {
    uint64_t size = 0;
    BusDevice* device = nullptr;
  };
  struct Place {
    BusDevice* device = nullptr;
    uint64_t offset = 0;
  };
  Place Find(uint64_t address, size_t length) const;

  std::map<uint64_t, Entry> entries_;  // by address
};

}  // namespace boxlite::kvm
