// What happens before there is a loop: the library's HELLO and LAUNCH are read from the control
// socket, the machine's process is started. Everything here blocks, with a deadline. Main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "kvm/vm.h"
#include "machine/machine.h"
#include "proto/messages.h"
#include "vm/engine.h"

namespace boxlite::vm {

// The first connection as it stands after LAUNCH: what was read and not used yet.
struct FirstClient {
  UniqueFd socket;
  Bytes hello;  // payloads
  Bytes launch;
  uint32_t stream = 0;  // of LAUNCH
  Bytes rest;           // read beyond LAUNCH
};

// Says HELLO and takes the other side's HELLO and LAUNCH.
Result<FirstClient> ReadLaunch(UniqueFd socket);

// The first client's LAUNCH is refused with `why`; boxlite-vm is about to end.
void RefuseLaunch(const FirstClient& client, const Error& why);

Bytes HelloFrame();

Result<void> ValidateLaunch(const proto::Launch& launch);

// Takes the kernel, initramfs and disk descriptors. Where there is a `host`, a machine of its.
Result<std::unique_ptr<machine::Machine>> CreateMachine(const proto::Launch& launch,
                                                        machine::Accelerator accelerator,
                                                        std::optional<kvm::Host> host);

}  // namespace boxlite::vm
