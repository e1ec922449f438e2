#include "cli/commands.h"

#include <signal.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "cli/execute.h"
#include "cli/progress.h"

namespace boxlite::cli {
namespace {

struct Starting {
  Completion completion;
  ProgressLine progress;
};

void OnProgress(void* user_data, const boxlite_progress* progress) {
  static_cast<Starting*>(user_data)->progress.Show(*progress);
}

void OnStarted(void* user_data, boxlite_status status, const boxlite_error* err) {
  Completion::Done(&static_cast<Starting*>(user_data)->completion, status, err);
}

}  // namespace

void AddRepeated(CLI::App* command, const std::string& name, std::vector<std::string>& values,
                 const std::string& description) {
  command->add_option(name, values, description)->type_size(1)->allow_extra_args(false);
}

std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size());
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

const char* OrNull(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

int ForEach(const std::vector<std::string>& names, Echo echo,
            const std::function<int(const std::string&)>& act) {
  int failed = 0;
  for (const std::string& name : names) {
    if (act(name) != 0)
      failed = 1;
    else if (echo == Echo::kNames)
      std::puts(name.c_str());
  }
  return failed;
}

bool FindBox(Session& session, const std::string& name, BoxHandle& box) {
  ErrorHandle err;
  if (boxlite_box_get(Out(box), session.runtime(), name.c_str(), Out(err)) == BOXLITE_OK)
    return true;
  Fail(err.get());
  return false;
}

bool IsRunning(boxlite_box* box, const std::string& name) {
  BoxInfoHandle info;
  ErrorHandle err;
  if (boxlite_box_get_info(Out(info), box, Out(err)) != BOXLITE_OK) return Fail(err.get()) == 0;
  if (boxlite_box_info_state(info.get()) == BOXLITE_BOX_STATE_RUNNING) return true;
  std::string message = "box " + name + " does not run; boxlite start " + name + " starts it";
  return Fail(message.c_str()) == 0;
}

bool Lives(const boxlite_box_info* box) {
  boxlite_box_state state = boxlite_box_info_state(box);
  return state != BOXLITE_BOX_STATE_CREATED && state != BOXLITE_BOX_STATE_STOPPED;
}

int StartBox(Session& session, boxlite_box* box, const std::string& subject) {
  Starting starting{{}, ProgressLine(subject)};
  OperationHandle operation;
  ErrorHandle err;
  boxlite_status started =
      boxlite_box_start(box, OnProgress, OnStarted, &starting, nullptr, Out(operation), Out(err));
  return AwaitCancellable(session, started, err, starting.completion, operation.get());
}

int StopBox(Session& session, boxlite_box* box, uint32_t timeout_ms) {
  Completion stopped;
  ErrorHandle err;
  boxlite_status started =
      boxlite_box_stop(box, timeout_ms, Completion::Done, &stopped, nullptr, nullptr, Out(err));
  return Await(session, started, err, stopped);
}

int RemoveBox(Session& session, boxlite_box* box, uint32_t flags) {
  Completion removed;
  ErrorHandle err;
  boxlite_status started =
      boxlite_box_remove(box, flags, Completion::Done, &removed, nullptr, nullptr, Out(err));
  return Await(session, started, err, removed);
}

void DetachedStart::OnStart(void* self, int64_t /*guest_pid*/) {
  static_cast<DetachedStart*>(self)->finished_ = true;
}

void DetachedStart::OnExit(void* self, boxlite_status status, const boxlite_error* err,
                           const boxlite_exec_result* /*result*/) {
  auto* start = static_cast<DetachedStart*>(self);
  if (std::exchange(start->finished_, true)) return;
  if (status == BOXLITE_OK) return;
  bool cancelled = status == BOXLITE_STATUS_CANCELLED && start->interrupted_ != 0;
  start->exit_code_ = cancelled ? 128 + start->interrupted_ : FailedStart(status, err);
}

int DetachedStart::Start(Session& session, boxlite_box* box,
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
  raw.timeout_ms = static_cast<uint64_t>(std::ceil(options.timeout_seconds * 1000));
  raw.flags = flags | BOXLITE_EXEC_DETACHED | (options.tty ? BOXLITE_EXEC_TTY : 0);
  raw.on_start = OnStart;
  raw.on_exit = OnExit;
  raw.user_data = this;
  ExecutionHandle execution;
  ErrorHandle err;
  if (boxlite_box_exec(Out(execution), box, &raw, Out(err)) != BOXLITE_OK) return Fail(err.get());
  auto signals = session.OnSignals([&](int number) {
    if (number == SIGWINCH) return;
    interrupted_ = number;
    Ignore(boxlite_execution_kill(execution.get(), SIGKILL, nullptr));
  });
  session.RunUntil(finished_);
  return exit_code_;
}

}  // namespace boxlite::cli
