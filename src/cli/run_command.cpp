// `boxlite run` and `boxlite exec`.
#include <signal.h>

#include <cstdio>
#include <utility>

#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/progress.h"

namespace boxlite::cli {
namespace {

std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size());
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

const char* OrNull(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

bool CreateBox(Session& session, const RunOptions& options, BoxHandle& box) {
  std::vector<const char*> env = Pointers(options.exec.env);
  boxlite_box_options raw = BOXLITE_BOX_OPTIONS_INIT;
  raw.image = options.image.c_str();
  raw.name = OrNull(options.name);
  raw.cpus = options.cpus;
  raw.memory_mib = options.memory_mib;
  raw.env = env.data();
  raw.env_count = env.size();
  raw.working_dir = OrNull(options.exec.working_dir);
  raw.user = OrNull(options.exec.user);
  if (options.remove) raw.flags |= BOXLITE_BOX_AUTO_REMOVE;
  if (options.exec.detach) raw.flags |= BOXLITE_BOX_DETACHED;
  ErrorHandle err;
  if (boxlite_box_create(Out(box), session.runtime(), &raw, Out(err)) == BOXLITE_OK) return true;
  Fail(err.get());
  return false;
}

struct Starting {
  Completion completion;
  ProgressLine progress;
  bool resolved = false;
};

void OnProgress(void* user_data, const boxlite_progress* progress) {
  static_cast<Starting*>(user_data)->progress.Show(*progress);
}

void OnStarted(void* user_data, boxlite_status status, const boxlite_error* err) {
  Completion::Done(&static_cast<Starting*>(user_data)->completion, status, err);
}

// Pulls where needed and boots. A signal meanwhile cancels it.
int StartBox(Session& session, boxlite_box* box, const std::string& image) {
  Starting starting{{}, ProgressLine(image)};
  OperationHandle operation;
  ErrorHandle err;
  boxlite_status started =
      boxlite_box_start(box, OnProgress, OnStarted, &starting, nullptr, Out(operation), Out(err));
  int interrupted = 0;
  auto signals = session.OnSignals([&](int number) {
    if (number == SIGWINCH) return;
    interrupted = number;
    boxlite_operation_cancel(operation.get());
  });
  int failed = Await(session, started, err, starting.completion);
  return failed != 0 && interrupted != 0 ? 128 + interrupted : failed;
}

int StopBox(Session& session, boxlite_box* box) {
  Completion stopped;
  ErrorHandle err;
  boxlite_status started =
      boxlite_box_stop(box, 0, Completion::Done, &stopped, nullptr, nullptr, Out(err));
  return Await(session, started, err, stopped);
}

int RemoveBox(Session& session, boxlite_box* box) {
  Completion removed;
  ErrorHandle err;
  boxlite_status started = boxlite_box_remove(box, BOXLITE_REMOVE_FORCE, Completion::Done, &removed,
                                              nullptr, nullptr, Out(err));
  return Await(session, started, err, removed);
}

// An execution that goes on without us: over for us as soon as it has started, or could not. It
// outlives the session, whose end completes what was asked for.
struct DetachedStart {
  bool finished = false;
  int exit_code = 0;
  int interrupted = 0;

  static void OnStart(void* user_data, int64_t /*guest_pid*/) {
    static_cast<DetachedStart*>(user_data)->finished = true;
  }
  static void OnExit(void* user_data, boxlite_status status, const boxlite_error* err,
                     const boxlite_exec_result* /*result*/) {
    auto* start = static_cast<DetachedStart*>(user_data);
    if (std::exchange(start->finished, true)) return;
    if (status == BOXLITE_OK) return;
    bool cancelled = status == BOXLITE_STATUS_CANCELLED && start->interrupted != 0;
    start->exit_code = cancelled ? 128 + start->interrupted : FailedStart(status, err);
  }
};

int StartDetached(Session& session, DetachedStart& start, boxlite_box* box,
                  const std::vector<std::string>& command, const ExecOptions& options,
                  uint32_t flags) {
  std::vector<const char*> argv = Pointers(command);
  std::vector<const char*> env = Pointers(options.env);
  boxlite_exec_options raw = BOXLITE_EXEC_OPTIONS_INIT;
  raw.argv = argv.data();
  raw.argc = argv.size();
  raw.env = env.data();
  raw.env_count = env.size();
  raw.cwd = OrNull(options.working_dir);
  raw.user = OrNull(options.user);
  raw.flags = flags | BOXLITE_EXEC_DETACHED | (options.tty ? BOXLITE_EXEC_TTY : 0);
  raw.on_start = DetachedStart::OnStart;
  raw.on_exit = DetachedStart::OnExit;
  raw.user_data = &start;
  ExecutionHandle execution;
  ErrorHandle err;
  if (boxlite_box_exec(Out(execution), box, &raw, Out(err)) != BOXLITE_OK) return Fail(err.get());
  auto signals = session.OnSignals([&](int number) {
    if (number == SIGWINCH) return;
    start.interrupted = number;
    Ignore(boxlite_execution_kill(execution.get(), SIGKILL, nullptr));
  });
  session.RunUntil(start.finished);
  return start.exit_code;
}

// Before anything is made.
bool HasTerminal(const ExecOptions& options) {
  if (!options.tty || !options.interactive || options.detach || InputIsTerminal()) return true;
  Fail("-t wants a terminal, and standard input is none; leave -t out");
  return false;
}

}  // namespace

int RunCommand(const GlobalOptions& global, const RunOptions& options) {
  if (!HasTerminal(options.exec)) return kExitFailure;
  DetachedStart start;
  std::unique_ptr<Session> session = Session::Open(global);
  BoxHandle box;
  if (!session || !CreateBox(*session, options, box)) return kExitFailure;
  int failed = StartBox(*session, box.get(), options.image);
  if (failed != 0) {
    RemoveBox(*session, box.get());
    return failed;
  }
  constexpr uint32_t kFlags = BOXLITE_EXEC_MAIN | BOXLITE_EXEC_ENTRYPOINT;
  if (options.exec.detach) {
    failed = StartDetached(*session, start, box.get(), options.command, options.exec, kFlags);
    if (failed == 0) std::puts(boxlite_box_id(box.get()));
    if (failed != 0) RemoveBox(*session, box.get());
    return failed;
  }
  // The environment, directory and user are the box's already.
  ExecOptions exec = options.exec;
  exec.env.clear();
  exec.working_dir.clear();
  exec.user.clear();
  int exit_code = ForegroundExecution(*session, box.get(), exec).Run(options.command, kFlags);
  int stop_failed = StopBox(*session, box.get());
  return exit_code == 0 ? stop_failed : exit_code;
}

int ExecCommand(const GlobalOptions& global, const ExecOptions& options,
                const std::string& box_name, const std::vector<std::string>& command) {
  if (!HasTerminal(options)) return kExitFailure;
  DetachedStart start;
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  BoxHandle box;
  ErrorHandle err;
  if (boxlite_box_get(Out(box), session->runtime(), box_name.c_str(), Out(err)) != BOXLITE_OK)
    return Fail(err.get());
  BoxInfoHandle info;
  if (boxlite_box_get_info(Out(info), box.get(), Out(err)) != BOXLITE_OK) return Fail(err.get());
  if (boxlite_box_info_state(info.get()) != BOXLITE_BOX_STATE_RUNNING) {
    std::string message = "box " + box_name + " does not run; boxlite run makes and starts one";
    return Fail(message.c_str());
  }
  if (options.detach) return StartDetached(*session, start, box.get(), command, options, 0);
  return ForegroundExecution(*session, box.get(), options).Run(command, 0);
}

}  // namespace boxlite::cli
