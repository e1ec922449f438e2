#include "kvm/vm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <string>

#include "base/sys.h"
#include "kvm/vm_x86_64.h"

namespace boxlite::kvm {
namespace {

struct Need {
  int capability;
  const char* name;
};

constexpr Need kNeeds[] = {
    {KVM_CAP_USER_MEMORY, "user memory"},
    {KVM_CAP_IOEVENTFD, "ioeventfd"},
    {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
    {KVM_CAP_SPLIT_IRQCHIP, "local APICs without an I/O APIC"},
    {KVM_CAP_SIGNAL_MSI, "message interrupts"},
    {KVM_CAP_MP_STATE, "processor states"},
};

Result<UniqueFd> OpenDevice() {
  auto opened = sys::Open("/dev/kvm", O_RDWR);
  if (opened.ok()) return opened;
  Error error = opened.TakeError();
  const char* hint = error.code() == Code::kPermission
                         ? "add the user to the group that owns /dev/kvm, mostly kvm"
                         : "switch on virtualization in the firmware, or use the qemu engine";
  return std::move(error).WithHint(hint);
}

}  // namespace

Result<Host> Host::Open() {
  Host host;
  host.fd_ = BOXLITE_TRY(OpenDevice());
  int fd = host.fd_.get();
  int version = BOXLITE_TRY(sys::Ioctl(fd, KVM_GET_API_VERSION, 0, "/dev/kvm: its version"));
  if (version != KVM_API_VERSION)
    return Error(Code::kUnsupported,
                 "/dev/kvm: its version is " + std::to_string(version) + ", it has to be 12");
  for (const Need& need : kNeeds) {
    int there = BOXLITE_TRY(
        sys::Ioctl(fd, KVM_CHECK_EXTENSION, static_cast<uint64_t>(need.capability), "/dev/kvm"));
    if (there == 0)
      return Error(Code::kUnsupported, std::string("/dev/kvm: this kernel has no ") + need.name);
  }
  host.run_size_ = static_cast<size_t>(
      BOXLITE_TRY(sys::Ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0, "/dev/kvm: the size of a vCPU")));
  host.max_vcpus_ = static_cast<uint32_t>(
      BOXLITE_TRY(sys::Ioctl(fd, KVM_CHECK_EXTENSION, uint64_t{KVM_CAP_MAX_VCPUS}, "/dev/kvm")));
  return host;
}

Result<std::unique_ptr<Vm>> Vm::Create(const Host& host, GuestMemory& memory) {
  constexpr const char* kWhat = "/dev/kvm: create a virtual machine";
  UniqueFd fd(BOXLITE_TRY(sys::Ioctl(host.fd(), KVM_CREATE_VM, 0, kWhat)));
  std::unique_ptr<Vm> vm(new Vm(std::move(fd)));
  BOXLITE_TRY(vm->AddMemory(memory));
  BOXLITE_TRY(PrepareVm(vm->fd()));
  return vm;
}

Result<void> Vm::AddMemory(const GuestMemory& memory) const {
  uint32_t slot = 0;
  for (const GuestMemory::Region& region : memory.regions()) {
    kvm_userspace_memory_region what{};
    what.slot = slot++;
    what.guest_phys_addr = region.address;
    what.memory_size = region.size;
    // SAFETY: KVM itself translates and checks what the guest touches.
    what.userspace_addr = reinterpret_cast<uint64_t>(region.host);
    BOXLITE_TRY(sys::Ioctl(fd(), KVM_SET_USER_MEMORY_REGION, &what, "/dev/kvm: give it memory"));
  }
  return {};
}

Result<UniqueFd> Vm::CreateVcpu(uint32_t index) const {
  return UniqueFd(BOXLITE_TRY(
      sys::Ioctl(fd(), KVM_CREATE_VCPU, index, "/dev/kvm: create a virtual processor")));
}

void Vm::SendInterrupt(uint64_t address, uint32_t data) const {
  kvm_msi message{};
  message.address_lo = static_cast<uint32_t>(address);
  message.data = data;
  ::ioctl(fd(), KVM_SIGNAL_MSI, &message);
}

Result<UniqueFd> Vm::MakeKick(uint64_t address, uint32_t value) const {
  UniqueFd event = BOXLITE_TRY(sys::EventFd());
  kvm_ioeventfd what{};
  what.addr = address;
  what.len = sizeof value;
  what.datamatch = value;
  what.fd = event.get();
  what.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
  BOXLITE_TRY(sys::Ioctl(fd(), KVM_IOEVENTFD, &what, "/dev/kvm: watch a queue"));
  return event;
}

}  // namespace boxlite::kvm
