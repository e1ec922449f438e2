// One invocation's runtime and its event loop: callbacks of the library, signals and standard input
// on one thread.
#pragma once

#include <boxlite.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/handles.h"

namespace boxlite::cli {

// The options that stand before the subcommand.
struct GlobalOptions {
  std::string home;
  std::vector<std::string> registries;
  std::string engine = "auto";
};

std::optional<boxlite_engine> EngineFromName(const std::string& name);

class Session {
 public:
  using SignalHandler = std::function<void(int number)>;
  using InputHandler = std::function<void()>;

  // Opens the runtime; prints why where that fails and returns nothing.
  static std::unique_ptr<Session> Open(const GlobalOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  boxlite_runtime* runtime() const { return runtime_.get(); }

  // Signals that arrive from now on go to the handler instead of ending the program.
  void OnSignals(SignalHandler handler);
  // `handler` is called while standard input can be read; an empty one pauses that.
  void OnInput(InputHandler handler) { input_handler_ = std::move(handler); }

  // Runs callbacks until `finished` is true.
  void RunUntil(const bool& finished);

 private:
  Session() = default;
  void HandleSignals();

  RuntimeHandle runtime_;
  int signal_fd_ = -1;
  SignalHandler signal_handler_;
  InputHandler input_handler_;
};

// The completion of one asynchronous call.
//
//   Completion stopped;
//   int failed = stopped.Wait(session, boxlite_box_stop(box, 0, stopped.done, &stopped, nullptr,
//   nullptr, Out(err)), err);
struct Completion {
  bool finished = false;
  boxlite_status status = BOXLITE_OK;
  ErrorHandle error;

  // For the `done` and `user_data` parameters.
  static void Done(void* user_data, boxlite_status status, const boxlite_error* err);
};

// Waits for `completion` of a call that returned `started`. Returns 0, or prints the error and
// returns kExitFailure.
int Await(Session& session, boxlite_status started, const ErrorHandle& err, Completion& completion);

}  // namespace boxlite::cli
