// One invocation's runtime and its event loop: callbacks of the library, signals and standard input
// on one thread.
#pragma once

#include <boxlite.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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
  // While it lives, signals go to its handler; then to the one before it, if there was one.
  class SignalScope {
   public:
    SignalScope(Session& session, SignalHandler handler);
    ~SignalScope();
    SignalScope(const SignalScope&) = delete;
    SignalScope& operator=(const SignalScope&) = delete;

   private:
    Session& session_;  // outlives us
    SignalHandler before_;
  };
  using InputHandler = std::function<void()>;

  // Opens the runtime; prints why where that fails and returns nothing.
  static std::unique_ptr<Session> Open(const GlobalOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  boxlite_runtime* runtime() const { return runtime_.get(); }

  // Signals that arrive from now on go to the handler instead of ending the program. After the
  // scope they are left aside: what is still to be done then is to stop and to remove, which have
  // time limits of their own, and should not be left half done.
  [[nodiscard]] SignalScope OnSignals(SignalHandler handler) {
    return SignalScope(*this, std::move(handler));
  }
  // `handler` is called while standard input can be read; an empty one pauses that.
  void OnInput(InputHandler handler) { input_handler_ = std::move(handler); }

  // Runs callbacks until `finished` is true.
  void RunUntil(const bool& finished);

 private:
  Session() = default;
  void BlockSignals();
  void HandleSignals();

  RuntimeHandle runtime_;
  int signal_fd_ = -1;
  SignalHandler signal_handler_;
  InputHandler input_handler_;
};

// The completion of one asynchronous call.
//
//   Completion stopped;
//   ErrorHandle err;
//   boxlite_status started =
//       boxlite_box_stop(box, 0, Completion::Done, &stopped, nullptr, nullptr, Out(err));
//   int failed = Await(session, started, err, stopped);
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
// Likewise; a signal that would end the program cancels `operation`, and the answer is then 128 +
// n.
int AwaitCancellable(Session& session, boxlite_status started, const ErrorHandle& err,
                     Completion& completion, boxlite_operation* operation);

}  // namespace boxlite::cli
