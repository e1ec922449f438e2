#include "vm/engine.h"

#include <algorithm>
#include <cmath>

#include "kvm/speed_x86_64.h"
#include "machine/qemu_command.h"

namespace boxlite::vm {
namespace {

std::string Percent(uint32_t speed) {
  return std::to_string((speed + 5) / 10) + " % of the host's speed";
}

// What KVM gives, or why it is not used.
Result<uint32_t> UsableKvm(uint32_t known_speed) {
  uint32_t speed = BOXLITE_TRY(ProbeKvm(known_speed));
  if (speed >= kLeastKvmSpeed) return speed;
  return Error(Code::kEngine, "/dev/kvm: it runs guest code at " + Percent(speed) +
                                  ", as a KVM does that interprets it",
               "run on a host with hardware virtualization, or use engine auto or qemu");
}

Result<EngineChoice> ChooseQemu(const proto::Launch& launch, machine::Accelerator accelerator,
                                const std::string& why) {
  bool emulated = accelerator == machine::Accelerator::kTcg;
  if (launch.isolation == proto::Isolation::kHardware && emulated)
    return Error(Code::kEngine,
                 "hardware isolation cannot be had: " + why + ", and qemu emulates in software",
                 "ask for isolation any");
  EngineChoice choice;
  choice.isolation = emulated ? proto::Isolation::kSoftware : proto::Isolation::kHardware;
  choice.reason = why + (emulated ? "; qemu with software emulation" : "; qemu with KVM");
  return choice;
}

EngineChoice KvmChoice(uint32_t speed, const char* why) {
  return {proto::Engine::kKvm, proto::Isolation::kHardware,
          why + ("; /dev/kvm runs guest code at " + Percent(speed)), speed};
}

// The same kernel as the host's, said for people: "/dev/kvm: a virtual machine can be created".
template <typename T>
std::string Describe(const char* name, const std::string& fine, const Result<T>& result) {
  return std::string(name) + ": " + (result.ok() ? fine : result.error().message()) + "\n";
}

}  // namespace

Result<uint32_t> ProbeKvm(uint32_t known_speed) {
  kvm::Host host = BOXLITE_TRY(kvm::Host::Open());
  if (known_speed != 0) return known_speed;
  double speed = BOXLITE_TRY(kvm::MeasureSpeed(host));
  return std::max(uint32_t{1}, static_cast<uint32_t>(std::lround(speed * 1000)));
}

Result<EngineChoice> ChooseEngine(const proto::Launch& launch, machine::Accelerator accelerator) {
  // QEMU with KVM is asked for by an option of boxlite-vm's, and then meant.
  bool qemu = launch.engine == proto::Engine::kQemu ||
              (launch.engine == proto::Engine::kAuto && accelerator != machine::Accelerator::kTcg);
  if (qemu) return ChooseQemu(launch, accelerator, "asked for");
  Result<uint32_t> speed = UsableKvm(launch.kvm_speed);
  if (launch.engine == proto::Engine::kKvm) {
    if (!speed.ok()) return speed.TakeError().WithCode(Code::kEngine);
    return KvmChoice(speed.value(), "asked for");
  }
  if (speed.ok()) return KvmChoice(speed.value(), "hardware virtualization");
  return ChooseQemu(launch, accelerator, speed.error().message());
}

std::string ProbeHost() {
  Result<uint32_t> speed = ProbeKvm(0);
  std::string text = Describe("kvm", speed.ok() ? Percent(speed.value()) : "", speed);
  Result<std::string> qemu = machine::FindQemu({});
  text += Describe("qemu", qemu.ok() ? qemu.value() : "", qemu);
  proto::Launch launch;
  launch.kvm_speed = speed.ok() ? speed.value() : 0;
  auto choice = ChooseEngine(launch, machine::Accelerator::kTcg);
  if (!choice.ok()) return text + "engine: none (" + choice.error().message() + ")\n";
  const char* name = choice.value().engine == proto::Engine::kKvm ? "kvm" : "qemu";
  text += std::string("engine: ") + name + " (" + choice.value().reason + ")\n";
  if (speed.ok()) text += "speed: " + std::to_string(speed.value()) + "\n";
  return text;
}

}  // namespace boxlite::vm
