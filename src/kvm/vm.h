// A virtual machine of KVM's: its memory slots, its processors, its eventfds.
//
// Source: Linux, Documentation/virt/kvm/api.rst. Thread rule: built on one thread.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kvm/guest_memory.h"

namespace boxlite::kvm {

// /dev/kvm, once its version and what we need of it are known to be there.
class Host {
 public:
  static Result<Host> Open();

  int fd() const { return fd_.get(); }
  // Bytes of the page that a vCPU shares with its thread.
  size_t run_size() const { return run_size_; }
  // Highest number of vCPUs.
  uint32_t max_vcpus() const { return max_vcpus_; }

 private:
  Host() = default;
  UniqueFd fd_;
  size_t run_size_ = 0;
  uint32_t max_vcpus_ = 0;
};

class Vm {
 public:
  // `memory` outlives the machine.
  static Result<std::unique_ptr<Vm>> Create(const Host& host, GuestMemory& memory);

  Result<UniqueFd> CreateVcpu(uint32_t index) const;
  // Interrupts a processor as a device does that writes `data` to `address` (Intel's manual, volume
  // 3, 11.11). One for a processor that is not there goes nowhere. Any thread.
  void SendInterrupt(uint64_t address, uint32_t data) const;
  // Readable when the guest writes `value`, 32 bits, to `address`; the write does not leave KVM.
  Result<UniqueFd> MakeKick(uint64_t address, uint32_t value) const;

  int fd() const { return fd_.get(); }

 private:
  explicit Vm(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<void> AddMemory(const GuestMemory& memory) const;
  UniqueFd fd_;
};

}  // namespace boxlite::kvm
