// room: virtio
// A device behind its registers, and a guest that does anything: register accesses, kicks, rings
// and buffers with whatever in them, resets, snapshots in the middle. The first byte of the input
// says which device, the rest is a script (Guest::Step).
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "base/sys.h"
#include "virtio/block.h"
#include "virtio/console.h"
#include "virtio/mmio.h"
#include "virtio/rng.h"

namespace {

using boxlite::ByteReader;
using boxlite::Bytes;
using boxlite::ByteSpan;
using boxlite::UniqueFd;
using boxlite::kvm::GuestMemory;
using boxlite::virtio::Block;
using boxlite::virtio::BlockState;
using boxlite::virtio::Console;
using boxlite::virtio::ConsoleState;
using boxlite::virtio::Device;
using boxlite::virtio::Interrupt;
using boxlite::virtio::IoPool;
using boxlite::virtio::kRingEventIndex;
using boxlite::virtio::kRingIndirectDescriptors;
using boxlite::virtio::kTransportFeatures;
using boxlite::virtio::MmioState;
using boxlite::virtio::MmioTransport;
using boxlite::virtio::PortListener;
using boxlite::virtio::Rng;
using boxlite::virtio::RngState;

constexpr uint64_t kMemorySize = 2 * 1024 * 1024;
constexpr uint64_t kUsedMemory = 64 * 1024;  // what the script reaches
constexpr uint64_t kDiskSize = 64 * 1024;
constexpr uint16_t kRingSize = 8;
constexpr uint64_t kRingSpace = 0x400;  // of one queue, from address 0 on

void Require(bool holds) {
  if (!holds) std::abort();
}

class Line : public boxlite::kvm::InterruptLine {
 public:
  void Raise() override {}
};

class Listener : public PortListener {
 public:
  void OnReadable() override {}
  void OnWritable() override {}
};

class Guest {
 public:
  Guest(GuestMemory& memory, IoPool& pool, uint8_t which) : memory_(memory) {
    UniqueFd file(::memfd_create("disk", MFD_CLOEXEC));
    Require(boxlite::sys::Truncate(file.get(), kDiskSize).ok());
    disk_ = boxlite::sys::Duplicate(file.get()).TakeValue();
    Block::Options options{std::move(file), (which & 4u) != 0, "fuzz"};
    block_ = Block::Create(memory, interrupt_, pool, std::move(options)).TakeValue();
    Device& device = which % 4 == 0   ? static_cast<Device&>(console_)
                     : which % 4 == 1 ? static_cast<Device&>(rng_)
                                      : static_cast<Device&>(*block_);
    device_ = &device;
    transport_ = std::make_unique<MmioTransport>(memory, device, interrupt_);
  }
  ~Guest() {
    transport_.reset();
    // Whatever was asked for, a disk keeps its size.
    Require(boxlite::sys::Stat(disk_.get()).value().st_size == static_cast<off_t>(kDiskSize));
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  void Step(ByteReader& script) {
    switch (script.Take<uint8_t>() % 8) {
      case 0:
        return Access(script);
      case 1:
        return WriteRegister(script.Take<uint8_t>() * 4u, script.Take<uint32_t>());
      case 2:
        return Poke(script);
      case 3:
        return Start(script.Take<uint8_t>());
      case 4:
        return AddChain(script);
      case 5:
        return Notify(script.Take<uint8_t>());
      case 6:
        return Talk(script.Take<uint8_t>());
      default:
        return Snapshot();
    }
  }

 private:
  void WriteRegister(uint64_t offset, uint32_t value) {
    std::array<uint8_t, 4> raw{};
    boxlite::StoreLe(raw.data(), value);
    transport_->Write(offset, raw);
  }

  // Any width, at any place in the page.
  void Access(ByteReader& script) {
    uint64_t offset = script.Take<uint16_t>() % 0xff8;
    Bytes data(script.Take<uint8_t>() % 8 + 1);
    transport_->Read(offset, data);
    ByteSpan bytes = script.TakeBytes(std::min(data.size(), script.size()));
    if (!bytes.empty()) transport_->Write(offset, bytes);
  }

  void Poke(ByteReader& script) {
    uint64_t address = script.Take<uint16_t>();
    ByteSpan bytes = script.TakeBytes(std::min<size_t>(script.Take<uint8_t>(), script.size()));
    if (!bytes.empty()) Require(memory_.Write(address, bytes));
  }

  // As a driver does it that means well; `omit` leaves features out.
  void Start(uint8_t omit) {
    for (uint32_t status : {0u, 1u, 3u}) WriteRegister(0x070, status);
    uint64_t features = device_->features() | kTransportFeatures;
    if ((omit & 1u) != 0) features &= ~kRingEventIndex;
    if ((omit & 2u) != 0) features &= ~kRingIndirectDescriptors;
    if ((omit & 4u) != 0) features &= 0xffff'ffff'ffff'fdff;  // FLUSH of a disk
    for (uint32_t half = 0; half < 2; ++half) {
      WriteRegister(0x024, half);
      WriteRegister(0x020, static_cast<uint32_t>(features >> (32 * half)));
    }
    WriteRegister(0x070, 11);
    for (uint32_t i = 0; i < device_->queue_count(); ++i) SetQueue(i);
    WriteRegister(0x070, 15);
  }

  void SetQueue(uint32_t index) {
    auto base = static_cast<uint32_t>(index * kRingSpace);
    Require(memory_.Write(base, Bytes(kRingSpace)));
    WriteRegister(0x030, index);
    WriteRegister(0x038, kRingSize);
    WriteRegister(0x080, base);
    WriteRegister(0x090, base + 0x100);
    WriteRegister(0x0a0, base + 0x200);
    WriteRegister(0x044, 1);
  }

  // Descriptors from the script, linked in a row, at the queue's next entry.
  void AddChain(ByteReader& script) {
    uint64_t base = script.Take<uint8_t>() % 6 * kRingSpace;
    size_t count = script.Take<uint8_t>() % kRingSize + 1;
    for (size_t i = 0; i < count; ++i) {
      Bytes raw;
      boxlite::AppendLe<uint64_t>(raw, script.Take<uint16_t>());
      boxlite::AppendLe<uint32_t>(raw, script.Take<uint16_t>());
      uint16_t flags = script.Take<uint8_t>() & 6u;
      boxlite::AppendLe<uint16_t>(raw, static_cast<uint16_t>(flags | (i + 1 < count ? 1 : 0)));
      boxlite::AppendLe<uint16_t>(raw, static_cast<uint16_t>(i + 1));
      Require(memory_.Write(base + 16 * i, raw));
    }
    auto index = memory_.Load<uint16_t>(base + 0x102).value_or(0);
    Require(memory_.Store<uint16_t>(base + 0x104 + 2u * (index % kRingSize), 0));
    Require(memory_.Store<uint16_t>(base + 0x102, static_cast<uint16_t>(index + 1)));
  }

  void Notify(uint8_t index) {
    WriteRegister(MmioTransport::kNotifyOffset, index);
    static_cast<void>(
        block_->Save());  // when it is done, so that a script always runs the same way
  }

  void Talk(uint8_t size) {
    Bytes bytes(size * 16u);
    Require(console_.Read(bytes) <= bytes.size());
    Require(console_.Write(bytes) <= bytes.size());
  }

  // A machine is saved and goes on from there, after it was reset.
  void Snapshot() {
    MmioState registers = transport_->Save();
    ConsoleState console = console_.Save();
    BlockState block = block_->Save();
    RngState rng = rng_.Save();
    WriteRegister(0x070, 0);
    Require(transport_->Restore(registers).ok());
    Require(console_.Restore(console).ok() && block_->Restore(block).ok() &&
            rng_.Restore(rng).ok());
  }

  GuestMemory& memory_;
  Line line_;
  Listener listener_;
  Interrupt interrupt_{line_};
  UniqueFd disk_;
  Console console_{memory_, interrupt_, listener_};
  Rng rng_{memory_, interrupt_};
  std::unique_ptr<Block> block_;
  Device* device_ = nullptr;  // one of these
  std::unique_ptr<MmioTransport> transport_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<GuestMemory> kMemory = GuestMemory::Create(kMemorySize).TakeValue();
  static const std::unique_ptr<IoPool> kPool = IoPool::Create(2, nullptr).TakeValue();
  if (size == 0) return 0;
  Require(kMemory->Write(0, Bytes(kUsedMemory + 0x400)));
  Guest guest(*kMemory, *kPool, data[0]);
  ByteReader script({data + 1, size - 1});
  while (!script.empty()) guest.Step(script);
  return 0;
}
