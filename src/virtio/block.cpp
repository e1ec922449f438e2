#include "virtio/block.h"

#include <utility>

#include "virtio/features.h"

namespace boxlite::virtio {
namespace {

// Section 5.2.3.
constexpr uint64_t kSizeMax = Feature(1);
constexpr uint64_t kSegMax = Feature(2);
constexpr uint64_t kReadOnly = Feature(5);
constexpr uint64_t kBlockSize = Feature(6);
constexpr uint64_t kFlush = Feature(9);
constexpr uint64_t kDiscard = Feature(13);
constexpr uint64_t kWriteZeroes = Feature(14);

constexpr size_t kTopologyAndCache = 12;   // of the configuration, which we do not offer
constexpr uint32_t kDiscardAlignment = 8;  // sectors: a page of the host's

}  // namespace

Result<std::unique_ptr<Block>> Block::Create(kvm::GuestMemory& memory, Interrupt& interrupt,
                                             IoPool& pool, Options options) {
  BlockFile file = BOXLITE_TRY(BlockFile::Create(std::move(options.file)));
  pool.Reserve(kQueueSize);
  return std::unique_ptr<Block>(
      new Block(memory, interrupt, pool, std::move(file), std::move(options)));
}

Block::Block(kvm::GuestMemory& memory, Interrupt& interrupt, IoPool& pool, BlockFile file,
             Options options)
    : memory_(memory),
      interrupt_(interrupt),
      pool_(pool),
      file_(std::move(file)),
      read_only_(options.read_only),
      id_(std::move(options.id)) {}

Block::~Block() {
  Stop();
}

uint64_t Block::features() const {
  uint64_t writable = kDiscard | kWriteZeroes;
  return kSizeMax | kSegMax | kBlockSize | kFlush | (read_only_ ? kReadOnly : writable);
}

uint16_t Block::queue_max_size(size_t index) const {
  return index == 0 ? kQueueSize : 0;
}

// Section 5.2.4.
void Block::ReadConfig(uint64_t offset, std::span<uint8_t> data) const {
  Bytes config;
  AppendLe<uint64_t>(config, file_.size() / kSectorSize);
  AppendLe<uint32_t>(config, BlockLimits::kMaxSegmentBytes);
  AppendLe<uint32_t>(config, BlockLimits::kMaxSegments);
  AppendLe<uint32_t>(config, 0);  // geometry, of which we know nothing
  AppendLe<uint32_t>(config, kSectorSize);
  config.resize(config.size() + kTopologyAndCache);
  AppendLe<uint32_t>(config, BlockLimits::kMaxDiscardSectors);
  AppendLe<uint32_t>(config, BlockLimits::kMaxDiscardRanges);
  AppendLe<uint32_t>(config, kDiscardAlignment);
  AppendLe<uint32_t>(config, BlockLimits::kMaxZeroSectors);
  AppendLe<uint32_t>(config, BlockLimits::kMaxZeroRanges);
  AppendLe<uint32_t>(config, 1);  // zeroing may give space back
  CopyConfig(config, offset, data);
}

void Block::WriteConfig(uint64_t, ByteSpan) {}

void Block::Activate(uint64_t features, Queues queues) {
  std::lock_guard lock(mutex_);
  queue_ = std::move(queues.at(0));
  write_through_ = (features & kFlush) == 0;
  running_ = queue_.has_value();
}

void Block::Kick(size_t index) {
  std::lock_guard lock(mutex_);
  if (index == 0 && running_) TakeRequests();
}

// One round takes no more than a ring's worth, so that a guest that is as fast as we are does not
// hold the thread: whatever is in flight comes here again when it ends.
void Block::TakeRequests() {
  queue_->DisableKicks();
  for (size_t i = 0; i < 2 * size_t{kQueueSize}; ++i) {
    Result<bool> taken = TakeRequest();
    if (!taken.ok()) {
      running_ = false;
      return interrupt_.Fail(taken.error());
    }
    if (!taken.value() && !queue_->EnableKicks()) return;
  }
}

// False where no request waits.
Result<bool> Block::TakeRequest() {
  std::optional<Chain> chain = BOXLITE_TRY(queue_->Pop());
  if (!chain) return false;
  BlockRequest request = BOXLITE_TRY(BlockRequest::Parse(memory_, std::move(*chain)));
  ++in_flight_;
  if (pool_.Submit([this, job = std::move(request)] { Run(job); })) return true;
  --in_flight_;
  return Error(Code::kStopped, "the threads of disk " + id_ + " have ended");
}

void Block::Run(const BlockRequest& request) {
  BlockTarget target{memory_, file_, file_.size() / kSectorSize, read_only_, false, id_};
  bool begin = false;
  {
    std::lock_guard lock(mutex_);
    begin = running_;
    target.write_through = write_through_;
  }
  BlockOutcome outcome;
  if (begin) outcome = Perform(target, request);
  std::lock_guard lock(mutex_);
  if (begin && running_) Finish(request.head, outcome.written);
  // With the lock held: who waits may destroy this object once it has seen the zero.
  if (--in_flight_ == 0) idle_.notify_all();
}

void Block::Finish(uint16_t head, uint32_t written) {
  queue_->Push(head, written);
  // The event index makes one interrupt of what ends while the driver is busy with the ones before.
  if (queue_->NeedsInterrupt()) interrupt_.SignalUsedBuffer();
  TakeRequests();
}

void Block::Reset() {
  Stop();
}

void Block::Stop() {
  std::unique_lock lock(mutex_);
  running_ = false;
  idle_.wait(lock, [this] { return in_flight_ == 0; });
  queue_.reset();
}

BlockState Block::Save() const {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return in_flight_ == 0; });
  BlockState state;
  if (running_) state.queue = queue_->Save(0);
  return state;
}

Result<void> Block::Restore(const BlockState& state) {
  if (!state.queue) return {};
  Queue queue = BOXLITE_TRY(Queue::Restore(memory_, *state.queue, kQueueSize));
  std::lock_guard lock(mutex_);
  write_through_ = (state.queue->features & kFlush) == 0;
  queue_ = std::move(queue);
  running_ = true;
  return {};
}

}  // namespace boxlite::virtio
