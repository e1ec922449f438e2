#include "machine/kernel_command_line.h"

#include "machine/tsc.h"
#include "machine/virtio_slot.h"

namespace boxlite::machine {
namespace {

// A boot says nothing unless asked to: each line of the serial console takes the machine's time. An
// emergency is always told.
std::string Common(const MachineSpec& spec) {
  std::string line = "console=ttyS0 panic=-1 tsc=reliable no_timer_check";
  return line + (spec.whole_kernel_log ? " loglevel=7" : " quiet loglevel=1");
}

// What an emulated machine's kernel is better told. Two it would calibrate against the PIT, 100 ms
// each and wrong on a busy host: the local APIC's timer, which ticks at 1 GHz
// (guest-kernel/patches), and the TSC, which ticks as the host's; without the TSC the guest would
// keep time by counting ticks, and lose those that come late. And string instructions are slow:
// without REP_GOOD pages are cleared and copied by unrolled loops, as is what goes to and from user
// space.
std::string TcgCommandLine() {
  return "lapic_timer_khz=1000000 clearcpuid=rep_good tsc_early_khz=" +
         std::to_string(MeasureTscKhz());
}

}  // namespace

// Without a keyboard controller a triple fault restarts the machine.
std::string QemuKernelCommandLine(const MachineSpec& spec) {
  std::string line = Common(spec) + " reboot=t";
  if (spec.accelerator == Accelerator::kTcg) line += " " + TcgCommandLine();
  return line;
}

// The reset port restarts the machine (kvm/reset_port.h). The lock prefixes of the kernel's code
// are left as they are also on one vCPU: patching them out touches hundreds of pages that boxes
// share.
std::string KvmKernelCommandLine(const MachineSpec& spec) {
  std::string line = Common(spec) + " reboot=k noreplace-smp";
  // The kernel's devices are numbered in this order.
  line += " " + VirtioSlot::Announcement(Slot::kRootDisk);
  if (spec.scratch_disk) line += " " + VirtioSlot::Announcement(Slot::kScratchDisk);
  line += " " + VirtioSlot::Announcement(Slot::kRng);
  return line + " " + VirtioSlot::Announcement(Slot::kConsole);
}

}  // namespace boxlite::machine
