#include "kvm/vcpu.h"

#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/sys.h"

namespace boxlite::kvm {
namespace {

constexpr uint32_t kJoinMs = 10'000;

void OnKick(int) {}

// All signals but the kick, which has to interrupt KVM_RUN, and that of the system-call filter,
// which cannot wait.
void BlockSignals() {
  sigset_t set;
  ::sigfillset(&set);
  ::sigdelset(&set, KickSignal());
  ::sigdelset(&set, SIGSYS);
  ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

VcpuEnd Failed(std::string detail) {
  return {VcpuEndKind::kFailed, std::move(detail)};
}

std::unique_ptr<VcpuEnd> End(VcpuEndKind kind, std::string detail) {
  return std::make_unique<VcpuEnd>(VcpuEnd{kind, std::move(detail)});
}

}  // namespace

int KickSignal() {
  return SIGRTMIN;
}

Result<void> PrepareForKicks() {
  struct sigaction action {};
  action.sa_handler = OnKick;  // No SA_RESTART: the call that it interrupts ends.
  if (::sigaction(KickSignal(), &action, nullptr) < 0) return sys::ErrnoError("catch kicks");
  return {};
}

Result<std::unique_ptr<Vcpu>> Vcpu::Create(const Host& host, const Vm& vm, uint32_t index,
                                           Buses buses) {
  std::unique_ptr<Vcpu> vcpu(new Vcpu(index, buses));
  vcpu->fd_ = BOXLITE_TRY(vm.CreateVcpu(index));
  void* run = ::mmap(nullptr, host.run_size(), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd(), 0);
  if (run == MAP_FAILED) return sys::ErrnoError("/dev/kvm: map a virtual processor");
  vcpu->run_ = static_cast<kvm_run*>(run);
  vcpu->run_size_ = host.run_size();
  return vcpu;
}

Vcpu::~Vcpu() {
  // It was kicked; a thread that does not come back would touch what goes away now.
  BOXLITE_CHECK(Join(kJoinMs));
  if (run_) ::munmap(run_, run_size_);
}

Result<void> Vcpu::Start(RunGate& gate, VcpuEvents events) {
  gate_ = &gate;
  events_ = std::move(events);
  int failure = ::pthread_create(&thread_, nullptr, ThreadMain, this);
  if (failure != 0) return sys::ErrnoError("start the thread of a virtual processor", failure);
  started_ = true;
  return {};
}

void Vcpu::Kick() {
  // Either the thread is in the guest and the signal ends that, or it will find the flag when it
  // enters. KVM reads the flag, nobody resets it: after a kick the gate decides.
  std::atomic_ref<uint8_t>(run_->immediate_exit).store(1);
  if (started_) ::pthread_kill(thread_, KickSignal());
}

bool Vcpu::Join(uint32_t timeout_ms) {
  if (!started_) return true;
  timespec deadline{};
  ::clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_sec += timeout_ms / 1000;
  deadline.tv_nsec += static_cast<long>(timeout_ms % 1000) * 1'000'000;
  if (deadline.tv_nsec >= 1'000'000'000) ++deadline.tv_sec, deadline.tv_nsec -= 1'000'000'000;
  bool joined = ::pthread_clockjoin_np(thread_, nullptr, CLOCK_MONOTONIC, &deadline) == 0;
  started_ = !joined;
  return joined;
}

void* Vcpu::ThreadMain(void* self) noexcept {
  auto* vcpu = static_cast<Vcpu*>(self);
  BlockSignals();
  ::pthread_setname_np(::pthread_self(), ("vcpu " + std::to_string(vcpu->index_)).c_str());
  vcpu->events_.on_thread();
  VcpuEnd end = vcpu->RunUntilEnd();
  vcpu->events_.on_end(std::move(end));
  return nullptr;
}

VcpuEnd Vcpu::RunUntilEnd() {
  while (gate_->Enter()) {
    std::atomic_ref<uint8_t>(run_->immediate_exit).store(0);
    // Held or closed in between: the flag may have been reset just after it was set.
    if (!gate_->open()) continue;
    for (;;) {
      if (::ioctl(fd_.get(), KVM_RUN, 0) == 0) {
        std::unique_ptr<VcpuEnd> end = HandleExit();
        if (end) return std::move(*end);
        continue;
      }
      if (errno == EINTR) break;
      // A processor that waits for its start is entered again; KVM says EAGAIN.
      if (errno == EAGAIN) continue;
      if (errno == EFAULT)
        return Failed(
            "KVM could not use the guest's memory; the kernel's file may have been cut short");
      return Failed(sys::ErrnoError("/dev/kvm: run the guest").message());
    }
  }
  return {VcpuEndKind::kLeft, ""};
}

std::unique_ptr<VcpuEnd> Vcpu::HandleExit() {
  switch (run_->exit_reason) {
    case KVM_EXIT_IO:
      HandlePort();
      break;
    case KVM_EXIT_MMIO:
      HandleMemory();
      break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
      break;
    case KVM_EXIT_HLT:  // Without an interrupt controller in KVM: nothing can wake it.
      return End(VcpuEndKind::kReset, "the guest halted its processor for good");
    case KVM_EXIT_SHUTDOWN:
      return End(VcpuEndKind::kReset, "the guest's processor gave up (triple fault)");
    case KVM_EXIT_SYSTEM_EVENT:
      return End(VcpuEndKind::kReset, "the guest asked KVM to end the machine");
    case KVM_EXIT_FAIL_ENTRY:
      return End(VcpuEndKind::kFailed,
                 "the host's processor refused the guest's state (hardware reason " +
                     std::to_string(run_->fail_entry.hardware_entry_failure_reason) + ")");
    case KVM_EXIT_INTERNAL_ERROR:
      return std::make_unique<VcpuEnd>(DescribeInternalError());
    default:
      return End(VcpuEndKind::kFailed, "KVM left the guest for a reason that is not known here (" +
                                           std::to_string(run_->exit_reason) + ")");
  }
  return nullptr;
}

void Vcpu::HandlePort() {
  const auto& io = run_->io;
  size_t size = io.size;
  // SAFETY: KVM puts the data into the page that it shares with us; we check what it says of it.
  bool inside = size >= 1 && size <= 4 && io.data_offset <= run_size_ &&
                io.count <= (run_size_ - io.data_offset) / size;
  if (!inside) return;
  auto* data = reinterpret_cast<uint8_t*>(run_) + io.data_offset;
  for (uint32_t i = 0; i < io.count; ++i, data += size) {
    if (io.direction == KVM_EXIT_IO_OUT) {
      buses_.ports.Write(io.port, {data, size});
    } else {
      buses_.ports.Read(io.port, {data, size});
    }
  }
}

void Vcpu::HandleMemory() {
  auto& mmio = run_->mmio;
  size_t size = std::min<size_t>(mmio.len, sizeof mmio.data);
  if (size == 0) return;
  if (mmio.is_write) {
    buses_.memory.Write(mmio.phys_addr, {mmio.data, size});
  } else {
    buses_.memory.Read(mmio.phys_addr, {mmio.data, size});
  }
}

VcpuEnd Vcpu::DescribeInternalError() const {
  const auto& internal = run_->internal;
  if (internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
    return Failed("the guest ran an instruction that KVM cannot emulate");
  return Failed("KVM failed inside (suberror " + std::to_string(internal.suberror) + ")");
}

}  // namespace boxlite::kvm
