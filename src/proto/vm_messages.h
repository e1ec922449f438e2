// The operations of boxlite-vm (docs/protocol.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/operations.h"

namespace boxlite::proto {

enum class Engine : uint8_t { kAuto = 0, kKvm = 1, kQemu = 2 };
enum class Isolation : uint8_t { kAny = 0, kHardware = 1, kSoftware = 2 };

// Why a running box came to its end; boxlite_exit_reason has the same numbers.
enum class ExitReason : uint8_t {
  kNone = 0,     // it has not ended
  kStopped = 1,  // asked to
  kMainExited = 2,
  kReset = 3,  // the guest restarted, or switched itself off
  kPanic = 4,  // the guest kernel
  kOutOfMemory = 5,
  kKilled = 6,    // boxlite-vm or QEMU was killed
  kEngine = 7,    // the machine monitor failed
  kBoot = 8,      // it never came up
  kLifeline = 9,  // the owner went away
};

// What a box may have. The host's memory may be less.
constexpr uint32_t kMaxCpus = 64;  // what the guest's kernel is built for
constexpr uint32_t kMinMemoryMib = 128;
constexpr uint32_t kMaxMemoryMib = 256 * 1024;

struct Launch {
  Op op = Op::kLaunch;
  std::string box_id;
  Engine engine = Engine::kAuto;
  Isolation isolation = Isolation::kAny;
  uint32_t cpus = 1;
  uint32_t memory_mib = 512;
  std::string hostname;
  std::string working_dir;  // for Configure
  uint8_t detached = 0;     // the end of the connection that launched is not the box's end
  uint8_t has_scratch = 0;  // a scratch disk came along
  uint8_t kernel_log = 0;   // the whole kernel log and not only emergencies
  std::string qemu_path;
  uint64_t max_processes = 0;  // for Configure
  uint8_t no_jail = 0;         // we and QEMU stay in the host's namespaces and root
  uint8_t no_seccomp = 0;      // no filter of system calls, here and in QEMU
  uint32_t kvm_speed = 0;      // of an earlier Launched on this boot of the host; 0 is unknown
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, box_id), v(17, engine), v(18, isolation), v(19, cpus), v(20, memory_mib),
        v(21, hostname), v(22, working_dir), v(23, detached), v(24, has_scratch), v(25, kernel_log),
        v(26, qemu_path), v(27, max_processes), v(28, no_jail), v(29, no_seccomp), v(30, kvm_speed);
  }
};

// ACCEPT of LAUNCH: the box runs and its agent is configured.
struct Launched {
  Engine engine = Engine::kAuto;
  Isolation isolation = Isolation::kAny;
  std::string engine_reason;  // why this engine
  uint64_t boot_ms = 0;       // start of boxlite-vm to the agent's hello
  std::string agent_build;
  std::vector<std::string> jail;  // "layer: state" for each layer of the jail
  // How fast KVM runs guest code, in thousandths of the host's own speed; 0 was not measured.
  uint32_t kvm_speed = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(16, engine), v(17, isolation), v(18, engine_reason), v(19, boot_ms), v(20, agent_build),
        v(21, jail), v(22, kvm_speed);
  }
};

// CLOSE of LAUNCH, and the one record in boxes/<id>/exit.
struct BoxExit {
  ErrorRecord status;
  ExitReason reason = ExitReason::kNone;
  uint8_t has_exit_code = 0;
  int32_t exit_code = 0;   // of the main execution
  std::string detail;      // one sentence
  std::string kernel_log;  // its last lines
  uint64_t at_ms = 0;      // wall clock
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, status), v(16, reason), v(17, has_exit_code), v(18, exit_code), v(19, detail),
        v(20, kernel_log), v(21, at_ms);
  }
};

struct InfoRequest {
  Op op = Op::kInfo;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op);
  }
};

struct InfoClosed {
  ErrorRecord status;
  uint32_t pid = 0;
  Launched launched;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, status), v(16, pid), v(17, launched);
  }
};

// Shuts the guest down within timeout_ms, then ends the machine; with 0 at once. CLOSE when it has
// ended.
struct Stop {
  Op op = Op::kStop;
  uint32_t timeout_ms = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, timeout_ms);
  }
};

// A signal to the main execution (kExecMain). CLOSE when it was passed on.
struct SignalMain {
  Op op = Op::kSignalMain;
  uint8_t number = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, number);
  }
};

// BYE, agent to boxlite-vm: the guest ends on purpose.
struct Bye {
  std::string why;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, why);
  }
};

}  // namespace boxlite::proto
