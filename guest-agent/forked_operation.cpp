#include "guest-agent/forked_operation.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/sys.h"

namespace boxlite::agent {

using proto::Channel;

namespace {

constexpr int kPipeSize = 1024 * 1024;  // fewer switches between us and the child
constexpr uint64_t kKillAfterMs = 5000;
constexpr size_t kMaxStatus = 60 * 1024;  // what its pipe holds: the child never waits for us

void Interrupt(int) {}

// The status goes out last, so that whoever reads it knows that everything else is out.
[[noreturn]] void RunChild(int input, int output, int status, const ForkedOperation::Work& work) {
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(status, STDERR_FILENO);
  ::syscall(SYS_close_range, 3u, ~0u, 0u);
  ::prctl(PR_SET_NAME, "boxlite-files");
  ::umask(0);
  struct sigaction action {};
  action.sa_handler = Interrupt;
  ::sigaction(SIGTERM, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  proto::Closed closed;
  Result<void> result = work();
  if (!result.ok()) closed.status = proto::ToRecord(result.error());
  Bytes record = proto::Encode(closed);
  static_cast<void>(sys::WriteAll(STDERR_FILENO, record));
  ::_exit(0);
}

}  // namespace

Result<std::unique_ptr<Operation>> ForkedOperation::Create(Loop& loop, Reaper& reaper,
                                                           Stream stream, std::string what,
                                                           Flow flow, const Work& work) {
  if (flow.window > proto::kMaxWindow)
    return Error(Code::kInvalidArgument, "the window of " + what + " is larger than 64 MiB");
  auto operation = std::make_unique<ForkedOperation>(loop, reaper, stream, std::move(what));
  BOXLITE_TRY(operation->Start(flow, work));
  return std::unique_ptr<Operation>(std::move(operation));
}

ForkedOperation::ForkedOperation(Loop& loop, Reaper& reaper, Stream stream, std::string what)
    : reaper_(reaper),
      stream_(stream),
      what_(std::move(what)),
      input_(loop, stream),
      output_(loop, stream, Channel::kOutput, [this] { FinishIfOver(); }),
      kill_(loop, [this] { ::kill(pid_, SIGKILL); }) {}

Result<void> ForkedOperation::Start(Flow flow, const Work& work) {
  auto in = BOXLITE_TRY(sys::Pipe());
  auto out = BOXLITE_TRY(sys::Pipe());
  auto status = BOXLITE_TRY(sys::Pipe());
  BOXLITE_TRY(sys::SetNonBlocking(in.second.get()));
  BOXLITE_TRY(sys::SetNonBlocking(out.first.get()));
  BOXLITE_TRY(sys::SetNonBlocking(status.first.get()));
  ::fcntl(in.second.get(), F_SETPIPE_SZ, kPipeSize);
  ::fcntl(out.first.get(), F_SETPIPE_SZ, kPipeSize);
  pid_ = ::fork();
  if (pid_ < 0) return sys::ErrnoError("start a process to " + what_);
  if (pid_ == 0) RunChild(in.first.get(), out.second.get(), status.second.get(), work);
  reaper_.Expect(pid_, [this](int wait_status) { OnExit(wait_status); });
  status_ = std::move(status.first);
  proto::Accepted accepted;
  if (flow.input == Input::kStream) {
    accepted.window = kInputWindow;
    input_.Start(std::move(in.second), InputKind::kPipe);
  }
  stream_.Accept(accepted);
  output_.Start(std::move(out.first), flow.window);
  return {};
}

Result<void> ForkedOperation::OnCredit(Channel channel, uint32_t bytes) {
  // Credit for the error channel, which has no data, is granted by clients that treat both alike.
  return channel == Channel::kOutput ? output_.Grant(bytes) : Result<void>();
}

void ForkedOperation::OnCancel() {
  if (exited_ || cancelled_) return;
  cancelled_ = true;
  // It removes what it has made half; one that does not get to it is killed.
  ::kill(pid_, SIGTERM);
  kill_.Start(kKillAfterMs);
  input_.Close();
  output_.Finish();
}

void ForkedOperation::OnExit(int wait_status) {
  exited_ = true;
  kill_.Stop();
  result_ = HowItEnded(wait_status);
  input_.Close();
  FinishIfOver();
}

proto::Closed ForkedOperation::HowItEnded(int wait_status) {
  proto::Closed closed;
  if (cancelled_) {
    closed.status = proto::ToRecord(Error(Code::kCancelled, what_ + " was cancelled"));
    return closed;
  }
  auto record = sys::ReadFile(status_.get(), kMaxStatus);
  auto decoded = record.ok() ? proto::Decode<proto::Closed>(AsBytes(record.value()))
                             : Result<proto::Closed>(record.TakeError());
  if (decoded.ok() && WIFEXITED(wait_status) && !record.value().empty()) return decoded.TakeValue();
  closed.status = proto::ToRecord(
      WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL
          ? Error(Code::kResourceExhausted, what_ + " was killed, most likely for want of memory")
          : Error(Code::kInternal, what_ + " ended without a word"));
  return closed;
}

// The output is at its end when the child has ended, as nobody else has the pipe.
void ForkedOperation::FinishIfOver() {
  if (!exited_ || closed_ || !output_.at_end()) return;
  closed_ = true;
  stream_.Close(result_);
}

}  // namespace boxlite::agent
