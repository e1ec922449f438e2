#include "vm/startup.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_socket.h"
#include "proto/descriptors.h"
#include "proto/frame.h"

namespace boxlite::vm {
namespace {

constexpr int64_t kLaunchDeadlineMs = 30'000;
using proto::kMaxCpus;
using proto::kMaxMemoryMib;
using proto::kMinMemoryMib;

Error Broken(const char* what) {
  return Error(Code::kInternal, std::string("protocol error: ") + what);
}

Result<void> WaitReadable(int fd, int64_t deadline_ms) {
  int64_t left = std::max<int64_t>(0, deadline_ms - MonotonicMs());
  pollfd poll{fd, POLLIN, 0};
  int ready = ::poll(&poll, 1, static_cast<int>(left));
  if (ready < 0 && errno != EINTR) return sys::ErrnoError("wait for the launch request");
  if (ready == 0) return Error(Code::kTimeout, "no launch request came");
  return {};
}

// The next frame; it borrows from the parser.
Result<proto::Frame> ReadFrame(int fd, proto::FrameParser& parser, int64_t deadline_ms) {
  for (;;) {
    auto frame = BOXLITE_TRY(parser.Next());
    if (frame) return *frame;
    BOXLITE_TRY(WaitReadable(fd, deadline_ms));
    constexpr size_t kPiece = 4096;
    auto count = BOXLITE_TRY(sys::ReadSome(fd, parser.Space(kPiece), kPiece));
    if (!count) continue;
    if (*count == 0) return Error(Code::kStopped, "the other side closed before LAUNCH");
    parser.Commit(*count);
  }
}

Bytes Copy(ByteSpan bytes) {
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace

Bytes HelloFrame() {
  proto::Hello hello;
  hello.role = proto::Role::kVm;
  hello.build = "boxlite-vm " BOXLITE_VERSION;
  Bytes frame;
  proto::AppendFrame(frame, proto::Kind::kHello, proto::kConnectionStream, proto::Encode(hello));
  return frame;
}

Result<FirstClient> ReadLaunch(UniqueFd socket) {
  int64_t deadline_ms = MonotonicMs() + kLaunchDeadlineMs;
  int fd = socket.get();
  BOXLITE_TRY(sys::WriteAll(fd, HelloFrame()));
  proto::FrameParser parser;
  FirstClient client;
  proto::Frame hello = BOXLITE_TRY(ReadFrame(fd, parser, deadline_ms));
  if (hello.header.kind != proto::Kind::kHello) return Broken("the first frame is not HELLO");
  client.hello = Copy(hello.payload);
  proto::Frame open = BOXLITE_TRY(ReadFrame(fd, parser, deadline_ms));
  if (open.header.kind != proto::Kind::kOpen) return Broken("the second frame is not OPEN");
  client.launch = Copy(open.payload);
  client.stream = open.header.stream;
  client.rest = parser.TakeUnparsed();
  client.socket = std::move(socket);
  return client;
}

void RefuseLaunch(const FirstClient& client, const Error& why) {
  Bytes frame;
  proto::AppendFrame(frame, proto::Kind::kRefuse, client.stream,
                     proto::Encode(proto::ToRecord(why)));
  // Nobody may be there to hear it.
  static_cast<void>(sys::SendSome(client.socket.get(), frame));
}

Result<void> ValidateLaunch(const proto::Launch& launch) {
  auto invalid = [](std::string what) { return Error(Code::kInvalidArgument, std::move(what)); };
  if (launch.op != proto::Op::kLaunch) return Broken("the first operation is not LAUNCH");
  if (launch.cpus < 1 || launch.cpus > kMaxCpus)
    return invalid("cpus is " + std::to_string(launch.cpus) + "; it may be 1 to " +
                   std::to_string(kMaxCpus));
  if (launch.memory_mib < kMinMemoryMib || launch.memory_mib > kMaxMemoryMib)
    return invalid("memory_mib is " + std::to_string(launch.memory_mib) + "; it may be " +
                   std::to_string(kMinMemoryMib) + " to " + std::to_string(kMaxMemoryMib));
  return {};
}

Result<std::unique_ptr<machine::Machine>> CreateMachine(const proto::Launch& launch,
                                                        machine::Accelerator accelerator,
                                                        std::optional<kvm::Host> host) {
  machine::MachineParts parts;
  parts.spec.kernel.Reset(proto::kVmKernel);
  parts.spec.initramfs.Reset(proto::kVmInitramfs);
  parts.identity.root_disk.Reset(proto::kVmRootDisk);
  if (launch.has_scratch) parts.identity.scratch_disk.Reset(proto::kVmScratchDisk);
  parts.spec.cpus = launch.cpus;
  parts.spec.memory_mib = launch.memory_mib;
  parts.spec.accelerator = accelerator;
  parts.spec.whole_kernel_log = launch.kernel_log != 0;
  parts.spec.scratch_disk = launch.has_scratch != 0;
  parts.spec.qemu_path = launch.qemu_path;
  parts.spec.jailed = launch.no_jail == 0;
  parts.spec.filtered = launch.no_seccomp == 0;
  return host ? machine::CreateKvmMachine(std::move(parts), std::move(*host))
              : machine::CreateQemuMachine(std::move(parts));
}

}  // namespace boxlite::vm
