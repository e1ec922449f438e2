// boxlite-vm: one running box. The library starts it with the descriptors of docs/protocol.md; the
// box lives as long as it does.
//
//   boxlite-vm [--accel=tcg|kvm]   run a box
//   boxlite-vm --probe             say what this host offers
//   boxlite-vm --version
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/sys.h"
#include "proto/descriptors.h"
#include "vm/box.h"
#include "vm/lock_in.h"

namespace boxlite::vm {
namespace {

int Complain(const Error& error) {
  std::fprintf(stderr, "boxlite-vm: %s\n", error.message().c_str());
  return 1;
}

Result<void> CheckDescriptors() {
  for (int fd : {proto::kControl, proto::kListener, proto::kLock, proto::kVmExit, proto::kVmKernel,
                 proto::kVmInitramfs, proto::kVmRootDisk, proto::kVmLog}) {
    if (::fcntl(fd, F_GETFD) < 0)
      return Error(Code::kInvalidArgument,
                   "descriptor " + std::to_string(fd) +
                       " is missing; this program is started by the boxlite library");
  }
  return {};
}

// SIGTERM and friends become readable; SIGPIPE and a terminal's signals are none of our business.
Result<UniqueFd> CatchSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) ::sigaddset(&set, number);
  if (::pthread_sigmask(SIG_SETMASK, &set, nullptr) != 0) return sys::ErrnoError("block signals");
  ::signal(SIGPIPE, SIG_IGN);
  int fd = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return sys::ErrnoError("catch signals");
  return UniqueFd(fd);
}

// A launch that failed outside of a Box leaves the same traces as one that failed inside.
int GiveUp(proto::ExitReason reason, const Error& why) {
  proto::BoxExit exit;
  exit.status = proto::ToRecord(why);
  exit.reason = reason;
  exit.detail = why.message();
  exit.at_ms = static_cast<uint64_t>(RealtimeMs());
  static_cast<void>(sys::WriteAllAt(proto::kVmExit, proto::Encode(exit), 0));
  return Complain(why);
}

int GiveUp(const FirstClient& client, const Error& why) {
  RefuseLaunch(client, why);
  return GiveUp(proto::ExitReason::kBoot, why);
}

// Who started us may change its mind, or die, before it has launched.
proto::ExitReason ReasonWithoutLaunch(const Error& why) {
  return why.code() == Code::kStopped ? proto::ExitReason::kStopped : proto::ExitReason::kBoot;
}

Result<void> Prepare(Box::Parts& parts, machine::Accelerator accelerator) {
  parts.launch = BOXLITE_TRY(proto::Decode<proto::Launch>(parts.first_client.launch));
  BOXLITE_TRY(ValidateLaunch(parts.launch));
  parts.engine = BOXLITE_TRY(ChooseEngine(parts.launch, accelerator));
  parts.signals = BOXLITE_TRY(CatchSignals());
  auto host = std::exchange(parts.engine.host, std::nullopt);
  parts.machine = BOXLITE_TRY(CreateMachine(parts.launch, accelerator, std::move(host)));
  parts.listener.Reset(proto::kListener);
  parts.exit_file = BOXLITE_TRY(sys::Duplicate(proto::kVmExit));
  parts.log_file.Reset(proto::kVmLog);
  return {};
}

// What it takes to refuse the launch when the Box has the socket.
Result<FirstClient> SpareOf(const FirstClient& client) {
  FirstClient spare;
  spare.stream = client.stream;
  spare.socket = BOXLITE_TRY(sys::Duplicate(client.socket.get()));
  return spare;
}

// How boxlite-vm is confined: what the launch says of it, and the filters of its threads.
struct Confinement {
  Namespaces namespaces = Namespaces::kOwn;
  Thread loop = Thread::kQemuLoop;
  ThreadFilters filters;
};

