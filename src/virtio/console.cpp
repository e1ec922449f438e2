#include "virtio/console.h"

#include <algorithm>
#include <utility>

#include "virtio/features.h"

namespace boxlite::virtio {
namespace {

constexpr uint64_t kMultiport = Feature(1);
constexpr uint32_t kPorts = 2;

// Section 5.3.2. Those of port 0 come first, then the two for control messages, then port 1's.
constexpr size_t kControlInput = 2;  // to the guest
constexpr size_t kControlOutput = 3;
constexpr size_t kPortInput = 4;  // to the guest
constexpr size_t kPortOutput = 5;

// Linux fills the queues to the guest with a page for each entry.
constexpr uint16_t kPortQueueSize = 64;
constexpr uint16_t kOtherQueueSize = 16;

// Chains that move nothing, or messages, in one go. No driver has reason to come near it, and one
// that feeds a ring without end must not hold a thread of the host's.
constexpr size_t kMaxIdleChains = 1024;

Error Endless() {
  return Error(Code::kInvalidArgument, "the driver keeps its console from ever resting");
}

}  // namespace

Console::Console(kvm::GuestMemory& memory, Interrupt& interrupt, PortListener& listener)
    : memory_(memory), interrupt_(interrupt), listener_(listener) {}

uint64_t Console::features() const {
  return kMultiport;
}

uint16_t Console::queue_max_size(size_t index) const {
  return index == kPortInput || index == kPortOutput ? kPortQueueSize : kOtherQueueSize;
}

void Console::ReadConfig(uint64_t offset, std::span<uint8_t> data) const {
  Bytes config;
  AppendLe<uint16_t>(config, 0);  // columns and rows, which a port without a terminal has not
  AppendLe<uint16_t>(config, 0);
  AppendLe<uint32_t>(config, kPorts);
  CopyConfig(config, offset, data);
}

void Console::WriteConfig(uint64_t, ByteSpan) {}

void Console::Activate(uint64_t, Queues queues) {
  std::lock_guard lock(mutex_);
  std::move(queues.begin(), queues.end(), queues_.begin());
}

void Console::Reset() {
  std::lock_guard lock(mutex_);
  Clear();
}

void Console::Clear() {
  for (auto& queue : queues_) queue.reset();
  output_.reset();
  consumed_ = 0;
  control_ = ConsoleControl();
}

void Console::Fail(const Error& error) {
  Clear();
  interrupt_.Fail(error);
}

void Console::SignalUsed(Queue& queue) {
  if (queue.NeedsInterrupt()) interrupt_.SignalUsedBuffer();
}

void Console::Kick(size_t index) {
  Wake wake = Wake::kNobody;
  {
    std::lock_guard lock(mutex_);
    wake = Kicked(index);
  }
  if (wake == Wake::kReader) listener_.OnReadable();
  if (wake == Wake::kWriter) listener_.OnWritable();
}

Console::Wake Console::Kicked(size_t index) {
  if (index >= queues_.size() || !queues_[index]) return Wake::kNobody;
  if (index == kPortOutput) return Wake::kReader;
  if (index == kPortInput) return control_.guest_open() ? Wake::kWriter : Wake::kNobody;
  if (index != kControlInput && index != kControlOutput) return Wake::kNobody;
  bool was_open = control_.guest_open();
  ServeControl();
  return control_.guest_open() && !was_open ? Wake::kWriter : Wake::kNobody;
}

// Messages of the guest's wait in their ring while the answers to those before wait for buffers.
void Console::ServeControl() {
  if (!queues_[kControlInput] || !queues_[kControlOutput]) return;
  Queue& input = *queues_[kControlInput];
  Queue& output = *queues_[kControlOutput];
  size_t budget = kMaxIdleChains;
  Result<void> served;
  for (bool more = true; served.ok() && more;) {
    uint16_t before = output.taken();
    served = SendMessages(input, budget);
    if (served.ok()) served = TakeMessages(output, budget);
    more = output.taken() != before;
  }
  if (!served.ok()) return Fail(served.error());
  SignalUsed(input);
  SignalUsed(output);
}

Result<void> Console::TakeMessages(Queue& queue, size_t& budget) {
  for (; control_.HasRoom() && budget > 0; --budget) {
    std::optional<Chain> chain = BOXLITE_TRY(queue.Pop());
    if (!chain) {
      if (!queue.EnableKicks()) return {};
      continue;
    }
    std::array<uint8_t, ConsoleControl::kMessageSize> message{};
    size_t size = CopyFrom(memory_, chain->readable(), 0, message);
    control_.Handle(ByteSpan(message).first(size));
    queue.Push(chain->head, 0);
  }
  return budget > 0 ? Result<void>() : Result<void>(Endless());
}

Result<void> Console::SendMessages(Queue& queue, size_t& budget) {
  for (; !control_.empty() && budget > 0; --budget) {
    std::optional<Chain> chain = BOXLITE_TRY(queue.Pop());
    if (!chain) {
      if (!queue.EnableKicks()) return {};
      continue;
    }
    Bytes message = control_.Encode();
    if (chain->writable_bytes < message.size())
      return Error(Code::kInvalidArgument, "the driver's buffers are too small for a message");
    queue.Push(chain->head, static_cast<uint32_t>(CopyTo(memory_, chain->writable(), message)));
    control_.Sent();
  }
  return budget > 0 ? Result<void>() : Result<void>(Endless());
}

size_t Console::Read(std::span<uint8_t> into) {
  std::lock_guard lock(mutex_);
  size_t copied = 0;
  if (!queues_[kPortOutput]) return copied;
  Queue& queue = *queues_[kPortOutput];
  size_t idle = 0;
  while (copied < into.size() && NextOutput(queue)) {
    size_t count = CopyFrom(memory_, output_->readable(), consumed_, into.subspan(copied));
    copied += count;
    consumed_ += count;
    if (consumed_ >= output_->readable_bytes) {
      queue.Push(output_->head, 0);
      output_.reset();
      consumed_ = 0;
    }
    if (count == 0 && ++idle > kMaxIdleChains) {
      Fail(Endless());
      break;
    }
  }
  if (queues_[kPortOutput]) SignalUsed(queue);
  return copied;
}

// False where nothing is there, and the driver kicks when there is; or where it broke the protocol.
bool Console::NextOutput(Queue& queue) {
  for (size_t i = 0; !output_ && i < kMaxIdleChains; ++i) {
    auto popped = queue.Pop();
    if (!popped.ok()) {
      Fail(popped.error());
      return false;
    }
    output_ = popped.TakeValue();
    if (output_) queue.DisableKicks();
    if (!output_ && !queue.EnableKicks()) return false;
  }
  return output_.has_value();
}

size_t Console::Write(ByteSpan bytes) {
  std::lock_guard lock(mutex_);
  if (!queues_[kPortInput] || !control_.guest_open()) return 0;
  Queue& queue = *queues_[kPortInput];
  size_t written = Fill(queue, bytes);
  if (queues_[kPortInput]) SignalUsed(queue);
  return written;
}

size_t Console::Fill(Queue& queue, ByteSpan bytes) {
  queue.DisableKicks();
  size_t written = 0;
  size_t idle = 0;
  while (written < bytes.size()) {
    auto popped = queue.Pop();
    if (!popped.ok()) {
      Fail(popped.error());
      break;
    }
    size_t count = 0;
    if (const std::optional<Chain>& chain = popped.value()) {
      count = CopyTo(memory_, chain->writable(), bytes.subspan(written));
      queue.Push(chain->head, static_cast<uint32_t>(count));
      written += count;
    } else if (!queue.EnableKicks()) {
      break;
    }
    if (count == 0 && ++idle > kMaxIdleChains) {
      Fail(Endless());
      break;
    }
  }
  return written;
}

ConsoleState Console::Save() const {
  std::lock_guard lock(mutex_);
  ConsoleState state;
  for (size_t i = 0; i < queues_.size(); ++i)
    if (queues_[i]) state.queues[i] = queues_[i]->Save(i == kPortOutput && output_ ? 1 : 0);
  state.consumed = consumed_;
  state.control = control_.Save();
  return state;
}

Result<void> Console::Restore(const ConsoleState& state) {
  std::lock_guard lock(mutex_);
  Result<void> restored = RestoreAll(state);
  if (!restored.ok()) Clear();
  return restored;
}

Result<void> Console::RestoreAll(const ConsoleState& state) {
  BOXLITE_TRY(control_.Restore(state.control));
  for (size_t i = 0; i < queues_.size(); ++i)
    if (state.queues[i])
      queues_[i] = BOXLITE_TRY(Queue::Restore(memory_, *state.queues[i], queue_max_size(i)));
  consumed_ = state.consumed;
  return {};
}

}  // namespace boxlite::virtio
