// The qemu engine's command line and jail: QEMU gets everything by descriptor, except for the
// kernel and the initramfs, which it can only open by name. Values only, no thread rule.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "jail/spawn.h"
#include "machine/machine.h"

namespace boxlite::machine {

// The far ends of the machine's channels; QEMU's.
struct QemuChannels {
  UniqueFd agent, monitor, console, error_output;
};

Result<jail::ChildSpec> QemuCommand(const MachineParts& parts, const QemuChannels& channels);

// Where QEMU is, as an absolute path without symbolic links.
Result<std::string> FindQemu(const std::string& wanted);

}  // namespace boxlite::machine
