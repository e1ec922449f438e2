// The messages of docs/protocol.md, one struct each. Tags are append only; a field's meaning never
// changes. Every OPEN begins with tag 1, its operation, so that a relay reads that and passes the
// rest on unread; every CLOSE begins with tag 1, how it ended (code 0 is success).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "proto/record.h"

namespace boxlite::proto {

constexpr uint16_t kVersionMin = 1;
constexpr uint16_t kVersionMax = 1;

enum class Role : uint8_t { kClient = 1, kVm = 2, kAgent = 3, kImage = 4 };

// First frame in each direction. Both ends use the highest version in both ranges, or close.
struct Hello {
  uint16_t version_min = kVersionMin;
  uint16_t version_max = kVersionMax;
  uint64_t features = 0;
  uint32_t epoch =
      0;  // rises with every restore of a saved machine; streams do not outlive their epoch
  Role role = Role::kClient;
  std::string build;  // for people: "boxlite-vm 0.1.0"
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, version_min), v(2, version_max), v(3, features), v(4, epoch), v(5, role), v(6, build);
  }
};
// The version both ends speak, or unsupported.
Result<uint16_t> NegotiateVersion(const Hello& ours, const Hello& theirs);

struct ErrorRecord {
  int32_t code = 0;
  std::string message;
  std::string hint;
  int32_t os_errno = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, code), v(2, message), v(3, hint), v(4, os_errno);
  }
};
ErrorRecord ToRecord(const Error& error);
Result<void> FromRecord(const ErrorRecord& record);

enum class Op : uint16_t {
  // answered by the agent
  kConfigure = 0x0101,
  kExec = 0x0102,
  kWriteFile = 0x0103,
  kReadFile = 0x0104,
  kShutdown = 0x0105,
  // answered by boxlite-vm
  kLaunch = 0x0201,
  kInfo = 0x0202,
  kStop = 0x0203,
  // answered by boxlite-image
  kFetch = 0x0301,
  kConvert = 0x0302,
  kBlank = 0x0303,
  kImport = 0x0304,
};

// What any OPEN starts with. `window` is the credit that the opener grants on each channel it
// receives.
struct OpenHeader {
  Op op = Op{0};
  uint32_t window = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(2, window);
  }
};

// ACCEPT: `window` is the credit granted on Channel::kInput. `size` is a file's size where one is
// read.
struct Accepted {
  uint32_t window = 0;
  uint32_t pid = 0;
  uint64_t size = 0;
  uint32_t mode = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(2, window), v(16, pid), v(17, size), v(18, mode);
  }
};

// CLOSE of an operation that has nothing to say but how it ended.
struct Closed {
  ErrorRecord status;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, status);
  }
};

// ---------------------------------------------------------------- agent

// Once after boot, before anything else: the box's identity and disks (virtio-blk names without
// /dev/).
struct Configure {
  Op op = Op::kConfigure;
  std::string hostname;
  uint64_t realtime_ns = 0;
  std::string entropy;         // bytes for the kernel's random generator
  std::string root_device;     // read-only ext4
  std::string scratch_device;  // ext4 for the overlay's upper layer; empty: a tmpfs
  std::string working_dir;     // made where it is missing; empty: none
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, hostname), v(17, realtime_ns), v(18, entropy), v(19, root_device),
        v(20, scratch_device), v(21, working_dir);
  }
};

struct ResourceLimit {
  uint32_t resource = 0;  // RLIMIT_*
  uint64_t value = 0;     // soft and hard
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, resource), v(2, value);
  }
};

constexpr uint32_t kExecTty = 1;    // a terminal in place of pipes; its output is Channel::kOutput
constexpr uint32_t kExecStdin = 2;  // stdin is Channel::kInput; without it stdin is /dev/null
constexpr uint32_t kExecDetached =
    4;                             // lives on when its client goes; boxlite-vm reads its output on
constexpr uint32_t kExecMain = 8;  // the box stops when it ends (acted on by boxlite-vm)

struct Exec {
  Op op = Op::kExec;
  uint32_t window = 0;
  std::vector<std::string> argv;
  std::vector<std::string>
      env;           // NAME=value, the whole environment but for HOME, which comes from /etc/passwd
  std::string cwd;   // must exist; empty: /root where that exists, else "/"
  std::string user;  // name or number, ":group" may follow; empty: root
  uint32_t flags = 0;
  uint16_t rows = 0, columns = 0;
  uint64_t timeout_ms = 0;  // 0: none
  std::vector<ResourceLimit> limits;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(2, window), v(16, argv), v(17, env), v(18, cwd), v(19, user), v(20, flags),
        v(21, rows), v(22, columns), v(23, timeout_ms), v(24, limits);
  }
};

struct ExecClosed {
  ErrorRecord status;
  int32_t exit_code = 0;  // minus the signal's number where a signal ended it
  uint8_t timed_out = 0;
  uint64_t duration_ms = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, status), v(16, exit_code), v(17, timed_out), v(18, duration_ms);
  }
};

enum class EventType : uint16_t { kSignal = 1, kResize = 2, kProgress = 3 };

