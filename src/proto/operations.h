// What every connection and every operation has: HELLO, the operations' numbers, how a stream is
// opened, accepted and closed.
#pragma once

#include <cstdint>
#include <string>

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
  kPutTree = 0x0106,
  kGetTree = 0x0107,
  kListFiles = 0x0108,
  kStatFile = 0x0109,
  kMakeDirectory = 0x010a,
  kRenameFile = 0x010b,
  kRemoveFile = 0x010c,
  kListProcesses = 0x010d,
  // answered by boxlite-vm
  kLaunch = 0x0201,
  kInfo = 0x0202,
  kStop = 0x0203,
  kSignalMain = 0x0204,
  // answered by boxlite-image
  kFetch = 0x0301,
  kConvert = 0x0302,
  kBlank = 0x0303,
  kImport = 0x0304,
  kLoad = 0x0305,
  kSave = 0x0306,
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

enum class EventType : uint16_t { kSignal = 1, kResize = 2, kProgress = 3, kFound = 4 };

struct EventHeader {
  EventType type = EventType{0};
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, type);
  }
};

}  // namespace boxlite::proto
