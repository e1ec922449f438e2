// A launch that is refused: what was told and what was recorded.
#pragma once

#include "vm/box_process.h"

namespace boxlite::vm_test {

struct Failure {
  proto::ErrorRecord refusal;
  proto::BoxExit exit;
};

inline Failure LaunchFails(const proto::Launch& launch, const BoxFiles& files = DefaultFiles()) {
  BoxProcess box(files);
  Failure failure;
  failure.refusal = box.owner().Refused(box.owner().Open(launch));
  box.WaitEnd();
  failure.exit = box.ExitRecord();
  return failure;
}

inline Code CodeOf(const Failure& failure) {
  return static_cast<Code>(failure.refusal.code);
}

}  // namespace boxlite::vm_test
