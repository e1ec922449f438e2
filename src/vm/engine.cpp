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

// This host's KVM and what it is good for, in thousandths.
struct Kvm {
  kvm::Host host;
  uint32_t speed = 0;
};

// Where the speed is not known, a small guest's loop tells it, which takes some milliseconds.
Result<Kvm> ProbeKvm(uint32_t known_speed) {
  Kvm kvm{BOXLITE_TRY(kvm::Host::Open()), known_speed};
  if (known_speed != 0) return kvm;
  double speed = BOXLITE_TRY(kvm::MeasureSpeed(kvm.host));
  kvm.speed = std::max(uint32_t{1}, static_cast<uint32_t>(std::lround(speed * 1000)));
  return kvm;
}

// Why KVM is not used, or nothing.
Result<void> CheckKvm(const proto::Launch& launch, const Result<Kvm>& kvm) {
  if (!kvm.ok()) return Error(kvm.error()).WithCode(Code::kEngine);
  bool qemu_would_do = launch.isolation != proto::Isolation::kHardware;
  if (kvm.value().speed < kLeastKvmSpeed)
    return Error(Code::kEngine,
                 "/dev/kvm: it runs guest code at " + Percent(kvm.value().speed) +
                     ", as a KVM does that interprets it",
                 std::string("use a host with hardware virtualization, or ask for ") +
                     (qemu_would_do ? "engine auto or qemu" : "isolation any"));
  if (launch.cpus > kvm::kMaxMpCpus)
    return Error(Code::kInvalidArgument,
                 "the kvm engine has at most " + std::to_string(kvm::kMaxMpCpus) + " processors",
                 qemu_would_do ? "ask for fewer, or for engine qemu" : "ask for fewer");
  return {};
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
        "use a host with hardware virtualization, or ask for isolation any");
  EngineChoice choice;
  choice.isolation = emulated ? proto::Isolation::kSoftware : proto::Isolation::kHardware;
  choice.reason = why + (emulated ? "; qemu with software emulation" : "; qemu with KVM");
  return choice;
}

EngineChoice ChooseKvm(Kvm kvm, const char* why) {
  return {proto::Engine::kKvm, proto::Isolation::kHardware,
          why + ("; /dev/kvm runs guest code at " + Percent(kvm.speed)), kvm.speed,
          std::move(kvm.host)};
}

Result<EngineChoice> ChooseByKvm(const proto::Launch& launch, machine::Accelerator accelerator,
                                 Result<Kvm> kvm) {
  Result<void> usable = CheckKvm(launch, kvm);
  bool wanted = launch.engine == proto::Engine::kKvm;
  if (usable.ok())
    return ChooseKvm(kvm.TakeValue(), wanted ? "asked for" : "hardware virtualization");
  if (wanted) return usable.TakeError();
  auto choice = BOXLITE_TRY(ChooseQemu(launch, accelerator, usable.error().message()));
  // What was measured holds for the next box as well.
  if (kvm.ok()) choice.kvm_speed = kvm.value().speed;
  return choice;
}

template <typename T>
std::string Describe(const char* name, const std::string& fine, const Result<T>& result) {
  return std::string(name) + ": " + (result.ok() ? fine : result.error().message()) + "\n";
}

}  // namespace

Result<EngineChoice> ChooseEngine(const proto::Launch& launch, machine::Accelerator accelerator) {
  // QEMU with KVM is asked for by an option of boxlite-vm's, and then meant.
  bool qemu = launch.engine == proto::Engine::kQemu ||
              (launch.engine == proto::Engine::kAuto && accelerator != machine::Accelerator::kTcg);
  if (qemu) return ChooseQemu(launch, accelerator, "asked for");
  return ChooseByKvm(launch, accelerator, ProbeKvm(launch.kvm_speed));
}

std::string ProbeHost() {
  Result<Kvm> kvm = ProbeKvm(0);
  uint32_t speed = kvm.ok() ? kvm.value().speed : 0;
  std::string text = Describe("kvm", Percent(speed), kvm);
  Result<std::string> qemu = machine::FindQemu({});
  text += Describe("qemu", qemu.ok() ? qemu.value() : "", qemu);
  auto choice = ChooseByKvm({}, machine::Accelerator::kTcg, std::move(kvm));
  if (!choice.ok()) return text + "engine: none (" + choice.error().message() + ")\n";
  const char* name = choice.value().engine == proto::Engine::kKvm ? "kvm" : "qemu";
  text += std::string("engine: ") + name + " (" + choice.value().reason + ")\n";
  if (speed != 0) text += "speed: " + std::to_string(speed) + "\n";
  return text;
}

}  // namespace boxlite::vm
