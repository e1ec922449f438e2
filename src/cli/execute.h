// One execution in the foreground: the caller's standard streams, signals and terminal joined to a
// command in a box.
#pragma once

#include <boxlite.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/terminal.h"

namespace boxlite::cli {

// Says why the command could not start, and returns the exit code for it.
int FailedStart(boxlite_status status, const boxlite_error* err);

class ForegroundExecution {
 public:
  ForegroundExecution(Session& session, boxlite_box* box, const ExecOptions& options);

  // Runs argv with BOXLITE_EXEC_* `flags` and returns the exit code: the command's own, 128 + n
  // where signal n ended it, 127 for a command that is not found, 126 for one that cannot be
  // executed, 125 for our own failures, 124 where the timeout ended it.
  int Run(const std::vector<std::string>& argv, uint32_t flags);

 private:
  using Clock = std::chrono::steady_clock;

  boxlite_exec_options BuildOptions(uint32_t flags);
  bool Start(const std::vector<std::string>& argv, uint32_t flags);
  void ForwardSignal(int number);
  void ForwardInput();
  void CloseInput();
  void LookAtEnd() { over_ = finished_ && !input_waiting_; }
  void Write(int fd, const uint8_t* data, size_t size);
  void LoseOutput(int fd, int write_errno);
  void TakeResult(const boxlite_exec_result* result);
  [[noreturn]] void Leave();

  static void OnStart(void* self, int64_t guest_pid);
  static void OnStdout(void* self, const uint8_t* data, size_t size);
  static void OnStderr(void* self, const uint8_t* data, size_t size);
  static void OnExit(void* self, boxlite_status status, const boxlite_error* err,
                     const boxlite_exec_result* result);
  static void OnInputTaken(void* self, boxlite_status status, const boxlite_error* err);

  Session& session_;            // The command's; outlives this.
  boxlite_box* box_;            // Likewise.
  const ExecOptions& options_;  // Likewise.
  std::vector<const char*> argv_, env_;
  ExecutionHandle execution_;
  std::unique_ptr<RawTerminal> raw_terminal_;
  bool started_ = false;
  bool finished_ = false;       // on_exit has come
  bool input_waiting_ = false;  // for on_taken, which may come after on_exit
  bool over_ = false;           // nothing calls us back any more
  bool stdout_lost_ = false, stderr_lost_ = false;
  bool output_failed_ = false;  // and not because its reader went away
  int interrupts_ = 0;
  int last_interrupt_ = 0;
  std::optional<Clock::time_point> killed_at_;
  int exit_code_ = kExitFailure;
};

}  // namespace boxlite::cli
