// Which engine a box gets, and why. Values only, no thread rule.
#pragma once

#include <string>

#include "base/result.h"
#include "machine/machine.h"
#include "proto/messages.h"

namespace boxlite::vm {

struct EngineChoice {
  proto::Engine engine = proto::Engine::kQemu;
  proto::Isolation isolation = proto::Isolation::kSoftware;
  std::string reason;
};

// A typed error where what was asked for cannot be had: another engine than this version has, or
// hardware isolation where the machine would be emulated in software.
Result<EngineChoice> ChooseEngine(const proto::Launch& launch, machine::Accelerator accelerator);

// What --probe prints: one "name: state" line for each thing looked at.
std::string ProbeHost();

}  // namespace boxlite::vm
