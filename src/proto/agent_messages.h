// The operations of the guest agent (docs/protocol.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/operations.h"

namespace boxlite::proto {

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
  uint64_t max_processes = 0;  // of the box; 0: as many as its memory suggests
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, hostname), v(17, realtime_ns), v(18, entropy), v(19, root_device),
        v(20, scratch_device), v(21, working_dir), v(22, max_processes);
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

constexpr uint32_t kPutArchive = 1;    // any archive, into directory `path`; without it, one tree
constexpr uint32_t kPutContents = 2;   // of the tree's root, where it is a directory
constexpr uint32_t kPutParents = 4;    // those of `path` that are missing are made
constexpr uint32_t kPutExclusive = 8;  // nothing that is there is replaced
constexpr uint32_t kPutOwners = 16;    // the stream's owners, and not `user`

// A tar stream comes on Channel::kInput and ends with END. Where a tree goes is said by the rules
// of `cp`: docs/files.md.
struct PutTree {
  Op op = Op::kPutTree;
  uint32_t window = 0;
  std::string path;
  std::string name;  // the source's, for where `path` is a directory
  std::string user;  // owner; empty: root
  uint32_t flags = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(2, window), v(16, path), v(17, name), v(18, user), v(20, flags);
  }
};

constexpr uint32_t kGetFollow = 1;  // where `path` is a symbolic link: what it leads to

// A tar stream goes on Channel::kOutput, then END and CLOSE.
struct GetTree {
  Op op = Op::kGetTree;
  uint32_t window = 0;
  std::string path;
  std::string name;  // of the root in the stream
  uint32_t flags = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(2, window), v(16, path), v(17, name), v(20, flags);
  }
};

// The numbers of boxlite_file_type.
enum class FileType : uint8_t {
  kUnknown = 0,
  kFile = 1,
  kDirectory = 2,
  kSymlink = 3,
  kCharacterDevice = 4,
  kBlockDevice = 5,
  kFifo = 6,
  kSocket = 7,
};

struct FileInfo {
  std::string name;
  FileType type = FileType::kUnknown;
  uint32_t mode = 0;  // without the type
  uint32_t uid = 0, gid = 0;
  uint64_t size = 0;
  int64_t mtime_ns = 0;  // since 1970
  std::string link;      // where a symbolic link leads to
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, name), v(2, type), v(3, mode), v(4, uid), v(5, gid), v(6, size), v(7, mtime_ns),
        v(8, link);
  }
};

// On Channel::kOutput: a FileInfo for each name, each after its length as u32.
struct ListFiles {
  Op op = Op::kListFiles;
  uint32_t window = 0;
  std::string path;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(2, window), v(16, path);
  }
};

// On Channel::kOutput, as for ListFiles: one FileInfo.
constexpr uint32_t kStatFollow = 1;
struct StatFile {
  Op op = Op::kStatFile;
  uint32_t window = 0;
  std::string path;
  uint32_t flags = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(2, window), v(16, path), v(20, flags);
  }
};

constexpr uint32_t kMakeParents = 1;  // and one that is there already is fine
struct MakeDirectory {
  Op op = Op::kMakeDirectory;
  std::string path;
  uint32_t mode = 0755;
  uint32_t flags = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, path), v(17, mode), v(20, flags);
  }
};

constexpr uint32_t kRenameExclusive = 1;  // what is there is not replaced
struct RenameFile {
  Op op = Op::kRenameFile;
  std::string path, to;
  uint32_t flags = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, path), v(17, to), v(20, flags);
  }
};

constexpr uint32_t kRemoveRecursive = 1;
struct RemoveFile {
  Op op = Op::kRemoveFile;
  std::string path;
  uint32_t flags = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, path), v(20, flags);
  }
};

constexpr size_t kMaxProcessArguments = 32;  // of each process, and
constexpr size_t kMaxArgumentBytes = 4096;   // all of them together

struct ProcessInfo {
  uint32_t pid = 0, ppid = 0;
  uint32_t uid = 0;
  std::string user;   // "" where /etc/passwd does not know it
  uint8_t state = 0;  // ps's letter
  uint64_t cpu_ms = 0;
  uint64_t memory_bytes = 0;      // resident
  uint64_t started_ms = 0;        // since 1970
  std::vector<std::string> argv;  // its beginning; a kernel's or ended process's name in brackets
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, pid), v(2, ppid), v(3, uid), v(4, user), v(5, state), v(6, cpu_ms), v(7, memory_bytes),
        v(8, started_ms), v(9, argv);
  }
};

// On Channel::kOutput: a ProcessInfo for each, each after its length as u32.
struct ListProcesses {
  Op op = Op::kListProcesses;
  uint32_t window = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(2, window);
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

}  // namespace boxlite::proto
