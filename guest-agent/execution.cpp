#include "guest-agent/execution.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/clock.h"
#include "base/sys.h"
#include "guest-agent/terminal.h"

namespace boxlite::agent {

using proto::Channel;

namespace {

constexpr uint64_t kGraceMs = 200;
constexpr int kOutputPipeSize = 1024 * 1024;  // fewer switches between a writer and us
constexpr size_t kDrainSize = 64 * 1024;

// Where a request names no directory.
std::string DefaultDirectory() {
  auto home = sys::StatAt(AT_FDCWD, "/root");
  return home.ok() && S_ISDIR(home.value().st_mode) ? "/root" : "/";
}

struct Pipe {
  UniqueFd read, write;
};

// `ours` is non-blocking, the other end belongs to the process's user, who may open it again by
// /dev/stdout.
enum class OurEnd { kRead, kWrite };
Result<Pipe> MakePipe(OurEnd ours, uid_t owner) {
  auto ends = BOXLITE_TRY(sys::Pipe());
  Pipe pipe{std::move(ends.first), std::move(ends.second)};
  BOXLITE_TRY(sys::SetNonBlocking(ours == OurEnd::kRead ? pipe.read.get() : pipe.write.get()));
  if (ours == OurEnd::kRead) ::fcntl(pipe.read.get(), F_SETPIPE_SZ, kOutputPipeSize);
  if (owner != 0 && ::fchown(pipe.read.get(), owner, static_cast<gid_t>(-1)) < 0) {
    return sys::ErrnoError("give a pipe to its user");
  }
  return pipe;
}

}  // namespace

void OutputDrains::Add(UniqueFd pipe) {
  Drain& drain = drains_.emplace_back();
  drain.pipe = std::move(pipe);
  drain.watch = std::make_unique<Watch>(loop_, [&drain](uint32_t) {
    char dropped[kDrainSize];
    ssize_t count = ::read(drain.pipe.get(), dropped, sizeof dropped);
    if (count > 0 || (count < 0 && errno == EAGAIN)) return;
    drain.watch->Stop();
    drain.pipe.Reset();
  });
  if (!drain.watch->Want(drain.pipe.get(), EPOLLIN).ok()) drain.pipe.Reset();
}

void OutputDrains::CollectGarbage() {
  drains_.remove_if([](const Drain& drain) { return !drain.pipe; });
}

struct Execution::Ends {
  UniqueFd input, output, error;
};

Result<std::unique_ptr<Operation>> Execution::Create(ExecutionContext& context, Stream stream,
                                                     ByteSpan payload) {
  auto request = BOXLITE_TRY(proto::Decode<proto::Exec>(payload));
  if (request.window > proto::kMaxWindow) {
    return Error(Code::kInvalidArgument, "the window of an execution is larger than 64 MiB");
  }
  Identity identity = BOXLITE_TRY(LookUpUser(request.user));
  Cgroup cgroup = BOXLITE_TRY(Cgroup::Create("exec-" + std::to_string(++context.started)));
  auto execution = std::make_unique<Execution>(context, stream, std::move(cgroup));
  BOXLITE_TRY(execution->Start(request, std::move(identity)));
  return std::unique_ptr<Operation>(std::move(execution));
}

Execution::Execution(ExecutionContext& context, Stream stream, Cgroup cgroup)
    : context_(context),
      stream_(stream),
      cgroup_(std::move(cgroup)),
      input_(context.loop, stream),
      output_(context.loop, stream, Channel::kOutput, [this] { FinishIfOver(); }),
      error_(context.loop, stream, Channel::kError, [this] { FinishIfOver(); }),
      timeout_(context.loop, [this] { OnTimeout(); }),
      grace_(context.loop, [this] { FinishIfOver(); }) {}

Execution::~Execution() {
  if (cgroup_) context_.cgroups.Remove(std::move(*cgroup_));
}

Result<void> Execution::Start(proto::Exec& request, Identity identity) {
  bool is_tty = (request.flags & proto::kExecTty) != 0;
  SpawnRequest spawn;
  spawn.command = BOXLITE_TRY(MakeCommand(request, identity));
  Ends ends = BOXLITE_TRY(is_tty ? OpenTty(request, identity) : OpenPipes(request, identity));
  spawn.identity = std::move(identity);
  spawn.cwd = request.cwd.empty() ? DefaultDirectory() : request.cwd;
  spawn.limits = std::move(request.limits);
  spawn.terminal = is_tty ? Terminal::kYes : Terminal::kNo;
  spawn.cgroup_fd = cgroup_->fd();
  spawn.stdio[0] = ends.input.get();
  spawn.stdio[1] = is_tty ? ends.input.get() : ends.output.get();
  spawn.stdio[2] = is_tty ? ends.input.get() : ends.error.get();
  started_ms_ = MonotonicMs();
  pid_ = BOXLITE_TRY(Spawn(spawn));
  context_.reaper.Expect(pid_, [this](int wait_status) { OnExit(wait_status); });
  if (request.timeout_ms > 0) timeout_.Start(request.timeout_ms);
  proto::Accepted accepted;
  accepted.window = kInputWindow;
  accepted.pid = static_cast<uint32_t>(pid_);
  stream_.Accept(accepted);
  return {};
}

Result<Execution::Ends> Execution::OpenPipes(const proto::Exec& request, const Identity& identity) {
  Ends ends;
  if ((request.flags & proto::kExecStdin) != 0) {
    Pipe pipe = BOXLITE_TRY(MakePipe(OurEnd::kWrite, identity.uid));
    ends.input = std::move(pipe.read);
    input_.Start(std::move(pipe.write), InputKind::kPipe);
  } else {
    ends.input = BOXLITE_TRY(sys::Open("/dev/null", O_RDONLY));
  }
  Pipe output = BOXLITE_TRY(MakePipe(OurEnd::kRead, identity.uid));
  Pipe error = BOXLITE_TRY(MakePipe(OurEnd::kRead, identity.uid));
  ends.output = std::move(output.write);
  ends.error = std::move(error.write);
  output_.Start(std::move(output.read), request.window);
  error_.Start(std::move(error.read), request.window);
  return ends;
}

Result<Execution::Ends> Execution::OpenTty(const proto::Exec& request, const Identity& identity) {
  TerminalPair pair =
      BOXLITE_TRY(OpenTerminal(identity.uid, TerminalSize{request.rows, request.columns}));
  Ends ends;
  ends.input = std::move(pair.slave);
  terminal_ = BOXLITE_TRY(sys::Duplicate(pair.master.get()));
  if ((request.flags & proto::kExecStdin) != 0) {
    input_.Start(BOXLITE_TRY(sys::Duplicate(pair.master.get())), InputKind::kTerminal);
  }
  output_.Start(std::move(pair.master), request.window);
  return ends;
}

Result<void> Execution::OnCredit(Channel channel, uint32_t bytes) {
  switch (channel) {
    case Channel::kOutput:
      return output_.Grant(bytes);
    case Channel::kError:
      return error_.Grant(bytes);
    case Channel::kInput:
      break;
  }
  return Error(Code::kInternal, "protocol error: credit on the input channel of an execution");
}

void Execution::OnEvent(ByteSpan payload) {
  auto header = proto::Decode<proto::EventHeader>(payload);
  if (!header.ok()) return stream_.Broken(header.error());
  if (header.value().type == proto::EventType::kSignal) {
    auto event = proto::Decode<proto::SignalEvent>(payload);
    if (!event.ok()) return stream_.Broken(event.error());
    Signal(event.value());
  } else if (header.value().type == proto::EventType::kResize && terminal_) {
    auto event = proto::Decode<proto::ResizeEvent>(payload);
    if (!event.ok()) return stream_.Broken(event.error());
    static_cast<void>(ResizeTerminal(terminal_.get(), {event.value().rows, event.value().columns}));
  }
}

void Execution::Signal(const proto::SignalEvent& event) {
  if (event.scope == proto::SignalScope::kProcess) {
    // The number is ours as long as we have not collected the process.
    if (!exited_) ::kill(pid_, event.number);
  } else if (event.number == SIGKILL) {
    static_cast<void>(cgroup_->KillAll());
  } else {
    static_cast<void>(cgroup_->SignalAll(event.number));
  }
}

void Execution::OnTimeout() {
  result_.timed_out = 1;
  static_cast<void>(cgroup_->KillAll());
}

void Execution::OnCancel() {
  static_cast<void>(cgroup_->KillAll());
  input_.Close();
  output_.Finish();
  error_.Finish();
  FinishIfOver();
}

void Execution::OnRoom() {
  output_.Resume();
  error_.Resume();
}

void Execution::OnExit(int wait_status) {
  exited_ = true;
  result_.duration_ms = static_cast<uint64_t>(MonotonicMs() - started_ms_);
  result_.exit_code = WIFSIGNALED(wait_status) ? -WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  timeout_.Stop();
  input_.Close();
  output_.MarkEnd();
  error_.MarkEnd();
  grace_.Start(kGraceMs);
  FinishIfOver();
}

void Execution::FinishIfOver() {
  if (!exited_ || closed_) return;
  bool at_end = output_.at_end() && error_.at_end();
  bool delivered = output_.delivered() && error_.delivered();
  if (!at_end && (grace_.active() || !delivered)) return;
  closed_ = true;
  grace_.Stop();
  Leave(output_);
  Leave(error_);
  stream_.Close(result_);
}

void Execution::Leave(OutputPipe& pipe) {
  UniqueFd fd = pipe.Finish();
  // A terminal that is closed hangs up on who is left, as everywhere.
  if (fd && !terminal_) context_.drains.Add(std::move(fd));
}

}  // namespace boxlite::agent
