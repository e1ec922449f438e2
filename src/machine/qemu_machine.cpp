#include "machine/qemu_machine.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/sys.h"
#include "base/sys_socket.h"
#include "machine/qemu_command.h"

namespace boxlite::machine {
namespace {

constexpr int kAgentBuffer = 1024 * 1024;

// QEMU's own words, as one line without its program name.
std::string LastLine(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  size_t at = text.rfind('\n');
  return at == std::string::npos ? text : text.substr(at + 1);
}

// Takes the child's status; it has ended or is about to.
int Reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<std::unique_ptr<Machine>> CreateQemuMachine(MachineParts parts) {
  return QemuMachine::Create(std::move(parts));
}

QemuMachine::QemuMachine()
    : qmp_({[this](std::string_view line) { static_cast<void>(monitor_->Send(AsBytes(line))); },
            [this](std::string_view name, std::string_view reason) {
              signalled_ |= name == "SHUTDOWN" && reason == "host-signal";
            }}),
      monitor_reader_(
          [this](ByteSpan bytes) {
            if (!qmp_.Receive(bytes).ok()) Kill();
          },
          [this] { OnChannelEnd(); }),
      console_reader_([this](ByteSpan bytes) { events_.on_console(AsText(bytes)); },
                      [this] { OnChannelEnd(); }),
      error_reader_([this](ByteSpan bytes) { OnErrorOutput(bytes); }, [this] { OnChannelEnd(); }) {}

Result<std::unique_ptr<Machine>> QemuMachine::Create(MachineParts parts) {
  auto agent = BOXLITE_TRY(sys::SocketPair());
  auto monitor = BOXLITE_TRY(sys::SocketPair());
  auto console = BOXLITE_TRY(sys::SocketPair());
  auto error = BOXLITE_TRY(sys::Pipe());
  sys::EnlargeSocketBuffers(agent.first.get(), kAgentBuffer);
  sys::EnlargeSocketBuffers(agent.second.get(), kAgentBuffer);
  QemuChannels far = {std::move(agent.second), std::move(monitor.second), std::move(console.second),
                      std::move(error.second)};
  jail::ChildSpec command = BOXLITE_TRY(QemuCommand(parts, far));
  std::unique_ptr<QemuMachine> machine(new QemuMachine());
  auto child = jail::Spawn(command);
  if (!child.ok()) return child.TakeError().WithCode(Code::kEngine).Context("start QEMU");
  machine->child_ = child.TakeValue();
  machine->child_.layers.push_back(
      parts.spec.filtered ? "system calls: filtered by QEMU's own sandbox"
                          : "system calls: not filtered; switched off by the box's options");
  machine->agent_ = std::move(agent.first);
  machine->monitor_fd_ = std::move(monitor.first);
  machine->console_fd_ = std::move(console.first);
  machine->error_fd_ = std::move(error.first);
  return std::unique_ptr<Machine>(std::move(machine));
}

QemuMachine::~QemuMachine() {
  if (child_.pid < 0 || exit_status_) return;
  Kill();
  Reap(child_.pid);
}

Result<void> QemuMachine::Start(loop::Loop& loop, MachineEvents events) {
  answers_ = std::make_unique<Answers>(loop);
  events_ = std::move(events);
  constexpr size_t kPending = 64 * 1024;
  monitor_ =
      BOXLITE_TRY(loop::Stream::Create(loop, std::move(monitor_fd_), monitor_reader_, kPending));
  console_ =
      BOXLITE_TRY(loop::Stream::Create(loop, std::move(console_fd_), console_reader_, kPending));
  error_ = BOXLITE_TRY(loop::Stream::Create(loop, std::move(error_fd_), error_reader_, kPending));
  channels_open_ = 3;
  exit_poll_ = BOXLITE_TRY(
      loop::FdPoll::Create(loop, child_.pidfd.get(), [this](loop::Interest) { OnExit(); }));
  exit_poll_->Wait({.readable = true});
  deadline_ = std::make_unique<loop::Timer>(loop, [this] {
    if (exit_status_) return Finish();
    Kill();
  });
  qmp_.Execute("qmp_capabilities", [](const Result<void>&) {});
  return {};
}

Result<std::unique_ptr<loop::ByteStream>> QemuMachine::OpenAgentStream(loop::Loop& loop,
                                                                       loop::StreamHandler& handler,
                                                                       size_t pending_limit) {
  return std::unique_ptr<loop::ByteStream>(
      BOXLITE_TRY(loop::Stream::Create(loop, std::move(agent_), handler, pending_limit)));
}

void QemuMachine::Save(UniqueFd, Completion done) {
  answers_->Later(std::move(done), Error(Code::kUnsupported,
                                         "saving a machine is not supported by "
                                         "the qemu engine yet"));
}

void QemuMachine::Restore(UniqueFd, Completion done) {
  answers_->Later(std::move(done), Error(Code::kUnsupported,
                                         "restoring a machine is not supported "
                                         "by the qemu engine yet"));
}

void QemuMachine::Stop() {
  if (stopping_ || exit_status_) return;
  stopping_ = true;
  qmp_.Execute("quit", [](const Result<void>&) {});
  deadline_->Start(kQuitMs);
}

void QemuMachine::Kill() {
  ::syscall(SYS_pidfd_send_signal, child_.pidfd.get(), SIGKILL, nullptr, 0);
}

void QemuMachine::OnErrorOutput(ByteSpan bytes) {
  error_tail_.append(AsText(bytes));
  if (error_tail_.size() > kErrorTail) error_tail_.erase(0, error_tail_.size() - kErrorTail);
}

void QemuMachine::OnChannelEnd() {
  --channels_open_;
  FinishIfDrained();
}

void QemuMachine::OnExit() {
  exit_poll_.reset();
  exit_status_ = Reap(child_.pid);
  deadline_->Start(kDrainMs);
  FinishIfDrained();
}

void QemuMachine::FinishIfDrained() {
  if (exit_status_ && channels_open_ == 0) deadline_->Start(0);
}

void QemuMachine::Finish() {
  qmp_.Fail(Error(Code::kStopped, "the machine has ended"));
  events_.on_ended(DescribeEnd());
}

MachineEnd QemuMachine::DescribeEnd() const {
  int status = *exit_status_;
  if (WIFSIGNALED(status) && !stopping_) {
    int number = WTERMSIG(status);
    std::string why = "QEMU was ended by signal " + std::to_string(number);
    if (number == SIGKILL) why += " (killed, perhaps because the host ran out of memory)";
    if (number == SIGSYS) why += " (it made a system call that its sandbox forbids)";
    return {EndKind::kKilled, std::move(why)};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
    return {EndKind::kFailed, "QEMU ended with status " + std::to_string(WEXITSTATUS(status)) +
                                  ": " + LastLine(error_tail_)};
  if (signalled_ && !stopping_) return {EndKind::kKilled, "QEMU was asked to end by a signal"};
  return {EndKind::kReset, ""};
}

}  // namespace boxlite::machine
