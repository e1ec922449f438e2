#include "virtio/mmio.h"

#include <array>
#include <utility>

namespace boxlite::virtio {
namespace {

// Registers, section 4.2.2.
constexpr uint64_t kMagic = 0x000;
constexpr uint64_t kRegisterVersion = 0x004;
constexpr uint64_t kDeviceId = 0x008;
constexpr uint64_t kVendorId = 0x00c;
constexpr uint64_t kDeviceFeatures = 0x010;
constexpr uint64_t kDeviceFeaturesSelect = 0x014;
constexpr uint64_t kDriverFeatures = 0x020;
constexpr uint64_t kDriverFeaturesSelect = 0x024;
constexpr uint64_t kQueueSelect = 0x030;
constexpr uint64_t kQueueSizeMax = 0x034;
constexpr uint64_t kQueueSize = 0x038;
constexpr uint64_t kQueueReady = 0x044;
constexpr uint64_t kQueueNotify = MmioTransport::kNotifyOffset;
constexpr uint64_t kInterruptStatus = 0x060;
constexpr uint64_t kInterruptAcknowledge = 0x064;
constexpr uint64_t kStatus = 0x070;
constexpr uint64_t kQueueDescriptorsLow = 0x080;
constexpr uint64_t kQueueDescriptorsHigh = 0x084;
constexpr uint64_t kQueueDriverLow = 0x090;
constexpr uint64_t kQueueDriverHigh = 0x094;
constexpr uint64_t kQueueDeviceLow = 0x0a0;
constexpr uint64_t kQueueDeviceHigh = 0x0a4;
constexpr uint64_t kSharedLengthLow = 0x0b0;
constexpr uint64_t kSharedLengthHigh = 0x0b4;
constexpr uint64_t kSharedBaseLow = 0x0b8;
constexpr uint64_t kSharedBaseHigh = 0x0bc;
constexpr uint64_t kConfigGeneration = 0x0fc;
constexpr uint64_t kConfig = 0x100;

constexpr uint32_t kMagicValue = 0x74726976;  // "virt"
constexpr uint32_t kVersionValue = 2;
constexpr uint32_t kVendorValue = 0x494c5842;  // "BXLI"

// Section 2.1.
constexpr uint32_t kAcknowledge = 1;
constexpr uint32_t kDriver = 2;
constexpr uint32_t kDriverOk = 4;
constexpr uint32_t kFeaturesOk = 8;
constexpr uint32_t kNeedsReset = 64;
constexpr uint32_t kFailed = 128;

uint32_t Half(uint64_t value, uint32_t select) {
  return select > 1 ? 0 : static_cast<uint32_t>(value >> (32 * select));
}

void SetHalf(uint64_t& whole, uint32_t select, uint32_t value) {
  if (select > 1) return;
  uint64_t mask = uint64_t{0xffffffff} << (32 * select);
  whole = (whole & ~mask) | (uint64_t{value} << (32 * select));
}

bool IsRegister(uint64_t offset, size_t size) {
  return offset < kConfig && size == sizeof(uint32_t) && offset % sizeof(uint32_t) == 0;
}

bool IsConfig(uint64_t offset, size_t size) {
  bool width = size == 1 || size == 2 || size == 4 || size == 8;
  return offset >= kConfig && width && offset % size == 0;
}

}  // namespace

MmioTransport::MmioTransport(kvm::GuestMemory& memory, Device& device, Interrupt& interrupt)
    : memory_(memory),
      device_(device),
      interrupt_(interrupt),
      queue_count_(device.queue_count()),
      notify_([this](size_t index) { device_.Kick(index); }) {
  registers_.queues.resize(queue_count_);
}

MmioTransport::~MmioTransport() {
  device_.Reset();
}

void MmioTransport::Read(uint64_t offset, std::span<uint8_t> data) {
  std::lock_guard lock(mutex_);
  if (IsRegister(offset, data.size()))
    StoreLe(data.data(), ReadRegister(offset));
  else if (IsConfig(offset, data.size()))
    device_.ReadConfig(offset - kConfig, data);
}

void MmioTransport::Write(uint64_t offset, ByteSpan data) {
  if (offset == kQueueNotify && IsRegister(offset, data.size())) {
    // Without the lock: the device knows whether it is active, and calls its owner from there.
    auto index = LoadLe<uint32_t>(data.data());
    if (index < queue_count_) notify_(index);
    return;
  }
  std::lock_guard lock(mutex_);
  if (IsRegister(offset, data.size()))
    WriteRegister(offset, LoadLe<uint32_t>(data.data()));
  else if (IsConfig(offset, data.size()))
    device_.WriteConfig(offset - kConfig, data);
}

uint32_t MmioTransport::ReadRegister(uint64_t offset) const {
  switch (offset) {
    case kMagic:
      return kMagicValue;
    case kRegisterVersion:
      return kVersionValue;
    case kDeviceId:
      return device_.id();
    case kVendorId:
      return kVendorValue;
    case kDeviceFeatures:
      return Half(offered(), registers_.device_features_select);
    case kInterruptStatus:
      return interrupt_.status();
    case kStatus:
      return registers_.status | (interrupt_.failed() ? kNeedsReset : 0);
    case kSharedLengthLow:
    case kSharedLengthHigh:
    case kSharedBaseLow:
    case kSharedBaseHigh:
      return 0xffffffff;  // no shared memory region, whichever is asked for
    case kConfigGeneration:
      return interrupt_.generation();
    default:
      return ReadQueueRegister(offset);
  }
}

uint32_t MmioTransport::ReadQueueRegister(uint64_t offset) const {
  if (registers_.queue_select >= queue_count_) return 0;
  if (offset == kQueueSizeMax) return device_.queue_max_size(registers_.queue_select);
  if (offset == kQueueReady) return registers_.queues[registers_.queue_select].ready ? 1 : 0;
  return 0;
}

void MmioTransport::WriteRegister(uint64_t offset, uint32_t value) {
  switch (offset) {
    case kDeviceFeaturesSelect:
      registers_.device_features_select = value;
      return;
    case kDriverFeaturesSelect:
      registers_.driver_features_select = value;
      return;
    case kDriverFeatures:
      return WriteDriverFeatures(value);
    case kQueueSelect:
      registers_.queue_select = value;
      return;
    case kInterruptAcknowledge:
      return interrupt_.Acknowledge(value);
    case kStatus:
      return WriteStatus(value);
    default:
      return WriteQueueRegister(offset, value);
  }
}

void MmioTransport::WriteQueueRegister(uint64_t offset, uint32_t value) {
  if (registers_.queue_select >= queue_count_ || (registers_.status & kDriverOk) != 0) return;
  MmioState::QueueRegisters& queue = registers_.queues[registers_.queue_select];
  if (offset == kQueueReady) {
    queue.ready = value == 1;
    return;
  }
  if (queue.ready) return;
  switch (offset) {
    case kQueueSize:
      queue.size = value;
      return;
    case kQueueDescriptorsLow:
    case kQueueDescriptorsHigh:
      return SetHalf(queue.descriptors, offset == kQueueDescriptorsHigh ? 1 : 0, value);
    case kQueueDriverLow:
    case kQueueDriverHigh:
      return SetHalf(queue.driver, offset == kQueueDriverHigh ? 1 : 0, value);
    case kQueueDeviceLow:
    case kQueueDeviceHigh:
      return SetHalf(queue.device, offset == kQueueDeviceHigh ? 1 : 0, value);
    default:
      return;
  }
}

void MmioTransport::WriteDriverFeatures(uint32_t value) {
  if ((registers_.status & kFeaturesOk) == 0)
    SetHalf(registers_.driver_features, registers_.driver_features_select, value);
}

// Bits are only ever added, each after those it stands on; a driver that wants one to go resets. A
// bit that is refused is one that the driver does not read back.
void MmioTransport::WriteStatus(uint32_t value) {
  if (value == 0) return ResetAll();
  uint32_t& status = registers_.status;
  status |= value & (kAcknowledge | kDriver | kFailed);
  bool known = (registers_.driver_features & ~offered()) == 0;
  bool modern = (registers_.driver_features & kVersion1) != 0;
  bool introduced = (status & kAcknowledge) != 0 && (status & kDriver) != 0;
  if ((value & kFeaturesOk) != 0 && introduced && known && modern) status |= kFeaturesOk;
  bool starts = (value & kDriverOk) != 0 && (status & kDriverOk) == 0;
  if (starts && (status & kFeaturesOk) != 0 && (status & kFailed) == 0) {
    status |= kDriverOk;
    Activate();
  }
}

void MmioTransport::Activate() {
  Queues queues(queue_count_);
  for (size_t i = 0; i < queue_count_; ++i) {
    const MmioState::QueueRegisters& set = registers_.queues[i];
    if (!set.ready) continue;
    // A size that does not fit is no power of two either.
    auto size = static_cast<uint16_t>(set.size > UINT16_MAX ? 0 : set.size);
    auto queue = Queue::Create(memory_, {size, set.descriptors, set.driver, set.device},
                               device_.queue_max_size(i), registers_.driver_features);
    if (!queue.ok()) return interrupt_.Fail(queue.error());
    queues[i] = queue.TakeValue();
  }
  device_.Activate(registers_.driver_features, std::move(queues));
}

void MmioTransport::ResetAll() {
  // First, so that nothing that still ran can set a bit that is cleared already.
  device_.Reset();
  interrupt_.Clear();
  registers_ = MmioState{};
  registers_.queues.resize(queue_count_);
}

MmioState MmioTransport::Save() const {
  std::lock_guard lock(mutex_);
  MmioState state = registers_;
  state.interrupt_status = interrupt_.status();
  state.config_generation = interrupt_.generation();
  state.needs_reset = interrupt_.failed();
  return state;
}

Result<void> MmioTransport::Restore(const MmioState& state) {
  constexpr uint32_t kKnown = kAcknowledge | kDriver | kDriverOk | kFeaturesOk | kFailed;
  bool features = (state.driver_features & ~offered()) == 0 || (state.status & kFeaturesOk) == 0;
  if (state.queues.size() != queue_count_ || (state.status & ~kKnown) != 0 || !features)
    return Error(Code::kInvalidArgument,
                 "a saved transport is none of device " + std::to_string(device_.id()));
  std::lock_guard lock(mutex_);
  registers_ = state;
  registers_.interrupt_status = registers_.config_generation = 0;
  registers_.needs_reset = false;
  interrupt_.Restore(state.interrupt_status, state.config_generation, state.needs_reset);
  return {};
}

}  // namespace boxlite::virtio
