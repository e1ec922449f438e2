#include "vm/engine.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "base/sys.h"
#include "machine/qemu_command.h"

namespace boxlite::vm {
namespace {

constexpr const char* kNoKvmEngine = "the kvm engine is not part of this version";

Result<void> ProbeKvm() {
  UniqueFd kvm = BOXLITE_TRY(sys::Open("/dev/kvm", O_RDWR));
  int version = ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION) return Error(Code::kUnsupported, "/dev/kvm: unknown version");
  UniqueFd vm(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
  if (!vm) return sys::ErrnoError("/dev/kvm: create a virtual machine");
  UniqueFd vcpu(::ioctl(vm.get(), KVM_CREATE_VCPU, 0));
  if (!vcpu) return sys::ErrnoError("/dev/kvm: create a virtual processor");
  return {};
}

template <typename T>
std::string Describe(const char* name, const char* fine, const Result<T>& result) {
  return std::string(name) + ": " + (result.ok() ? fine : result.error().message()) + "\n";
}

}  // namespace

Result<EngineChoice> ChooseEngine(const proto::Launch& launch, machine::Accelerator accelerator) {
  bool emulated = accelerator == machine::Accelerator::kTcg;
  if (launch.engine == proto::Engine::kKvm)
    return Error(Code::kUnsupported, kNoKvmEngine, "use engine auto or qemu");
  if (launch.isolation == proto::Isolation::kHardware && emulated)
    return Error(Code::kEngine,
                 std::string("hardware isolation cannot be had on this host: ") + kNoKvmEngine +
                     ", and qemu emulates in software",
                 "ask for isolation any");
  EngineChoice choice;
  choice.isolation = emulated ? proto::Isolation::kSoftware : proto::Isolation::kHardware;
  const char* how = emulated ? "qemu with software emulation" : "qemu with KVM";
  choice.reason = launch.engine == proto::Engine::kAuto
                      ? std::string(kNoKvmEngine) + "; using " + how
                      : std::string("asked for; ") + how;
  return choice;
}

std::string ProbeHost() {
  Result<std::string> qemu = machine::FindQemu({});
  std::string text = Describe("kvm", "a virtual machine can be created", ProbeKvm());
  text += Describe("qemu", qemu.ok() ? qemu.value().c_str() : "", qemu);
  text += std::string("engine: qemu (") + kNoKvmEngine + "; using qemu with software emulation)\n";
  return text;
}

}  // namespace boxlite::vm