struct EventHeader {
  EventType type = EventType{0};
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, type);
  }
};

enum class SignalScope : uint8_t { kProcess = 0, kTree = 1 };

struct SignalEvent {
  EventType type = EventType::kSignal;
  int32_t number = 0;
  SignalScope scope = SignalScope::kProcess;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, type), v(16, number), v(17, scope);
  }
};

struct ResizeEvent {
  EventType type = EventType::kResize;
  uint16_t rows = 0, columns = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, type), v(16, rows), v(17, columns);
  }
};

// Bytes come on Channel::kInput and end with END. The file appears whole or not at all; parents are
// made.
struct WriteFile {
  Op op = Op::kWriteFile;
  uint32_t window = 0;
  std::string path;
  uint32_t mode = 0644;
  std::string user;  // owner; empty: root
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(2, window), v(16, path), v(17, mode), v(18, user);
  }
};

// Bytes go on Channel::kOutput, then END and CLOSE.
struct ReadFile {
  Op op = Op::kReadFile;
  uint32_t window = 0;
  std::string path;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(2, window), v(16, path);
  }
};

// Ends every process (SIGTERM, after grace_ms SIGKILL), unmounts, answers CLOSE, says BYE and
// restarts the machine.
struct Shutdown {
  Op op = Op::kShutdown;
  uint32_t grace_ms = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, grace_ms);
  }
};

// ---------------------------------------------------------------- boxlite-vm

enum class Engine : uint8_t { kAuto = 0, kKvm = 1, kQemu = 2 };
enum class Isolation : uint8_t { kAny = 0, kHardware = 1, kSoftware = 2 };

// Why a running box came to its end; boxlite_exit_reason has the same numbers.
enum class ExitReason : uint8_t {
  kNone = 0,     // it has not ended
  kStopped = 1,  // asked to
  kMainExited = 2,
  kReset = 3,  // the guest restarted itself
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
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, box_id), v(17, engine), v(18, isolation), v(19, cpus), v(20, memory_mib),
        v(21, hostname), v(22, working_dir), v(23, detached), v(24, has_scratch), v(25, kernel_log),
        v(26, qemu_path);
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
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(16, engine), v(17, isolation), v(18, engine_reason), v(19, boot_ms), v(20, agent_build),
        v(21, jail);
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

// BYE, agent to boxlite-vm: the guest ends on purpose.
struct Bye {
  std::string why;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, why);
  }
};

// ---------------------------------------------------------------- boxlite-image

struct Layer {
  std::string digest;  // sha256:…
  std::string media_type;
  uint64_t size = 0;
  std::string diff_id;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, digest), v(2, media_type), v(3, size), v(4, diff_id);
  }
};

struct ImageConfig {
  std::string architecture, os;
  std::vector<std::string> entrypoint, cmd, env;
  std::string working_dir, user;
  std::string created;  // RFC 3339, as the image says it
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, architecture), v(2, os), v(3, entrypoint), v(4, cmd), v(5, env), v(6, working_dir),
        v(7, user), v(8, created);
  }
};

struct Fetch {
  Op op = Op::kFetch;
  std::string reference;  // as the user wrote it
  std::vector<std::string>
      registries;  // searched in order for a name without a registry; http:// where plain
  std::string architecture, os;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, reference), v(17, registries), v(18, architecture), v(19, os);
  }
};

// From an OCI layout directory that came as a descriptor; `reference` picks an entry by its name
// annotation.
struct Import {
  Op op = Op::kImport;
  std::string reference;
  std::string architecture, os;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, reference), v(17, architecture), v(18, os);
  }
};

// EVENT: state, not a stream; the latest wins.
enum class Phase : uint8_t { kResolve = 1, kFetch = 2, kConvert = 3, kDone = 4 };
struct ProgressEvent {
  EventType type = EventType::kProgress;
  Phase phase = Phase::kResolve;
  uint32_t layers_total = 0, layers_done = 0;
  uint64_t bytes_total = 0, bytes_done = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, type), v(16, phase), v(17, layers_total), v(18, layers_done), v(19, bytes_total),
        v(20, bytes_done);
  }
};

// CLOSE of FETCH and IMPORT: the blobs lie in the staging directory as blobs/sha256/<hex>.
struct ImageClosed {
  ErrorRecord status;
  std::string reference;  // canonical
  std::string digest;     // of the image's manifest
  std::string config_digest;
  ImageConfig config;
  std::vector<Layer> layers;
  std::string source;  // where it came from
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, status), v(16, reference), v(17, digest), v(18, config_digest), v(19, config),
        v(20, layers), v(21, source);
  }
};

struct Convert {
  Op op = Op::kConvert;
  std::vector<Layer> layers;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, layers);
  }
};

// An empty ext4 of `size` bytes, for scratch disks.
enum class Journal : uint8_t { kNo = 0, kYes = 1 };
struct Blank {
  Op op = Op::kBlank;
  uint64_t size = 0;
  Journal journal = Journal::kNo;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, size), v(17, journal);
  }
};

}  // namespace boxlite::proto
