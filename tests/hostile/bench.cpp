#include "hostile/bench.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <latch>

#include "base/sys.h"
#include "kvm/layout.h"
#include "virtio/block.h"
#include "virtio/rng.h"

namespace boxlite::hostile_test {
namespace {

constexpr uint64_t kDiskSize = 256 * 1024;
constexpr uint64_t kMultiport = virtio::Feature(1);
constexpr uint16_t kDeviceReady = 0, kPortReady = 3, kPortOpen = 6;

Op OpFor(Op first, size_t width) {
  uint32_t step = width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3;
  return static_cast<Op>(static_cast<uint32_t>(first) + step);
}

Result<UniqueFd> MakeSmallDisk() {
  Bytes content(kDiskSize);
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<uint8_t>(i % 251);
  return sys::MemoryFile("disk", content);
}

}  // namespace

// ---------------------------------------------------------------- the host's side

void Agent::OnReadable() {
  std::array<uint8_t, 4096> space{};
  size_t size = 0;
  do {
    size = console->Read(space);
    heard += AsText(ByteSpan(space).first(size));
  } while (size == space.size());
}

void Agent::OnWritable() {
  pending_.erase(0, console->Write(AsBytes(pending_)));
}

void Agent::Say(std::string_view text) {
  pending_ = text;
  OnWritable();
}

Result<std::unique_ptr<Bench>> Bench::Create(UniqueFd disk) {
  std::unique_ptr<Bench> bench(new Bench);
  bench->disk_ = disk ? std::move(disk) : BOXLITE_TRY(MakeSmallDisk());
  bench->machine_ = BOXLITE_TRY(RawMachine::Create(kMaxRawCpus));
  bench->loop_ = BOXLITE_TRY(loop::Loop::Create());
  using Tasks = loop::Mailbox<std::function<void()>>;
  bench->tasks_ =
      BOXLITE_TRY(Tasks::Create(*bench->loop_, [](const std::vector<std::function<void()>>& tasks) {
        for (const auto& task : tasks) task();
      }));
  bench->pool_ = BOXLITE_TRY(virtio::IoPool::Create(kDiskThreads, [] {}));
  bench->pool_->Reserve(kDiskThreads);  // for SettleDisk
  BOXLITE_TRY(bench->AddDevices());
  for (const auto& slot : bench->slots_) BOXLITE_TRY(slot->Start(*bench->loop_));
  bench->thread_ = std::thread([loop = bench->loop_.get()] { loop->Run(); });
  BOXLITE_TRY(bench->machine_->Start());
  return bench;
}

Result<void> Bench::AddDevices() {
  using Made = Result<std::unique_ptr<virtio::Device>>;
  UniqueFd file = BOXLITE_TRY(sys::Duplicate(disk_.get()));
  machine::VirtioSlot::Places places{machine_->vm(), memory(), machine_->registers(),
                                     machine_->interrupts()};
  auto add = [&](machine::Slot slot, const machine::VirtioSlot::MakeDevice& make) -> Result<void> {
    slots_.push_back(BOXLITE_TRY(machine::VirtioSlot::Create(places, slot, make)));
    return {};
  };
  BOXLITE_TRY(add(machine::Slot::kConsole, [this](virtio::Interrupt& interrupt) -> Made {
    auto console = std::make_unique<virtio::Console>(memory(), interrupt, agent_);
    agent_.console = console.get();
    return std::unique_ptr<virtio::Device>(std::move(console));
  }));
  BOXLITE_TRY(add(machine::Slot::kRng, [this](virtio::Interrupt& interrupt) -> Made {
    return std::unique_ptr<virtio::Device>(std::make_unique<virtio::Rng>(memory(), interrupt));
  }));
  return add(machine::Slot::kScratchDisk, [&](virtio::Interrupt& interrupt) -> Made {
    virtio::Block::Options options;
    options.file = std::move(file);
    auto disk = BOXLITE_TRY(virtio::Block::Create(memory(), interrupt, *pool_, std::move(options)));
    return std::unique_ptr<virtio::Device>(std::move(disk));
  });
}

Bench::~Bench() {
  if (machine_) machine_->Leave();
  if (!thread_.joinable()) return;
  tasks_->Put([this] { loop_->Stop(); });
  thread_.join();
}

void Bench::OnLoop(const std::function<void()>& task) {
  auto done = std::make_shared<std::promise<void>>();  // The loop may come to it after we gave up.
  tasks_->Put([done, task] {
    task();
    done->set_value();
  });
  ASSERT_EQ(done->get_future().wait_for(kPatience), std::future_status::ready)
      << "the loop's thread does not come to it";
}

void Bench::Settle() {
  for (int i = 0; i < 3; ++i) OnLoop([] {});
}

// Jobs are begun in their order, and each thread is held by one of these until all have begun.
void Bench::SettleDisk() {
  auto threads = std::make_shared<std::latch>(kDiskThreads + 1);
  for (size_t i = 0; i < kDiskThreads; ++i)
    ASSERT_TRUE(pool_->Submit([threads] { threads->arrive_and_wait(); }));
  threads->arrive_and_wait();
}

void Bench::Say(std::string_view text) {
  OnLoop([this, text = std::string(text)] { agent_.Say(text); });
}

std::string Bench::Heard() {
  std::string heard;
  OnLoop([this, &heard] { heard = agent_.heard; });
  return heard;
}

// ---------------------------------------------------------------- the guest's side

GuestRegisters::GuestRegisters(RawMachine& machine, machine::Slot slot, uint32_t cpu)
    : machine_(machine),
      base_(kvm::kMmioStart + static_cast<uint64_t>(slot) * kvm::kMmioSize),
      cpu_(cpu) {}

void GuestRegisters::Read(uint64_t offset, std::span<uint8_t> data) {
  Script done = machine_.Run({{OpFor(Op::kRead8, data.size()), 0, base_ + offset, 0, 0}}, cpu_);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<uint8_t>(done.at(0).result >> (8 * i));
}

void GuestRegisters::Write(uint64_t offset, ByteSpan data) {
  uint64_t value = 0;
  for (size_t i = 0; i < data.size(); ++i) value |= uint64_t{data[i]} << (8 * i);
  machine_.Run({{OpFor(Op::kWrite8, data.size()), 0, base_ + offset, value, 0}}, cpu_);
}

Driver::Driver(Bench& bench, const Target& target, uint32_t cpu)
    : bench_(bench),
      target_(target),
      rings_(kRings + cpu * kCpuSpace),
      buffers_(kBuffers + cpu * kCpuSpace),
      guest_(bench.machine(), target.slot, cpu) {}

void Driver::Introduce() {
  bool console = target_.slot == machine::Slot::kConsole;
  registers_.Write(kStatus, 0);
  EXPECT_EQ(Status(), 0u);
  EXPECT_TRUE(bench_.memory().Write(rings_, Bytes(QueueCount() * kRingSpace)));
  queues_.clear();
  for (size_t i = 0; i < QueueCount(); ++i) {
    bool port = i == kPortInput || i == kPortOutput;
    uint16_t size = !console ? target_.size : port ? 64 : 16;
    queues_.emplace_back(bench_.memory(), rings_ + i * kRingSpace, size);
  }
  registers_.Negotiate(virtio::kTransportFeatures | (console ? kMultiport : 0));
  for (size_t i = 0; i < QueueCount(); ++i)
    registers_.SetQueue(static_cast<uint32_t>(i), queues_[i].config());
}

void Driver::Start() {
  Introduce();
  registers_.DriverOk();
  EXPECT_EQ(Status(), kAllOk);
  bool port = target_.queue == kPortInput || target_.queue == kPortOutput;
  if (target_.slot == machine::Slot::kConsole && port) OpenPort();
}

void Driver::SendControl(uint32_t port, uint16_t event) {
  const uint64_t message_at = buffers_ + 0x8000;
  Bytes message;
  AppendLe<uint32_t>(message, port);
  AppendLe<uint16_t>(message, event);
  AppendLe<uint16_t>(message, 1);
  virtio::Put(bench_.memory(), message_at, message);
  queues_[kControlOutput].Add({{message_at, 8, false}});
  Kick(kControlOutput);
  bench_.Settle();
}

void Driver::OpenPort() {
  for (uint64_t i = 0; i < 4; ++i)
    queues_[kControlInput].Add({{buffers_ + i * kvm::kPageSize, kvm::kPageSize, true}});
  Kick(kControlInput);
  SendControl(0, kDeviceReady);
  SendControl(1, kPortReady);
  SendControl(1, kPortOpen);
}

void Driver::Provoke() {
  if (target_.slot == machine::Slot::kConsole && target_.queue == kControlInput)
    SendControl(0, kDeviceReady);
  Kick(target_.queue);
  bench_.Settle();
  if (target_.slot == machine::Slot::kConsole && target_.queue == kPortInput) bench_.Say("x");
}

bool Driver::Fails() {
  constexpr uint32_t kConfigChange = 2;
  return Eventually([this] { return (Status() & kNeedsReset) != 0; }) &&
         (registers_.Read(kInterruptStatus) & kConfigChange) != 0;
}

testing::AssertionResult Driver::Works() {
  Introduce();
  registers_.DriverOk();
  bool works = target_.slot == machine::Slot::kConsole ? ConsoleWorks()
               : target_.slot == machine::Slot::kRng   ? RngWorks()
                                                       : BlockWorks();
  if (works && Status() == kAllOk) return testing::AssertionSuccess();
  return testing::AssertionFailure() << target_.name << " does not work, status " << Status();
}

bool Driver::ConsoleWorks() {
  const uint64_t said = buffers_ + 0x10000, heard = buffers_ + 0x11000;
  OpenPort();
  size_t before = bench_.Heard().size();
  virtio::Put(bench_.memory(), said, AsBytes("from the guest"));
  queues_[kPortOutput].Add({{said, 14, false}});
  Kick(kPortOutput);
  if (!Eventually([&] { return bench_.Heard().substr(before) == "from the guest"; })) return false;
  queues_[kPortInput].Add({{heard, 64, true}});
  Kick(kPortInput);
  bench_.Settle();
  // What it was told before it was reset may come first.
  bench_.Say("to the guest");
  std::optional<virtio::Used> used;
  if (!Eventually([&] { return (used = queues_[kPortInput].NextUsed()).has_value(); }))
    return false;
  std::string text(AsText(virtio::Get(bench_.memory(), heard, used->written)));
  return text == "to the guest" || text == "x";
}

bool Driver::BlockWorks() {
  const uint64_t header_at = buffers_, data = buffers_ + 0x1000, done = buffers_ + 0x2000;
  constexpr uint64_t kSector = 3;
  Bytes header;
  AppendLe<uint64_t>(header, 0);
  AppendLe<uint64_t>(header, kSector);
  virtio::Put(bench_.memory(), header_at, header);
  virtio::Put(bench_.memory(), done, Bytes{0xee});
  queue().Add({{header_at, 16, false}, {data, 512, true}, {done, 1, true}});
  Kick(0);
  if (!Eventually([this] { return queue().used_index() == 1; })) return false;
  Bytes expected(512);
  auto read = sys::ReadAt(bench_.disk(), expected.data(), expected.size(), kSector * 512);
  return read.ok() && virtio::Get(bench_.memory(), done, 1)[0] == 0 &&
         virtio::Get(bench_.memory(), data, 512) == expected;
}

bool Driver::RngWorks() {
  virtio::Put(bench_.memory(), buffers_, Bytes(64));
  queue().Add({{buffers_, 64, true}});
  Kick(0);
  if (!Eventually([this] { return queue().used_index() == 1; })) return false;
  return queue().NextUsed()->written == 64 &&
         virtio::Get(bench_.memory(), buffers_, 64) != Bytes(64);
}

}  // namespace boxlite::hostile_test
