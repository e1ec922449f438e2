// What a caller asks for, as values, and the rules that it has to keep. The errors name the field
// as include/boxlite.h does.
//
// Thread rule: values and pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "base/result.h"
#include "proto/messages.h"
#include "store/records.h"

namespace boxlite::box {

// The numbers of BOXLITE_RUNTIME_*, BOXLITE_EXEC_* and BOXLITE_REMOVE_*; those of BOXLITE_BOX_* are
// in store/records.h.
constexpr uint32_t kRuntimeDrainThread = 1;
constexpr uint32_t kExecTty = 1;
constexpr uint32_t kExecStdin = 2;
constexpr uint32_t kExecDetached = 4;
constexpr uint32_t kExecMain = 8;
constexpr uint32_t kExecEntrypoint = 16;
constexpr uint32_t kExecManualCredit = 32;
constexpr uint32_t kRemoveForce = 1;
constexpr uint32_t kPruneAll = 1;

struct RuntimeOptions {
  std::string home_dir;  // empty: $BOXLITE_HOME, else ~/.boxlite
  std::vector<std::string> image_registries;
  uint32_t flags = 0;
  proto::Engine engine = proto::Engine::kAuto;
  LogLevel log_level = LogLevel::kOff;
  Log::Sink log;                       // empty: standard error where $BOXLITE_LOG is set
  std::function<void()> log_finalize;  // when nothing is logged any more
};

struct BoxOptions {
  std::string image;
  std::string rootfs_path;
  std::string name;
  uint32_t cpus = 0;
  uint32_t memory_mib = 0;
  std::vector<std::string> env;
  std::string working_dir, user;
  std::optional<std::vector<std::string>> entrypoint, cmd;
  std::vector<std::string> labels;
  uint32_t flags = 0;
  proto::Engine engine = proto::Engine::kAuto;
  proto::Isolation isolation = proto::Isolation::kAny;
  store::BoxLimits limits;
};

struct ExecOptions {
  std::vector<std::string> argv, env;
  std::string cwd, user;
  uint32_t flags = 0;
  uint16_t rows = 0, columns = 0;
  uint64_t timeout_ms = 0;
};

// Where the callbacks of an execution go. Any may be empty.
struct ExecSinks {
  std::function<void(uint32_t pid)> started;
  std::function<void(ByteSpan)> output, error;
};

Result<void> CheckRuntimeOptions(const RuntimeOptions& options);
// The record of a box that was asked for so, without id and time.
Result<store::BoxRecord> MakeBoxRecord(const BoxOptions& options, proto::Engine default_engine);
// What can be said without knowing the box.
Result<void> CheckExecOptions(const ExecOptions& options);
Result<void> CheckBoxName(const std::string& name);
// A signal of Linux: 1 to 64.
Result<void> CheckSignal(int number);
// The request for the agent: the image's environment, over it the box's, over it the execution's;
// the same for directory, user and command.
Result<proto::Exec> MakeExecRequest(const ExecOptions& options, const store::BoxRecord& box,
                                    const store::ImageRecord& image);

}  // namespace boxlite::box
