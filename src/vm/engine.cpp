#include "vm/engine.h"

#include <algorithm>
#include <cmath>

#include "kvm/mp_table_x86_64.h"
#include "kvm/speed_x86_64.h"
#include "machine/qemu_command.h"

namespace boxlite::vm {
namespace {

std::string Percent(uint32_t speed) {
  std::string percent = speed < 10 ? "less than 1" : std::to_string((speed + 5) / 10);
  return percent + " % of the host's speed";
}

// Why KVM is not used, or nothing.
Result<void> CheckKvm(const Result<uint32_t>& speed) {
  if (!speed.ok()) return Error(speed.error()).WithCode(Code::kEngine);
  if (speed.value() >= kLeastKvmSpeed) return {};
  return Error(Code::kEngine,
               "/dev/kvm: it runs guest code at " + Percent(speed.value()) +
                   ", as a KVM does that interprets it",
               "run on a host with hardware virtualization, or use engine auto or qemu");
}

Result<EngineChoice> ChooseQemu(const proto::Launch& launch, machine::Accelerator accelerator,
                                const std::string& why) {
  bool emulated = accelerator == machine::Accelerator::kTcg;
  if (launch.isolation == proto::Isolation::kHardware && launch.engine == proto::Engine::kQemu &&
      emulated)
    return Error(Code::kEngine,
                 "the qemu engine emulates in software, which is no isolation by "
                 "hardware",
                 "ask for engine auto or kvm, or for isolation any");
  if (launch.isolation == proto::Isolation::kHardware && emulated)
    return Error(
        Code::kEngine,
        "hardware isolation cannot be had on this host: " + why + ", and qemu emulates in software",
        "ask for isolation any");
  EngineChoice choice;
  choice.isolation = emulated ? proto::Isolation::kSoftware : proto::Isolation::kHardware;
  choice.reason = why + (emulated ? "; qemu with software emulation" : "; qemu with KVM");
  return choice;
}

EngineChoice ChooseKvm(uint32_t speed, const char* why) {
  return {proto::Engine::kKvm, proto::Isolation::kHardware,
          why + ("; /dev/kvm runs guest code at " + Percent(speed)), speed};
}

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
  Result<uint32_t> speed = ProbeKvm(launch.kvm_speed);
  Result<void> usable = CheckKvm(speed);
  if (usable.ok() && launch.cpus > kvm::kMaxMpCpus)
    usable = Error(Code::kInvalidArgument,
                   "the kvm engine has at most " + std::to_string(kvm::kMaxMpCpus) + " processors",
                   "ask for fewer, or for engine qemu");
  bool wanted = launch.engine == proto::Engine::kKvm;
  if (usable.ok())
    return ChooseKvm(speed.value(), wanted ? "asked for" : "hardware virtualization");
  if (wanted) return usable.TakeError();
  auto choice = BOXLITE_TRY(ChooseQemu(launch, accelerator, usable.error().message()));
  // What was measured holds for the next box as well.
  if (speed.ok()) choice.kvm_speed = speed.value();
  return choice;
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
