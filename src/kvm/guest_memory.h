// The guest's memory, and the only place that touches it. Nothing outside of this file holds a
// pointer into it: who reads a ring or fills a buffer names a guest address and a length, both of
// which the guest chose, and is told whether they lie in memory.
//
// Memory below the 32-bit gap and above it are two regions; a range that leaves its region is none.
// What the guest stores meanwhile may be seen or not, so a value is read once and then checked.
//
// Thread rule: any thread. The vCPUs write as they please; Load and Store are single accesses.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace boxlite::kvm {

class GuestMemory {
 public:
  struct Region {
    uint64_t address = 0;  // of the guest
    uint64_t size = 0;
    uint8_t* host = nullptr;
  };

  // `size` bytes, a multiple of 2 MiB, that read as zeros and cost nothing until they are touched.
  static Result<std::unique_ptr<GuestMemory>> Create(uint64_t size);
  ~GuestMemory();
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  uint64_t size() const { return size_; }
  // For KVM's memory slots.
  const std::vector<Region>& regions() const { return regions_; }

  // Whether [address, address + length) lies in one region; an empty range does where its address
  // does.
  bool Contains(uint64_t address, uint64_t length) const {
    return Find(address, length) != nullptr;
  }

  // False, and nothing is read or written, where the range is not in memory.
  [[nodiscard]] bool Read(uint64_t address, std::span<uint8_t> into) const;
  [[nodiscard]] bool Write(uint64_t address, ByteSpan from);

  // One access of an aligned little-endian integer, with acquire and release order: what the guest
  // stored before the value that is loaded is seen after it. Nothing where it is not aligned or not
  // in memory.
  template <typename T>
  [[nodiscard]] std::optional<T> Load(uint64_t address) const {
    T* at = Place<T>(address);
    if (!at) return std::nullopt;
    return std::atomic_ref<T>(*at).load(std::memory_order_acquire);
  }
  template <typename T>
  [[nodiscard]] bool Store(uint64_t address, T value) {
    T* at = Place<T>(address);
    if (at) std::atomic_ref<T>(*at).store(value, std::memory_order_release);
    return at != nullptr;
  }

  // The range for readv, writev and their like, which check it again themselves; nobody looks
  // through the pointer. Nothing where the range is not in memory.
  std::optional<iovec> Vector(uint64_t address, uint64_t length) const {
    const Region* region = Find(address, length);
    if (!region) return std::nullopt;
    // SAFETY: Find holds for `length` bytes; only system calls follow the pointer.
    return iovec{region->host + (address - region->address), length};
  }

  // Maps `size` bytes of `file` from `offset` privately over the guest's memory, so that pages that
  // the guest does not write are shared by all boxes. All three are multiples of the page size.
  Result<void> MapFile(uint64_t address, uint64_t size, int file, uint64_t offset);

 private:
  GuestMemory(uint8_t* host, uint64_t size);
  const Region* Find(uint64_t address, uint64_t length) const {
    // Most is in the first one.
    if (address < low_size_ && length <= low_size_ - address) return regions_.data();
    for (const Region& region : regions_) {
      if (address < region.address) return nullptr;
      uint64_t offset = address - region.address;
      if (offset < region.size) return length <= region.size - offset ? &region : nullptr;
    }
    return nullptr;
  }
  template <typename T>
  T* Place(uint64_t address) const {
    static_assert(std::is_unsigned_v<T> && std::atomic_ref<T>::is_always_lock_free);
    const Region* region = address % sizeof(T) == 0 ? Find(address, sizeof(T)) : nullptr;
    // SAFETY: Find holds for sizeof(T) bytes, and the region begins at a page.
    return region ? reinterpret_cast<T*>(region->host + (address - region->address)) : nullptr;
  }

  uint8_t* host_;  // one mapping, which the regions share
  uint64_t size_;
  uint64_t low_size_;  // of the first region
  std::vector<Region> regions_;
};

}  // namespace boxlite::kvm
