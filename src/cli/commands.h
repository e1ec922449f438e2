// What several commands do: parts of a command line that they share, and steps with a box.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/program.h"
#include "cli/session.h"

namespace boxlite::cli {

// What `run` and `exec` share.
struct ExecOptions {
  bool interactive = false;  // -i
  bool tty = false;          // -t
  bool detach = false;       // -d
  std::vector<std::string> env;
  std::vector<std::string> env_files;
  std::string working_dir;
  std::string user;
  double timeout_seconds = 0;
};

// An option that may be given again, with one value each time.
void AddRepeated(CLI::App* command, const std::string& name, std::vector<std::string>& values,
                 const std::string& description);

std::vector<const char*> Pointers(const std::vector<std::string>& texts);
// nullptr for "".
const char* OrNull(const std::string& text);

// Tries `act` with each; goes on after a failure. Returns 0, or 1 where one failed. `act` returns
// an exit code; the names for which that is 0 are printed unless it prints itself.
enum class Echo { kNames, kNothing };
int ForEach(const std::vector<std::string>& names, Echo echo,
            const std::function<int(const std::string& name)>& act);

// The box, or prints that there is none.
bool FindBox(Session& session, const std::string& name, BoxHandle& box);

// Whether it runs; says so where it does not.
bool IsRunning(boxlite_box* box, const std::string& name);

// Whether there is a machine of it, or is about to be.
bool Lives(const boxlite_box_info* box);

// Pulls where needed and boots. A signal meanwhile cancels it. `subject` is what progress is of.
int StartBox(Session& session, boxlite_box* box, const std::string& subject);
int StopBox(Session& session, boxlite_box* box, uint32_t timeout_ms);
int RemoveBox(Session& session, boxlite_box* box, uint32_t flags);

// An execution that goes on without us: over for us as soon as it has started, or could not. It
// outlives the session, whose end completes what was asked for.
class DetachedStart {
 public:
  // Returns the exit code for what happened: 0 where it runs.
  int Start(Session& session, boxlite_box* box, const std::vector<std::string>& command,
            const ExecOptions& options, uint32_t flags);

 private:
  static void OnStart(void* self, int64_t guest_pid);
  static void OnExit(void* self, boxlite_status status, const boxlite_error* err,
                     const boxlite_exec_result* result);

  bool finished_ = false;
  int exit_code_ = 0;
  int interrupted_ = 0;
};

}  // namespace boxlite::cli
