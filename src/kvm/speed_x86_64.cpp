#include "kvm/speed_x86_64.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/sys.h"
#include "kvm/guest_memory.h"

namespace boxlite::kvm {
namespace {

constexpr uint64_t kMemory = 2 * 1024 * 1024;
constexpr uint64_t kCode = 0x1000;
// Counts ECX down, then halts; in real mode:   1: dec %ecx; jnz 1b; hlt
constexpr uint8_t kLoop[] = {0x66, 0x49, 0x75, 0xfc, 0xf4};

// Rounds of the loop: an interpreting host takes a millisecond for so few. Another host gets as
// many as take it a millisecond, beside which entering the guest is nothing.
constexpr uint64_t kFewest = 2000, kMost = 2'000'000;
constexpr int64_t kWantedNs = 1'000'000;

// Whatever else the host does meanwhile can only make a time longer, so that the best counts.
constexpr int kAttempts = 3;

// A vCPU of its own machine, without interrupt controllers, so that a halt comes to us.
class Probe {
 public:
  static Result<Probe> Create(const Host& host) {
    Probe probe;
    probe.memory_ = BOXLITE_TRY(GuestMemory::Create(kMemory));
    probe.vm_ = UniqueFd(
        BOXLITE_TRY(sys::Ioctl(host.fd(), KVM_CREATE_VM, 0, "/dev/kvm: create a virtual machine")));
    if (!probe.memory_->Write(kCode, kLoop)) return Error(Code::kInternal, "no room for a loop");
    const auto& region = probe.memory_->regions().front();
    kvm_userspace_memory_region slot{};
    slot.memory_size = region.size;
    // SAFETY: KVM itself translates and checks what the guest touches.
    slot.userspace_addr = reinterpret_cast<uint64_t>(region.host);
    BOXLITE_TRY(
        sys::Ioctl(probe.vm_.get(), KVM_SET_USER_MEMORY_REGION, &slot, "/dev/kvm: give it memory"));
    probe.vcpu_ = UniqueFd(BOXLITE_TRY(
        sys::Ioctl(probe.vm_.get(), KVM_CREATE_VCPU, 0, "/dev/kvm: create a virtual processor")));
    BOXLITE_TRY(probe.EnterRealMode());
    return probe;
  }

  // Nanoseconds that the guest takes to count down from `count`.
  Result<int64_t> Time(uint64_t count) {
    kvm_regs registers{};
    registers.rip = kCode;
    registers.rflags = 2;
    registers.rcx = count;
    BOXLITE_TRY(sys::Ioctl(vcpu_.get(), KVM_SET_REGS, &registers, "/dev/kvm: set registers"));
    int64_t before = MonotonicNs();
    // A signal of somebody else's, or a stop, interrupts the guest and not the count.
    while (::ioctl(vcpu_.get(), KVM_RUN, 0) < 0) {
      if (errno != EINTR) return sys::ErrnoError("/dev/kvm: run a loop");
    }
    int64_t took = MonotonicNs() - before;
    kvm_regs after{};
    BOXLITE_TRY(sys::Ioctl(vcpu_.get(), KVM_GET_REGS, &after, "/dev/kvm: read registers"));
    if (after.rcx != 0) return Error(Code::kUnsupported, "/dev/kvm: it does not run a loop");
    return took;
  }

 private:
  Result<void> EnterRealMode() {
    kvm_sregs special{};
    BOXLITE_TRY(sys::Ioctl(vcpu_.get(), KVM_GET_SREGS, &special, "/dev/kvm: read registers"));
    special.cs.base = special.cs.selector = 0;
    BOXLITE_TRY(sys::Ioctl(vcpu_.get(), KVM_SET_SREGS, &special, "/dev/kvm: set registers"));
    return {};
  }

  std::unique_ptr<GuestMemory> memory_;  // the machine's; it goes after it
  UniqueFd vm_, vcpu_;
};

int64_t TimeHere(uint64_t count) {
  int64_t before = MonotonicNs();
  asm volatile("1: dec %%ecx; jnz 1b" : "+c"(count) : : "cc");
  return MonotonicNs() - before;
}

template <typename Clock>
Result<double> BestOf(uint64_t rounds, Clock clock) {
  int64_t best = INT64_MAX;
  for (int attempt = 0; attempt < kAttempts; ++attempt)
    best = std::min(best, BOXLITE_TRY(Result<int64_t>(clock(rounds))));
  return static_cast<double>(std::max<int64_t>(1, best));
}

}  // namespace

Result<double> MeasureSpeed(const Host& host) {
  Probe probe = BOXLITE_TRY(Probe::Create(host));
  auto guest = [&probe](uint64_t count) { return probe.Time(count); };
  double fewest = BOXLITE_TRY(BestOf(kFewest, guest));
  auto wanted = static_cast<uint64_t>(kWantedNs / fewest * kFewest);
  uint64_t rounds = std::clamp(wanted, kFewest, kMost);
  double there = rounds == kFewest ? fewest : BOXLITE_TRY(BestOf(rounds, guest));
  double here = BOXLITE_TRY(BestOf(rounds, TimeHere));
  return std::min(here / there, 1.0);
}

}  // namespace boxlite::kvm
