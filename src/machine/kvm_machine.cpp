#include "machine/kvm_machine.h"

#include <algorithm>

#include "kvm/layout.h"
#include "machine/kernel_command_line.h"
#include "virtio/block.h"
#include "virtio/console.h"
#include "virtio/rng.h"

namespace boxlite::machine {
namespace {

constexpr uint64_t kMib = 1024 * 1024;
constexpr size_t kDiskThreads = 2;
constexpr uint64_t kLeaveMs = 2000;  // for the vCPUs to come out of the guest
static_assert(VirtioSlot::InterruptOf(Slot::kRootDisk) < kvm::kIoApicPins);

const char* NameOf(Slot slot) {
  switch (slot) {
    case Slot::kConsole:
      return "the agent's console";
    case Slot::kRng:
      return "the entropy device";
    case Slot::kScratchDisk:
      return "the scratch disk";
    case Slot::kRootDisk:
      return "the root disk";
    default:
      return "a device";
  }
}

}  // namespace

Result<std::unique_ptr<Machine>> CreateKvmMachine(MachineParts parts, kvm::Host host) {
  return KvmMachine::Create(std::move(parts), std::move(host));
}

KvmMachine::KvmMachine(MachineParts parts, kvm::Host host)
    : parts_(std::move(parts)), host_(std::move(host)), reset_([this] {
        mailbox_->Put({Message::Kind::kResetAsked, {}});
      }) {}

Result<std::unique_ptr<Machine>> KvmMachine::Create(MachineParts parts, kvm::Host host) {
  std::unique_ptr<KvmMachine> machine(new KvmMachine(std::move(parts), std::move(host)));
  Result<void> loaded = machine->LoadGuest();
  if (!loaded.ok()) return loaded.TakeError().WithCode(Code::kEngine);
  return std::unique_ptr<Machine>(std::move(machine));
}

Result<void> KvmMachine::LoadGuest() {
  const MachineSpec& spec = parts_.spec;
  if (spec.cpus > host_->max_vcpus())
    return Error(Code::kInvalidArgument, "this host's KVM has at most " +
                                             std::to_string(host_->max_vcpus()) + " processors");
  memory_ = BOXLITE_TRY(kvm::GuestMemory::Create(spec.memory_mib / 2 * 2 * kMib));
  kvm::BootFiles files;
  files.kernel = spec.kernel.get();
  files.initramfs = spec.initramfs.get();
  files.command_line = KvmKernelCommandLine(spec);
  files.cpus = spec.cpus;
  entry_ = BOXLITE_TRY(kvm::LoadGuest(*memory_, files));
  return {};
}

Result<void> KvmMachine::BuildMachine() {
  vm_ = BOXLITE_TRY(kvm::Vm::Create(*host_, *memory_));
  BOXLITE_TRY(AddInterrupts());
  BOXLITE_TRY(AddPorts());
  BOXLITE_TRY(AddConsoleAndRng());
  BOXLITE_TRY(AddDisks());
  return BuildProcessors();
}

Result<void> KvmMachine::AddInterrupts() {
  interrupts_.emplace(
      [this](uint64_t address, uint32_t data) { vm_->SendInterrupt(address, data); });
  return registers_.Add(kvm::kIoApic, kvm::kIoApicSize, *interrupts_);
}

Result<void> KvmMachine::AddPorts() {
  serial_ = std::make_unique<kvm::SerialPort>(interrupts_->line(kvm::kSerialInterrupt),
                                              [this](uint8_t byte) { serial_relay_.Put(byte); });
  BOXLITE_TRY(ports_.Add(kvm::kSerialPort, kvm::kSerialPortSize, *serial_));
  return ports_.Add(kvm::kResetPort, kvm::kResetPortSize, reset_);
}

Result<void> KvmMachine::BuildProcessors() {
  uint32_t cpus = parts_.spec.cpus;
  for (uint32_t index = 0; index < cpus; ++index) {
    auto vcpu = BOXLITE_TRY(kvm::Vcpu::Create(*host_, *vm_, index, {ports_, registers_}));
    BOXLITE_TRY(kvm::SetUpVcpu(host_->fd(), vcpu->fd(), index, cpus));
    vcpus_.push_back(std::move(vcpu));
  }
  return kvm::SetBootRegisters(vcpus_.front()->fd(), *memory_, entry_);
}

// A guest that gets at this process finds neither another machine to make nor files to read.
void KvmMachine::CloseWhatBuiltIt() {
  host_.reset();
  parts_.spec.kernel.Reset();
  parts_.spec.initramfs.Reset();
}

// ---------------------------------------------------------------- devices

Result<void> KvmMachine::AddSlot(Slot slot, const VirtioSlot::MakeDevice& make) {
  auto make_told = [&](virtio::Interrupt& interrupt) {
    interrupt.TellFailures(
        [this, slot](const Error& reason, uint32_t number) { Report(slot, reason, number); });
    return make(interrupt);
  };
  slots_.push_back(
      BOXLITE_TRY(VirtioSlot::Create({*vm_, *memory_, registers_, *interrupts_}, slot, make_told)));
  return {};
}

// On whatever thread the device failed, under its locks.
void KvmMachine::Report(Slot slot, const Error& reason, uint32_t number) {
  std::string report =
      std::string(NameOf(slot)) + " stopped until it is reset: " + reason.message();
  if (number == virtio::Interrupt::kMaxTold) report += "; the next times are not told";
  mailbox_->Put({Message::Kind::kReport, {}, std::move(report)});
}

Result<void> KvmMachine::AddConsoleAndRng() {
  using Made = Result<std::unique_ptr<virtio::Device>>;
  BOXLITE_TRY(AddSlot(Slot::kConsole, [this](virtio::Interrupt& interrupt) -> Made {
    auto console = std::make_unique<virtio::Console>(*memory_, interrupt, agent_);
    agent_.Attach(console.get());
    return std::unique_ptr<virtio::Device>(std::move(console));
  }));
  return AddSlot(Slot::kRng, [this](virtio::Interrupt& interrupt) -> Made {
    return std::unique_ptr<virtio::Device>(std::make_unique<virtio::Rng>(*memory_, interrupt));
  });
}

Result<void> KvmMachine::AddDisks() {
  BOXLITE_TRY(AddDisk(Slot::kRootDisk, std::move(parts_.identity.root_disk), true));
  if (!parts_.spec.scratch_disk) return {};
  return AddDisk(Slot::kScratchDisk, std::move(parts_.identity.scratch_disk), false);
}

Result<void> KvmMachine::AddDisk(Slot slot, UniqueFd file, bool read_only) {
  using Made = Result<std::unique_ptr<virtio::Device>>;
  return AddSlot(slot, [&](virtio::Interrupt& interrupt) -> Made {
    virtio::Block::Options options;
    options.file = std::move(file);
    options.read_only = read_only;
    auto disk = BOXLITE_TRY(virtio::Block::Create(*memory_, interrupt, *pool_, std::move(options)));
    return std::unique_ptr<virtio::Device>(std::move(disk));
  });
}

// ---------------------------------------------------------------- life

Result<void> KvmMachine::Start(loop::Loop& loop, MachineEvents events) {
  events_ = std::move(events);
  BOXLITE_TRY(kvm::PrepareForKicks());
  auto on_thread = events_.on_thread ? events_.on_thread : [](ThreadKind) {};
  pool_ = BOXLITE_TRY(
      virtio::IoPool::Create(kDiskThreads, [on_thread] { on_thread(ThreadKind::kDisk); }));
  Result<void> built = BuildMachine();
  if (!built.ok()) return built.TakeError().WithCode(Code::kEngine);
  CloseWhatBuiltIt();
  answers_ = std::make_unique<Answers>(loop);
  deadline_ = std::make_unique<loop::Timer>(loop, [this] {
    end_->detail += end_->detail.empty() ? "" : "; ";
    end_->detail += "a virtual processor does not leave the guest";
    left_ = vcpus_.size();
    FinishWhenLeft();
  });
  pause_deadline_ = std::make_unique<loop::Timer>(loop, [this] {
    AnswerPauses(Error(Code::kTimeout, "a virtual processor does not leave the guest"));
  });
  mailbox_ = BOXLITE_TRY(loop::Mailbox<Message>::Create(
      loop, [this](std::vector<Message> messages) { OnMessages(std::move(messages)); }));
  BOXLITE_TRY(serial_relay_.Start(loop, events_.on_console));
  for (const auto& slot : slots_) BOXLITE_TRY(slot->Start(loop));
  return StartProcessors();
}

Result<void> KvmMachine::StartProcessors() {
  gate_ = std::make_unique<kvm::RunGate>(static_cast<uint32_t>(vcpus_.size()), [this] {
    mailbox_->Put({Message::Kind::kParked, {}});
  });
  for (const auto& vcpu : vcpus_) {
    kvm::VcpuEvents events;
    events.on_thread = [on_thread = events_.on_thread] {
      if (on_thread) on_thread(ThreadKind::kVcpu);
    };
    events.on_end = [this](kvm::VcpuEnd end) {
      mailbox_->Put({Message::Kind::kVcpuEnded, std::move(end)});
    };
    BOXLITE_TRY(vcpu->Start(*gate_, std::move(events)));
  }
  return {};
}

KvmMachine::~KvmMachine() {
  if (gate_) LeaveGuest();
}

void KvmMachine::Run() {
  running_ = true;
  if (!paused_) gate_->Open();
}

Result<std::unique_ptr<loop::ByteStream>> KvmMachine::OpenAgentStream(loop::Loop& loop,
                                                                      loop::StreamHandler& handler,
                                                                      size_t pending_limit) {
  return std::unique_ptr<loop::ByteStream>(
      std::make_unique<AgentStream>(loop, agent_, handler, pending_limit));
}

void KvmMachine::Pause(Completion done) {
  if (ended_) return answers_->Later(std::move(done), Error(Code::kStopped, "the machine ended"));
  paused_ = true;
  pauses_.push_back(std::move(done));
  pause_deadline_->Start(kLeaveMs);
  gate_->Hold();
  for (const auto& vcpu : vcpus_) vcpu->Kick();
  // They may wait already, and then nobody else says so.
  mailbox_->Put({Message::Kind::kParked, {}});
}

void KvmMachine::OnParked() {
  if (gate_->parked()) AnswerPauses({});
}

void KvmMachine::AnswerPauses(const Result<void>& how) {
  pause_deadline_->Cancel();
  std::vector<Completion> pauses;
  pauses.swap(pauses_);
  for (const Completion& done : pauses) done(how);
}

void KvmMachine::Resume(Completion done) {
  paused_ = false;
  for (Completion& pause : pauses_)
    answers_->Later(std::move(pause), Error(Code::kInvalidState, "the machine was resumed"));
  pauses_.clear();
  if (running_) gate_->Open();
  answers_->Later(std::move(done), {});
}

void KvmMachine::Save(UniqueFd, Completion done) {
  answers_->Later(std::move(done), Unsupported("saving", "kvm"));
}

void KvmMachine::Restore(UniqueFd, Completion done) {
  answers_->Later(std::move(done), Unsupported("restoring", "kvm"));
}

void KvmMachine::Stop() {
  End({EndKind::kReset, ""});
}

void KvmMachine::OnMessages(std::vector<Message> messages) {
  for (Message& message : messages) {
    if (message.kind == Message::Kind::kParked) {
      OnParked();
    } else if (message.kind == Message::Kind::kResetAsked) {
      End({EndKind::kReset, ""});
    } else if (message.kind == Message::Kind::kReport) {
      if (!ended_ && events_.on_report) events_.on_report(message.report);
    } else {
      ++left_;
      EndKind kind =
          message.end.kind == kvm::VcpuEndKind::kFailed ? EndKind::kFailed : EndKind::kReset;
      End({kind, std::move(message.end.detail)});
    }
  }
  FinishWhenLeft();
}

// The first reason is the machine's.
void KvmMachine::End(MachineEnd end) {
  if (end_) return;
  end_ = std::move(end);
  LeaveGuest();
  deadline_->Start(kLeaveMs);
}

void KvmMachine::LeaveGuest() {
  gate_->Close();
  for (const auto& vcpu : vcpus_) vcpu->Kick();
}

void KvmMachine::FinishWhenLeft() {
  if (left_ < vcpus_.size() || ended_) return;
  ended_ = true;
  deadline_->Cancel();
  AnswerPauses(Error(Code::kStopped, "the machine has ended"));
  serial_relay_.Deliver();
  events_.on_ended(*end_);
}

}  // namespace boxlite::machine
