#include "vm/disk_rates.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <vector>

#include "base/clock.h"
#include "base/sys.h"
#include "kvm/layout.h"
#include "unit/virtio/block_driver.h"

namespace boxlite::vm_test {
namespace {

using virtio::Buffer;

constexpr uint64_t kPieces = virtio::BlockLimits::kMaxSegments;
constexpr uint64_t kRequestBytes = kPieces * kvm::kPageSize;
constexpr uint64_t kRequests = 32;
// Linux makes two requests of a megabyte.
constexpr uint32_t kAtOnce = 2;

uint64_t PlaceOf(uint64_t piece) {
  return virtio::kBuffers + 2 * kvm::kPageSize * piece;
}

double RateOf(int64_t ns) {
  return kRequests * kRequestBytes / (static_cast<double>(ns) / 1e3);
}

double FloorRate(const kvm::GuestMemory& memory, int file) {
  std::vector<iovec> pieces;
  for (uint64_t i = 0; i < kPieces; ++i)
    pieces.push_back(memory.Vector(PlaceOf(i), kvm::kPageSize).value());
  int64_t before = MonotonicNs();
  for (uint64_t request = 0; request < kRequests; ++request) {
    auto offset = static_cast<off_t>(request * kRequestBytes);
    if (::preadv2(file, pieces.data(), static_cast<int>(kPieces), offset, 0) < 0) std::abort();
  }
  return RateOf(MonotonicNs() - before);
}

double DeviceRate(kvm::GuestMemory& memory, UniqueFd file) {
  virtio::Line line;
  virtio::Interrupt interrupt(line);
  auto pool = virtio::IoPool::Create(2, nullptr).TakeValue();
  auto disk = virtio::Block::Create(memory, interrupt, *pool, {std::move(file), true}).TakeValue();
  virtio::BlockDriver driver(memory);
  disk->Activate(virtio::kTransportFeatures,
                 virtio::QueuesOf(memory, {&driver.queue}, virtio::kTransportFeatures));
  std::vector<Buffer> pieces;
  for (uint64_t i = 0; i < kPieces; ++i) pieces.push_back({PlaceOf(i), kvm::kPageSize, true});
  int64_t ns = 0;
  for (uint64_t request = 0; request < kRequests; request += kAtOnce) {
    int seen = line.count();
    // The interrupt comes when the last one is done.
    driver.queue.SetUsedEvent(static_cast<uint16_t>(driver.queue.used_index() + kAtOnce - 1));
    for (uint32_t i = 0; i < kAtOnce; ++i)
      driver.Request(i, virtio::kIn, (request + i) * kRequestBytes / virtio::kSectorSize, pieces);
    int64_t before = MonotonicNs();
    disk->Kick(0);
    line.WaitForMoreThan(seen);
    ns += MonotonicNs() - before;
    for (uint32_t i = 0; i < kAtOnce; ++i)
      if (!driver.queue.NextUsed() || driver.Status(i) != virtio::kOk) std::abort();
  }
  return RateOf(ns);
}

}  // namespace

DiskRates MeasureDiskRates(const std::string& path) {
  auto memory = virtio::MakeMemory();
  UniqueFd file = sys::Open(path, O_RDONLY).TakeValue();
  DiskRates rates;
  FloorRate(*memory, file.get());  // It touches the memory.
  rates.floor = FloorRate(*memory, file.get());
  rates.device = DeviceRate(*memory, std::move(file));
  return rates;
}

}  // namespace boxlite::vm_test
