#include "kvm/guest_memory.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/sys.h"
#include "kvm/layout.h"

namespace boxlite::kvm {
namespace {

// Large pages on both sides make the guest's first touch of its memory and its page walks cheap;
// they need addresses that are multiples of their size.
constexpr uint64_t kLargePage = 2 * 1024 * 1024;

// It is the guest's secret, also towards our own forks and dumps.
void KeepSecret(void* at, uint64_t size) {
  ::madvise(at, size, MADV_DONTFORK);
  ::madvise(at, size, MADV_DONTDUMP);
}

}  // namespace

Result<std::unique_ptr<GuestMemory>> GuestMemory::Create(uint64_t size) {
  if (size == 0 || size % kLargePage != 0)
    return Error(Code::kInvalidArgument, "the guest's memory is not a multiple of 2 MiB");
  void* reserved = ::mmap(nullptr, size + kLargePage, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return sys::ErrnoError("reserve the guest's memory");
  // SAFETY: the reservation is larger than needed by what aligning takes; both ends are given back.
  auto* start = static_cast<uint8_t*>(reserved);
  auto misaligned = reinterpret_cast<uintptr_t>(start) % kLargePage;
  uint64_t before = misaligned == 0 ? 0 : kLargePage - misaligned;
  if (before != 0) ::munmap(start, before);
  ::munmap(start + before + size, kLargePage - before);
  std::unique_ptr<GuestMemory> memory(new GuestMemory(start + before, size));
  if (::mprotect(memory->host_, size, PROT_READ | PROT_WRITE) < 0)
    return sys::ErrnoError("map the guest's memory");
  // A host without large pages is slower, no more.
  ::madvise(memory->host_, size, MADV_HUGEPAGE);
  KeepSecret(memory->host_, size);
  return memory;
}

GuestMemory::GuestMemory(uint8_t* host, uint64_t size)
    : host_(host), size_(size), low_size_(std::min(size, kGapStart)) {
  regions_.push_back({0, low_size_, host});
  if (size > low_size_) regions_.push_back({kGapEnd, size - low_size_, host + low_size_});
}

GuestMemory::~GuestMemory() {
  ::munmap(host_, size_);
}

bool GuestMemory::Read(uint64_t address, std::span<uint8_t> into) const {
  const Region* region = Find(address, into.size());
  if (!region) return false;
  // SAFETY: Find holds for into.size() bytes. Not memcpy: an empty span may be a null pointer.
  std::copy_n(region->host + (address - region->address), into.size(), into.data());
  return true;
}

bool GuestMemory::Write(uint64_t address, ByteSpan from) {
  const Region* region = Find(address, from.size());
  if (!region) return false;
  // SAFETY: Find holds for from.size() bytes.
  std::copy_n(from.data(), from.size(), region->host + (address - region->address));
  return true;
}

Result<void> GuestMemory::MapFile(uint64_t address, uint64_t size, int file, uint64_t offset) {
  const Region* region = Find(address, size);
  bool pages = (address | size | offset) % kPageSize == 0;
  if (!region || size == 0 || !pages)
    return Error(Code::kInvalidArgument,
                 "a file cannot be mapped at guest address " + std::to_string(address));
  // SAFETY: Find holds for `size` bytes; the mapping takes the place of memory that is ours.
  void* at = region->host + (address - region->address);
  void* mapped = ::mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file,
                        static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) return sys::ErrnoError("map a file into the guest's memory");
  // A new mapping knows nothing of what was said for the one that it replaces.
  KeepSecret(at, size);
  return {};
}

}  // namespace boxlite::kvm
