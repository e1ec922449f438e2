#include "cli/session.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace boxlite::cli {
namespace {

constexpr std::array kForwarded = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

}  // namespace

std::optional<boxlite_engine> EngineFromName(const std::string& name) {
  if (name == "auto") return BOXLITE_ENGINE_AUTO;
  if (name == "kvm") return BOXLITE_ENGINE_KVM;
  if (name == "qemu") return BOXLITE_ENGINE_QEMU;
  return std::nullopt;
}

std::unique_ptr<Session> Session::Open(const GlobalOptions& options) {
  // A reader that went away ends the output, not this program before the terminal is restored.
  ::signal(SIGPIPE, SIG_IGN);
  std::vector<const char*> registries;
  registries.reserve(options.registries.size());
  for (const std::string& registry : options.registries) registries.push_back(registry.c_str());
  boxlite_runtime_options raw = BOXLITE_RUNTIME_OPTIONS_INIT;
  raw.home_dir = options.home.empty() ? nullptr : options.home.c_str();
  raw.image_registries = registries.data();
  raw.image_registry_count = registries.size();
  raw.engine = EngineFromName(options.engine).value_or(BOXLITE_ENGINE_AUTO);
  std::unique_ptr<Session> session(new Session());
  ErrorHandle err;
  if (boxlite_runtime_create(Out(session->runtime_), &raw, Out(err)) != BOXLITE_OK) {
    Fail(err.get());
    return nullptr;
  }
  return session;
}

Session::~Session() {
  if (signal_fd_ >= 0) ::close(signal_fd_);
}

Session::SignalScope::SignalScope(Session& session, SignalHandler handler)
    : session_(session), before_(std::exchange(session.signal_handler_, std::move(handler))) {
  session_.BlockSignals();
}

Session::SignalScope::~SignalScope() {
  session_.signal_handler_ = std::move(before_);
}

void Session::BlockSignals() {
  if (signal_fd_ >= 0) return;
  sigset_t set;
  ::sigemptyset(&set);
  for (int number : kForwarded) ::sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void Session::HandleSignals() {
  signalfd_siginfo info{};
  while (::read(signal_fd_, &info, sizeof info) == sizeof info) {
    if (signal_handler_) signal_handler_(static_cast<int>(info.ssi_signo));
  }
}

void Session::RunUntil(const bool& finished) {
  while (!finished) {
    if (boxlite_runtime_drain(runtime_.get(), 0) > 0) continue;
    if (finished) return;
    pollfd watched[3] = {{boxlite_runtime_fd(runtime_.get()), POLLIN, 0},
                         {signal_fd_, POLLIN, 0},
                         {input_handler_ ? STDIN_FILENO : -1, POLLIN, 0}};
    if (::poll(watched, 3, -1) < 0 && errno != EINTR) return;
    if (watched[1].revents != 0) HandleSignals();
    if (watched[2].revents != 0 && input_handler_) input_handler_();
  }
}

void Completion::Done(void* user_data, boxlite_status status, const boxlite_error* err) {
  auto* completion = static_cast<Completion*>(user_data);
  completion->finished = true;
  completion->status = status;
  completion->error.reset(boxlite_error_copy(err));
}

int Await(Session& session, boxlite_status started, const ErrorHandle& err,
          Completion& completion) {
  if (started != BOXLITE_OK) return Fail(err.get());
  session.RunUntil(completion.finished);
  return completion.status == BOXLITE_OK ? 0 : Fail(completion.error.get());
}

int AwaitCancellable(Session& session, boxlite_status started, const ErrorHandle& err,
                     Completion& completion, boxlite_operation* operation) {
  int interrupted = 0;
  auto signals = session.OnSignals([&](int number) {
    if (number == SIGWINCH) return;
    interrupted = number;
    boxlite_operation_cancel(operation);
  });
  int failed = Await(session, started, err, completion);
  return failed != 0 && interrupted != 0 ? 128 + interrupted : failed;
}

}  // namespace boxlite::cli
