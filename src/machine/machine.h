// A machine: one virtual machine of whatever engine, and the two values it is built from.
//
// MachineSpec is what shapes it and goes into a template's key; BoxIdentity is what makes it one
// box's. A device that no code serves yet has its slot in the spec all the same, because
// virtio-mmio has no hot-plug: the set is fixed when a machine is first booted.
//
// Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "loop/stream.h"

namespace boxlite::kvm {
class Host;
}

namespace boxlite::machine {

enum class Accelerator : uint8_t { kTcg, kKvm };

// The virtio-mmio slots, by number. Under QEMU the guest's kernel finds them from the highest down,
// and the kvm engine names them in that order, so that the root disk is vda and the scratch disk
// vdb, whatever else there is.
enum class Slot : uint8_t {
  kConsole = 0,
  kRng = 1,
  kBalloon = 2,
  kNet = 3,
  kVolumes = 4,
  kScratchDisk = 5,
  kRootDisk = 6,
};

struct MachineSpec {
  UniqueFd kernel;     // an ELF image
  UniqueFd initramfs;  // cpio
  uint32_t cpus = 1;
  uint32_t memory_mib = 512;
  Accelerator accelerator = Accelerator::kTcg;
  bool whole_kernel_log = false;        // and not only emergencies
  bool scratch_disk = false;            // a disk is in Slot::kScratchDisk
  std::string qemu_path;                // for the qemu engine
  uint32_t translation_cache_mib = 64;  // for the qemu engine with TCG
  bool jailed = true;                   // QEMU's process, in namespaces with an empty root
  bool filtered = true;                 // its system calls
};

struct BoxIdentity {
  UniqueFd root_disk;     // opened for reading only
  UniqueFd scratch_disk;  // where the spec has one
};

enum class EndKind : uint8_t {
  kReset,   // the guest restarted the machine
  kKilled,  // a signal ended the monitor
  kFailed,  // the monitor gave up
};

struct MachineEnd {
  EndKind kind = EndKind::kFailed;
  std::string detail;  // one sentence; "" for a reset that the guest's kernel made in order
};

// The threads that a machine has beside the loop's.
enum class ThreadKind : uint8_t { kVcpu, kDisk };

// Called on the loop, never inside a call of Machine's; but for the last.
struct MachineEvents {
  std::function<void(std::string_view)> on_console;  // bytes of the serial console
  // A line for the box's log: why a device has stopped. A few for each device; may be empty.
  std::function<void(std::string_view)> on_report;
  std::function<void(MachineEnd)> on_ended;  // once; nothing comes after it
  // On each thread of the machine's own, before it does anything else; may be empty.
  std::function<void(ThreadKind)> on_thread;
};

using Completion = std::function<void(Result<void>)>;

class Machine {
 public:
  virtual ~Machine() = default;

  // Begins to wait for the machine on `loop`, which outlives it. After this the process may lock
  // itself in: nothing is opened by name any more.
  virtual Result<void> Start(loop::Loop& loop, MachineEvents events) = 0;

  // Lets the guest's code run, where that has to wait until the process is locked in.
  virtual void Run() {}

  // The bytes of the agent's port. Once; neither `loop` nor `handler` ends before the stream.
  virtual Result<std::unique_ptr<loop::ByteStream>> OpenAgentStream(loop::Loop& loop,
                                                                    loop::StreamHandler& handler,
                                                                    size_t pending_limit) = 0;

  virtual void Pause(Completion done) = 0;
  virtual void Resume(Completion done) = 0;
  virtual void Save(UniqueFd into, Completion done) = 0;
  virtual void Restore(UniqueFd from, Completion done) = 0;

  // Ends the machine as it stands: orderly towards its disks' files, without asking the guest. A
  // monitor that does not obey is killed. `on_ended` follows.
  virtual void Stop() = 0;

  // Lines for Launched.jail.
  virtual const std::vector<std::string>& jail_layers() const = 0;
};

// What a machine is made of; the engine closes its descriptors once the machine holds them.
struct MachineParts {
  MachineSpec spec;
  BoxIdentity identity;
};
Result<std::unique_ptr<Machine>> CreateQemuMachine(MachineParts parts);
// `host` is /dev/kvm as it was opened to look at it.
Result<std::unique_ptr<Machine>> CreateKvmMachine(MachineParts parts, kvm::Host host);

}  // namespace boxlite::machine
