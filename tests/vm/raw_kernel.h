// A guest that is no Linux, for boxlite-vm: some bytes of code that write a device's registers, the
// same ones again and again.
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "machine/machine.h"

namespace boxlite::vm_test {

struct RegisterWrite {
  uint32_t offset = 0;
  uint32_t value = 0;
};

constexpr uint32_t kRawEntry = 0x10'0000;
constexpr uint32_t kRawData = kRawEntry + 0x1000;

// The image; its code has room for 400 writes. All of `writes` is done so many times; then the
// guest says "!" on its serial console and halts. What `data` is lies at kRawData.
UniqueFd RawKernel(machine::Slot slot, std::span<const RegisterWrite> writes, uint32_t times,
                   ByteSpan data = {});

}  // namespace boxlite::vm_test
