// One virtual processor and the thread that runs it.
//
// Thread rule: Create, Start, Kick and Join belong to the thread that owns the machine; the rest
// happens on the vCPU's own thread, named "vcpu N", on which `events` are called as well.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kvm/bus.h"
#include "kvm/run_gate.h"
#include "kvm/vm.h"

struct kvm_run;

namespace boxlite::kvm {

// How a vCPU ended by itself.
enum class VcpuEndKind : uint8_t {
  kLeft,    // the gate was closed
  kReset,   // the guest restarted the machine, or its processor gave up (a triple fault)
  kFailed,  // KVM could not go on
};
struct VcpuEnd {
  VcpuEndKind kind = VcpuEndKind::kFailed;
  std::string detail;  // one sentence; "" for kLeft
};

struct VcpuEvents {
  std::function<void()> on_thread;      // first on the thread, before any of the guest's code
  std::function<void(VcpuEnd)> on_end;  // once, last on the thread
};

// What the guest reaches beside its memory; each outlives the vCPUs.
struct Buses {
  Bus& ports;
  Bus& memory;
};

class Vcpu {
 public:
  // Registers are the owner's to set, through fd(), before Start.
  static Result<std::unique_ptr<Vcpu>> Create(const Host& host, const Vm& vm, uint32_t index,
                                              Buses buses);
  // Joins where that has not happened; the gate is closed by then.
  ~Vcpu();
  Vcpu(const Vcpu&) = delete;
  Vcpu& operator=(const Vcpu&) = delete;

  // `gate` outlives the vCPU.
  Result<void> Start(RunGate& gate, VcpuEvents events);
  // Out of the guest, and to the gate.
  void Kick();
  // The thread has ended, or this many milliseconds have passed: false.
  [[nodiscard]] bool Join(uint32_t timeout_ms);

  int fd() const { return fd_.get(); }
  uint32_t index() const { return index_; }

 private:
  Vcpu(uint32_t index, Buses buses) : index_(index), buses_(buses) {}
  static void* ThreadMain(void* self) noexcept;
  VcpuEnd RunUntilEnd();
  // Nothing where the guest may go on.
  std::unique_ptr<VcpuEnd> HandleExit();
  void HandlePort();
  void HandleMemory();
  VcpuEnd DescribeInternalError() const;

  const uint32_t index_;
  Buses buses_;
  UniqueFd fd_;
  kvm_run* run_ = nullptr;  // shared with KVM; we own the mapping
  size_t run_size_ = 0;
  RunGate* gate_ = nullptr;  // outlives us
  VcpuEvents events_;
  pthread_t thread_{};
  bool started_ = false;
};

// To be called once in a process, before a vCPU starts: the signal of Kick interrupts a system call
// and does no more.
Result<void> PrepareForKicks();
int KickSignal();

}  // namespace boxlite::kvm
