#include "cli/execute.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <system_error>

namespace boxlite::cli {
namespace {

// Whoever presses Ctrl-C this often wants the command to end, whatever it does with the signal.
constexpr int kInterruptsToKill = 3;
// And who still does so when the box has had this long to answer wants out.
constexpr std::chrono::seconds kTimeToAnswer{2};

bool AsksForTheEnd(int number) {
  return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
}

}  // namespace

int FailedStart(boxlite_status status, const boxlite_error* err) {
  Fail(err);
  if (status != BOXLITE_STATUS_EXECUTION) return kExitFailure;
  return boxlite_error_os_errno(err) == ENOENT ? 127 : 126;
}

ForegroundExecution::ForegroundExecution(Session& session, boxlite_box* box,
                                         const ExecOptions& options)
    : session_(session), box_(box), options_(options) {}

int ForegroundExecution::Run(const std::vector<std::string>& argv, uint32_t flags) {
  auto signals = session_.OnSignals([this](int number) { ForwardSignal(number); });
  if (!Start(argv, flags)) return kExitFailure;
  session_.RunUntil(over_);
  session_.OnInput({});
  raw_terminal_.reset();
  return exit_code_;
}

boxlite_exec_options ForegroundExecution::BuildOptions(uint32_t flags) {
  for (const std::string& entry : options_.env) env_.push_back(entry.c_str());
  boxlite_exec_options raw = BOXLITE_EXEC_OPTIONS_INIT;
  raw.env = env_.data();
  raw.env_count = env_.size();
  raw.cwd = options_.working_dir.empty() ? nullptr : options_.working_dir.c_str();
  raw.user = options_.user.empty() ? nullptr : options_.user.c_str();
  raw.flags = flags;
  raw.timeout_ms = static_cast<uint64_t>(std::ceil(options_.timeout_seconds * 1000));
  if (options_.tty) raw.flags |= BOXLITE_EXEC_TTY;
  if (options_.interactive) raw.flags |= BOXLITE_EXEC_STDIN;
  WindowSize size = TerminalSize();
  raw.rows = size.rows;
  raw.columns = size.columns;
  raw.on_start = OnStart;
  raw.on_stdout = OnStdout;
  raw.on_stderr = OnStderr;
  raw.on_exit = OnExit;
  raw.user_data = this;
  return raw;
}

bool ForegroundExecution::Start(const std::vector<std::string>& argv, uint32_t flags) {
  for (const std::string& argument : argv) argv_.push_back(argument.c_str());
  boxlite_exec_options raw = BuildOptions(flags);
  raw.argv = argv_.data();
  raw.argc = argv_.size();
  ErrorHandle err;
  if (boxlite_box_exec(Out(execution_), box_, &raw, Out(err)) == BOXLITE_OK) return true;
  Fail(err.get());
  return false;
}

void ForegroundExecution::OnStart(void* self, int64_t /*guest_pid*/) {
  auto* execution = static_cast<ForegroundExecution*>(self);
  execution->started_ = true;
  if (!execution->options_.interactive) return;
  if (execution->options_.tty) execution->raw_terminal_ = std::make_unique<RawTerminal>();
  execution->session_.OnInput([execution] { execution->ForwardInput(); });
}

void ForegroundExecution::ForwardSignal(int number) {
  if (number == SIGWINCH) {
    WindowSize size = TerminalSize();
    if (options_.tty && started_)
      Ignore(boxlite_execution_resize(execution_.get(), size.rows, size.columns, nullptr));
    return;
  }
  if (AsksForTheEnd(number)) {
    last_interrupt_ = number;
    ++interrupts_;
    if (killed_at_ && Clock::now() - *killed_at_ >= kTimeToAnswer) Leave();
  }
  bool kill = !started_ || interrupts_ >= kInterruptsToKill;
  if (kill && !killed_at_) killed_at_ = Clock::now();
  Ignore(kill ? boxlite_execution_kill(execution_.get(), SIGKILL, nullptr)
              : boxlite_execution_signal(execution_.get(), number, nullptr));
}

// At once: the box sees that we are gone.
void ForegroundExecution::Leave() {
  raw_terminal_.reset();
  Fail("the box does not answer; it may still run (boxlite ps)");
  ::_exit(128 + last_interrupt_);
}

// Reads one piece and waits until the guest has taken it, so that a slow command slows its input
// and nothing piles up here.
void ForegroundExecution::ForwardInput() {
  std::array<uint8_t, 65536> buffer{};
  ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count <= 0) return CloseInput();
  session_.OnInput({});
  boxlite_status status =
      boxlite_execution_write_stdin(execution_.get(), buffer.data(), static_cast<size_t>(count),
                                    OnInputTaken, this, nullptr, nullptr);
  input_waiting_ = status == BOXLITE_OK;
  if (!input_waiting_) CloseInput();
}

