// The subcommands: each takes its parsed options and returns the program's exit code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/session.h"

namespace boxlite::cli {

// What `run` and `exec` share.
struct ExecOptions {
  bool interactive = false;  // -i
  bool tty = false;          // -t
  bool detach = false;       // -d
  std::vector<std::string> env;
  std::string working_dir;
  std::string user;
};

struct RunOptions {
  ExecOptions exec;
  std::string name;
  uint32_t cpus = 0;
  uint32_t memory_mib = 0;
  bool remove = false;  // --rm
  std::string image;
  std::vector<std::string> command;
};

int RunCommand(const GlobalOptions& global, const RunOptions& options);
int ExecCommand(const GlobalOptions& global, const ExecOptions& options, const std::string& box,
                const std::vector<std::string>& command);

enum class OutputFormat { kTable, kJson, kQuiet };

int PsCommand(const GlobalOptions& global, bool all, OutputFormat format);
int StopCommand(const GlobalOptions& global, const std::vector<std::string>& boxes,
                uint32_t timeout_seconds);
int RmCommand(const GlobalOptions& global, const std::vector<std::string>& boxes, bool force);
int PullCommand(const GlobalOptions& global, const std::string& reference, bool quiet);
int ImagesCommand(const GlobalOptions& global, OutputFormat format);
int VersionCommand(OutputFormat format);
int DoctorCommand(const GlobalOptions& global, OutputFormat format);

}  // namespace boxlite::cli
