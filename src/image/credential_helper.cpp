#include "image/credential_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/sys.h"

namespace boxlite::image {
namespace {

constexpr int64_t kTimeLimitMs = 30'000;
constexpr size_t kMaxAnswer = 64 * 1024;
constexpr std::string_view kNotFound = "credentials not found";  // and then where

Error Failed(const HelperCall& call, const std::string& what) {
  std::string program = "docker-credential-" + call.name;
  return Error(Code::kConfig,
               "credential helper " + program + " for registry " + call.host + ": " + what,
               "try: echo " + HelperQuestion(call.host) + " | " + program + " get");
}

// The program in the user's PATH; empty where there is none.
std::string FindProgram(const HelperCall& call) {
  std::string path = VariableIn(call.environment, "PATH");
  std::string_view rest = path;
  while (!rest.empty()) {
    size_t colon = std::min(rest.find(':'), rest.size());
    std::string candidate = std::string(rest.substr(0, colon)) + "/docker-credential-" + call.name;
    // What is relative in there was meant for another directory than ours.
    if (candidate[0] == '/' && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return {};
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

class Helper {
 public:
  explicit Helper(const HelperCall& call) : call_(call) {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() { End(); }

  Result<void> Start(const std::string& program);
  // Its whole answer; an error where it took too long or says too much.
  Result<std::string> Answer(const AwaitReadable& await);
  // The status of waitpid; the helper and what it has started are gone then.
  int End();

 private:
  [[noreturn]] void Execute(const char* program, char* const* argv, char* const* environment,
                            int input, int output);
  // False at the end of the output.
  Result<bool> ReadSome(std::string& answer);

  const HelperCall& call_;
  pid_t pid_ = -1;
  bool answered_ = false;
  UniqueFd pidfd_, output_;
};

Result<void> Helper::Start(const std::string& program) {
  auto input = BOXLITE_TRY(sys::Pipe());
  auto output = BOXLITE_TRY(sys::Pipe());
  // It fits into the pipe: nobody needs to read yet.
  BOXLITE_TRY(sys::WriteAll(input.second.get(), AsBytes(HelperQuestion(call_.host) + "\n")));
  input.second.Reset();
  BOXLITE_TRY(sys::SetNonBlocking(output.first.get()));
  std::vector<std::string> words = {"docker-credential-" + call_.name, "get"};
  std::vector<char*> argv = Pointers(words);
  std::vector<char*> environment = Pointers(call_.environment);
  pid_ = ::fork();
  if (pid_ < 0) return sys::ErrnoError("start " + program);
  if (pid_ == 0)
    Execute(program.c_str(), argv.data(), environment.data(), input.first.get(),
            output.second.get());
  ::setpgid(pid_, pid_);  // As the child does: whoever is first.
  pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) return sys::ErrnoError("watch " + program);
  output_ = std::move(output.first);
  return {};
}

void Helper::Execute(const char* program, char* const* argv, char* const* environment, int input,
                     int output) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::signal(SIGPIPE, SIG_DFL);
  int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (::dup2(input, STDIN_FILENO) == STDIN_FILENO &&
      ::dup2(output, STDOUT_FILENO) == STDOUT_FILENO &&
      ::dup2(null, STDERR_FILENO) == STDERR_FILENO && ::close_range(STDERR_FILENO + 1, ~0U, 0) == 0)
    ::execve(program, argv, environment);
  ::_exit(127);
}

Result<bool> Helper::ReadSome(std::string& answer) {
  char piece[4096];
  for (;;) {
    ssize_t count = ::read(output_.get(), piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return true;
    if (count < 0) return sys::ErrnoError("read its answer");
    if (count == 0) return false;
    if (answer.size() + static_cast<size_t>(count) > kMaxAnswer)
      return Failed(call_, "it answers more than " + std::to_string(kMaxAnswer) + " bytes");
    answer.append(piece, static_cast<size_t>(count));
  }
}

Result<std::string> Helper::Answer(const AwaitReadable& await) {
  int64_t deadline_ms = MonotonicMs() + kTimeLimitMs;
  const int fds[] = {output_.get(), pidfd_.get()};
  std::string answer;
  while (BOXLITE_TRY(ReadSome(answer))) {
    // What it has started in the background may keep the pipe; its own end is the answer's.
    siginfo_t ended{};
    bool over =
        ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        ended.si_pid == pid_;
    if (over) {
      BOXLITE_TRY(ReadSome(answer));
      break;
    }
    if (!await(fds, deadline_ms))
      return Failed(call_,
                    "it did not answer within " + std::to_string(kTimeLimitMs / 1000) + " s");
  }
  answered_ = true;
  return answer;
}

int Helper::End() {
  int status = 0;
  if (pid_ < 0) return status;
  pid_t pid = std::exchange(pid_, -1);
  constexpr int kExitMs = 2000;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  if (answered_) ::poll(&ended, 1, kExitMs);
  ::kill(-pid, SIGKILL);
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

std::string VariableIn(const std::vector<std::string>& environment, const std::string& name) {
  for (const std::string& entry : environment)
    if (entry.size() > name.size() && entry[name.size()] == '=' &&
        entry.compare(0, name.size(), name) == 0)
      return entry.substr(name.size() + 1);
  return {};
}

Result<std::optional<Account>> AskHelper(const HelperCall& call, const AwaitReadable& await) {
  std::string program = FindProgram(call);
  if (program.empty()) return Failed(call, "there is no such program in PATH");
  Helper helper(call);
  Result<void> started = helper.Start(program);
  if (!started.ok()) return Failed(call, started.error().message());
  std::string answer = BOXLITE_TRY(helper.Answer(await));
  int status = helper.End();
  if (WIFSIGNALED(status)) return Failed(call, "a signal ended it");
  if (WEXITSTATUS(status) != 0) {
    if (std::string_view(answer).substr(0, kNotFound.size()) == kNotFound)
      return std::optional<Account>();
    return Failed(call, "it ended with exit code " + std::to_string(WEXITSTATUS(status)));
  }
  Result<Account> account = ParseHelperAnswer(answer);
  if (!account.ok()) return Failed(call, account.error().message());
  account.value().source = "docker-credential-" + call.name;
  return std::optional<Account>(account.TakeValue());
}

}  // namespace boxlite::image
