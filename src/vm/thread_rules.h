// Which system calls each kind of boxlite-vm's threads may make once the machine runs. No open, no
// socket, no exec, no new thread in any of them. Values only; those of the process that asks,
// because a thread may signal its own process.
#pragma once

#include <cstdint>
#include <vector>

#include "jail/filter.h"

namespace boxlite::vm {

enum class Thread : uint8_t {
  kQemuLoop,  // the only thread, with QEMU as a child
  kKvmLoop,
  kVcpu,
  kDisk,
};

std::vector<jail::Rule> RulesOf(Thread thread);
const char* NameOf(Thread thread);

}  // namespace boxlite::vm