void ForegroundExecution::CloseInput() {
  session_.OnInput({});
  Ignore(boxlite_execution_close_stdin(execution_.get(), nullptr));
}

void ForegroundExecution::OnInputTaken(void* self, boxlite_status status,
                                       const boxlite_error* /*err*/) {
  auto* execution = static_cast<ForegroundExecution*>(self);
  execution->input_waiting_ = false;
  execution->LookAtEnd();
  if (status == BOXLITE_OK && !execution->finished_)
    execution->session_.OnInput([execution] { execution->ForwardInput(); });
}

void ForegroundExecution::Write(int fd, const uint8_t* data, size_t size) {
  bool& lost = fd == STDOUT_FILENO ? stdout_lost_ : stderr_lost_;
  while (size > 0 && !lost) {
    ssize_t count = ::write(fd, data, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      // Somebody who shares the descriptor has made it non-blocking; its reader is slow, not gone.
      pollfd writable{fd, POLLOUT, 0};
      ::poll(&writable, 1, -1);
      continue;
    }
    if (count < 0) {
      lost = true;
      return LoseOutput(fd, errno);
    }
    data += count;
    size -= static_cast<size_t>(count);
  }
}

// Where our reader has gone, the command loses its own, as it would in a pipe. Anything else is our
// failure, whatever the command's exit says: some of its output is missing.
void ForegroundExecution::LoseOutput(int fd, int write_errno) {
  Ignore(boxlite_execution_kill(execution_.get(), SIGPIPE, nullptr));
  if (write_errno == EPIPE) return;
  raw_terminal_.reset();
  output_failed_ = true;
  std::string message = fd == STDOUT_FILENO ? "standard output: " : "standard error: ";
  Fail((message + std::generic_category().message(write_errno)).c_str());
}

void ForegroundExecution::OnStdout(void* self, const uint8_t* data, size_t size) {
  static_cast<ForegroundExecution*>(self)->Write(STDOUT_FILENO, data, size);
}

void ForegroundExecution::OnStderr(void* self, const uint8_t* data, size_t size) {
  static_cast<ForegroundExecution*>(self)->Write(STDERR_FILENO, data, size);
}

void ForegroundExecution::TakeResult(const boxlite_exec_result* result) {
  if (output_failed_) return;
  bool late = boxlite_exec_result_timed_out(result) != 0;
  exit_code_ = late ? kExitTimeout : ShellExitCode(boxlite_exec_result_exit_code(result));
}

void ForegroundExecution::OnExit(void* self, boxlite_status status, const boxlite_error* err,
                                 const boxlite_exec_result* result) {
  auto* execution = static_cast<ForegroundExecution*>(self);
  execution->finished_ = true;
  execution->LookAtEnd();
  if (status == BOXLITE_OK) return execution->TakeResult(result);
  execution->raw_terminal_.reset();
  if (status == BOXLITE_STATUS_CANCELLED && execution->interrupts_ > 0) {
    execution->exit_code_ = 128 + execution->last_interrupt_;
    return;
  }
  execution->exit_code_ = FailedStart(status, err);
}

}  // namespace boxlite::cli