Result<Confinement> ConfinementOf(const Box::Parts& parts) {
  constexpr Thread kQemuThreads[] = {Thread::kQemuLoop};
  constexpr Thread kKvmThreads[] = {Thread::kKvmLoop, Thread::kVcpu, Thread::kDisk};
  auto calls = parts.launch.no_seccomp == 0 ? SystemCalls::kFiltered : SystemCalls::kUnfiltered;
  std::span<const Thread> threads = kQemuThreads;
  if (parts.engine.engine == proto::Engine::kKvm) threads = kKvmThreads;
  Confinement how;
  if (parts.launch.no_jail != 0) how.namespaces = Namespaces::kHosts;
  how.loop = threads.front();
  how.filters = BOXLITE_TRY(ThreadFilters::Make(threads, calls));
  return how;
}

Result<jail::Report> StartLockedIn(Box& box, const Confinement& how) {
  jail::Report report;
  BOXLITE_TRY(GiveUpPrivileges(report, how.namespaces));
  BOXLITE_TRY(box.Start());
  BOXLITE_TRY(how.filters.LockIn(report, how.loop));
  return report;
}

int RunBox(machine::Accelerator accelerator, char** environment) {
  int64_t started_ns = MonotonicNs();
  Result<void> checked = CheckDescriptors();
  if (!checked.ok()) return Complain(checked.error());
  UseOneHeap();
  Result<void> tidied = TidyUp(environment);
  if (!tidied.ok()) return GiveUp(proto::ExitReason::kBoot, tidied.error());
  auto client = ReadLaunch(UniqueFd(proto::kControl));
  if (!client.ok()) return GiveUp(ReasonWithoutLaunch(client.error()), client.error());
  Box::Parts parts;
  parts.started_ns = started_ns;
  parts.first_client = client.TakeValue();
  Result<void> prepared = Prepare(parts, accelerator);
  if (!prepared.ok()) return GiveUp(parts.first_client, prepared.error());
  auto loop = loop::Loop::Create();
  if (!loop.ok()) return GiveUp(parts.first_client, loop.error());
  auto spare = SpareOf(parts.first_client);
  if (!spare.ok()) return GiveUp(parts.first_client, spare.error());
  auto how = ConfinementOf(parts);
  if (!how.ok()) return GiveUp(spare.value(), how.error());
  parts.on_thread = [&filters = how.value().filters](machine::ThreadKind kind) {
    filters.LockThreadIn(kind == machine::ThreadKind::kVcpu ? Thread::kVcpu : Thread::kDisk);
  };
  Box box(*loop.value(), std::move(parts));
  auto jail = StartLockedIn(box, how.value());
  if (!jail.ok()) return GiveUp(spare.value(), jail.error());
  spare.value().socket.Reset();
  box.SetJail(jail.value().lines());
  box.RunGuest();
  loop.value()->Run();
  // All is recorded and told. Taking our own machine down would wait for what its disks do, and a
  // disk that hangs on the host must not keep the process; the kernel ends a thread wherever it is,
  // and keeps the lock till then.
  if (how.value().loop == Thread::kKvmLoop) ::_exit(0);
  // A QEMU that cannot be ended yet is waited for: it has the box's disk, and with this process the
  // box's lock would go.
  return 0;
}

int Main(int argc, char** argv, char** environment) {
  auto accelerator = machine::Accelerator::kTcg;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--version") == 0) return std::puts("boxlite-vm " BOXLITE_VERSION) < 0;
    if (std::strcmp(argv[i], "--probe") == 0) return std::fputs(ProbeHost().c_str(), stdout) < 0;
    if (std::strcmp(argv[i], "--accel=kvm") == 0) {
      accelerator = machine::Accelerator::kKvm;
    } else if (std::strcmp(argv[i], "--accel=tcg") != 0) {
      return Complain(Error(Code::kInvalidArgument, std::string("unknown option ") + argv[i]));
    }
  }
  return RunBox(accelerator, environment);
}

}  // namespace
}  // namespace boxlite::vm

#ifdef BOXLITE_SANITIZED
// Looking for leaks takes a tracer, which the jail forbids.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {  // NOLINT
  return "detect_leaks=0";
}
#endif

// NOLINTNEXTLINE(bugprone-exception-escape): nothing throws; what did would end the process
int main(int argc, char** argv, char** environment) {
  return boxlite::vm::Main(argc, argv, environment);
}
