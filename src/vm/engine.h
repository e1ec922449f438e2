// Which engine a box gets, and why. Values only, no thread rule.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "machine/machine.h"
#include "proto/messages.h"

namespace boxlite::vm {

struct EngineChoice {
  proto::Engine engine = proto::Engine::kQemu;
  proto::Isolation isolation = proto::Isolation::kSoftware;
  std::string reason;
  uint32_t kvm_speed = 0;  // as in Launched
};

// KVM is taken where it runs guest code at no less than a tenth of the host's own speed. Some
// clouds show a /dev/kvm that interprets; there QEMU's emulation is faster.
constexpr uint32_t kLeastKvmSpeed = 100;

// What this host's KVM is good for: `speed`, in thousandths, where that is known, or what a small
// guest's loop takes (some milliseconds).
Result<uint32_t> ProbeKvm(uint32_t known_speed);

// The engine that was asked for, or the better one. A typed error where what was asked for cannot
// be had: the kvm engine, or hardware isolation where the machine would be emulated in software.
Result<EngineChoice> ChooseEngine(const proto::Launch& launch, machine::Accelerator accelerator);

// What --probe prints: one "name: state" line for each thing looked at.
std::string ProbeHost();

}  // namespace boxlite::vm
