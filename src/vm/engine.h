// Which engine a box gets, and why. Values only, no thread rule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "kvm/vm.h"
#include "machine/machine.h"
#include "proto/messages.h"

namespace boxlite::vm {

struct EngineChoice {
  proto::Engine engine = proto::Engine::kQemu;
  proto::Isolation isolation = proto::Isolation::kSoftware;
  std::string reason;
  uint32_t kvm_speed = 0;         // as in Launched
  std::optional<kvm::Host> host;  // for the kvm engine: /dev/kvm, which is opened once
};

// KVM is taken where it runs guest code at no less than a tenth of the host's own speed. Some
// clouds show a /dev/kvm that interprets; there QEMU's emulation is faster.
constexpr uint32_t kLeastKvmSpeed = 100;

// The engine that was asked for, or the better one. A typed error where what was asked for cannot
// be had: the kvm engine, or hardware isolation where the machine would be emulated in software.
Result<EngineChoice> ChooseEngine(const proto::Launch& launch, machine::Accelerator accelerator);

// What --probe prints: one "name: state" line for each thing looked at.
std::string ProbeHost();

}  // namespace boxlite::vm
