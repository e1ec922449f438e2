#include "guest/machine.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "base/clock.h"
#include "base/sys.h"

namespace boxlite::guest_test {

using proto::Channel;
using proto::Kind;

namespace {

std::string Part(const char* name, const char* usual) {
  const char* named = std::getenv(name);
  return named != nullptr ? named : usual;
}

std::string GuestKernel() {
  const char* named = std::getenv("BOXLITE_TEST_KERNEL");
  if (named != nullptr) return named;
  std::string command =
      Part("BOXLITE_TEST_SOURCE", BOXLITE_TEST_SOURCE) + "/scripts/build-guest-kernel --print-path";
  FILE* pipe = ::popen(command.c_str(), "r");
  char path[4096] = {};
  size_t size = std::fread(path, 1, sizeof path - 1, pipe);
  ::pclose(pipe);
  std::string kernel(path, size);
  while (!kernel.empty() && kernel.back() == '\n') kernel.pop_back();
  if (!std::filesystem::exists(kernel)) {
    throw std::runtime_error("there is no guest kernel; run scripts/build-guest-kernel");
  }
  return kernel;
}

std::vector<std::string> QemuArguments(const std::string& directory, const std::string& scratch) {
  std::string port = directory + "/port";
  return {"qemu-system-x86_64",
          "-M",
          "microvm,x-option-roms=off,rtc=on,acpi=off,pit=on,pic=on,isa-serial=on,"
          "auto-kernel-cmdline=on",
          "-accel",
          "tcg,tb-size=256",
          "-cpu",
          Part("BOXLITE_TEST_CPU", BOXLITE_TEST_CPU),
          "-m",
          "512",
          "-nodefaults",
          "-no-user-config",
          "-nographic",
          "-no-reboot",
          "-global",
          "virtio-mmio.force-legacy=false",
          "-kernel",
          GuestKernel(),
          "-initrd",
          Part("BOXLITE_TEST_INITRAMFS", BOXLITE_TEST_INITRAMFS),
          "-append",
          "console=ttyS0 quiet loglevel=1 panic=-1 reboot=t tsc=reliable no_timer_check",
          "-serial",
          "file:" + directory + "/console",
          "-device",
          "virtio-serial-device",
          "-chardev",
          "socket,id=agent,path=" + port + ",reconnect=1",
          "-device",
          "virtserialport,chardev=agent,name=boxlite.agent",
          "-device",
          "virtio-rng-device",
          "-drive",
          "if=none,id=root,format=raw,readonly=on,file=" +
              Part("BOXLITE_TEST_DISKS", BOXLITE_TEST_DISKS) + "/root.ext4",
          "-device",
          "virtio-blk-device,drive=root",
          "-drive",
          "if=none,id=scratch,format=raw,cache=unsafe,file=" + scratch,
          "-device",
          "virtio-blk-device,drive=scratch"};
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() : path("/tmp/boxlite-guest-XXXXXX") {
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

Machine::Machine() {
  // A guest that has gone shows as an error of our write.
  std::signal(SIGPIPE, SIG_IGN);
  scratch_ = directory_.path + "/scratch.ext4";
  std::string copy = "cp --sparse=always '" + Part("BOXLITE_TEST_DISKS", BOXLITE_TEST_DISKS) +
                     "/scratch.ext4' " + scratch_;
  if (std::system(copy.c_str()) != 0) throw std::runtime_error("cannot copy the scratch disk");

  listener_.Reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s/port", directory_.path.c_str());
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(listener_.get(), 4) < 0) {
    throw std::runtime_error("cannot listen");
  }
  started_ms_ = MonotonicMs();
  StartQemu();
  Accept();
}

Machine::~Machine() {
  if (qemu_ > 0) {
    ::kill(qemu_, SIGKILL);
    ::waitpid(qemu_, nullptr, 0);
  }
  std::string console = Console();
  if (!console.empty()) std::printf("console: %s\n", console.c_str());
}

void Machine::StartQemu() {
  std::vector<std::string> arguments = QemuArguments(directory_.path, scratch_);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  qemu_ = ::fork();
  if (qemu_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

void Machine::Accept() {
  pollfd waiting{listener_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, kDeadlineMs) != 1) throw std::runtime_error("QEMU does not connect");
  socket_.Reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  parser_ = proto::FrameParser();
  int before = hellos_;
  RunUntil([this, before] { return hellos_ > before; });
  hello_ms_ = MonotonicMs() - started_ms_;
  SayHello();
}

void Machine::SayHello() {
  streams_.clear();
  proto::Hello hello;
  hello.role = proto::Role::kVm;
  hello.build = "guest test";
  Send(Kind::kHello, 0, proto::Encode(hello));
}

void Machine::Reconnect() {
  socket_.Reset();
  Accept();
}

void Machine::Configure() {
  proto::Configure configure;
  configure.hostname = "guest-test";
  configure.realtime_ns = static_cast<uint64_t>(RealtimeNs());
  configure.entropy = std::string(64, '\0');
  static_cast<void>(sys::FillRandom(configure.entropy.data(), configure.entropy.size()));
  configure.root_device = "vda";
  configure.scratch_device = "vdb";
  configure.working_dir = "/srv/here";
  auto closed = Closed<proto::Closed>(Open(configure));
  // virtio-mmio devices may come up in either order.
  if (closed.status.code != 0) throw std::runtime_error("configure: " + closed.status.message);
}

uint32_t Machine::OpenWith(ByteSpan payload) {
  uint32_t stream = next_stream_++;
  streams_[stream] = Stream();
  Send(Kind::kOpen, stream, payload);
  return stream;
}

void Machine::Send(Kind kind, uint32_t stream, ByteSpan payload, Channel channel) {
  proto::AppendFrame(unsent_, kind, stream, payload, channel);
  // Reading goes on while the guest is slow to read, or two full directions would wait for each
  // other. What that wants to send waits until the frame before it is gone.
  if (sending_) return;
  sending_ = true;
  while (!unsent_.empty()) {
    ssize_t count =
        ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      unsent_.erase(unsent_.begin(), unsent_.begin() + count);
      continue;
    }
    pollfd waiting{socket_.get(), POLLIN | POLLOUT, 0};
    if (::poll(&waiting, 1, kDeadlineMs) != 1) throw std::runtime_error("the guest does not read");
    if ((waiting.revents & POLLIN) != 0 && !ReadSome()) throw std::runtime_error("the guest ended");
  }
  sending_ = false;
}

void Machine::SendAll(uint32_t stream, std::string_view data) {
  Stream& state = WaitAccepted(stream);
  if (state.over()) return;
  while (!data.empty()) {
    RunUntil([&state] { return state.may_send > 0 || state.over(); });
    if (state.over()) return;
    size_t size = std::min({data.size(), static_cast<size_t>(state.may_send),
                            static_cast<size_t>(proto::kMaxDataPayload)});
    state.may_send -= size;
    Send(Kind::kData, stream, AsBytes(data.substr(0, size)));
    data.remove_prefix(size);
  }
  Send(Kind::kEnd, stream, {});
}

void Machine::Grant(uint32_t stream, Channel channel, uint32_t bytes) {
  uint8_t payload[4];
  StoreLe(payload, bytes);
  Send(Kind::kCredit, stream, payload, channel);
}

bool Machine::ReadSome() {
  constexpr size_t kSize = 256 * 1024;
  ssize_t count = ::recv(socket_.get(), parser_.Space(kSize), kSize, 0);
  if (count <= 0) {
    at_end_ = true;
    return false;
  }
  parser_.Commit(static_cast<size_t>(count));
  for (;;) {
    auto frame = parser_.Next();
    if (!frame.ok()) throw std::runtime_error(frame.error().message());
    if (!frame.value()) return true;
    Handle(*frame.value());
  }
}

void Machine::RunUntil(const std::function<bool()>& reached) {
  int64_t deadline = MonotonicMs() + kDeadlineMs;
  while (!reached()) {
    int64_t left = deadline - MonotonicMs();
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) != 1) {
      throw std::runtime_error("nothing comes from the guest");
    }
    if (!ReadSome() && !reached()) throw std::runtime_error("the guest ended; " + Console());
  }
}

void Machine::Handle(const proto::Frame& frame) {
  Kind kind = frame.header.kind;
  if (kind == Kind::kHello) ++hellos_;
  if (kind == Kind::kBye) said_bye_ = true;
  if (kind == Kind::kUnsupported) ++unsupported_;
  auto place = streams_.find(frame.header.stream);
  if (frame.header.stream == 0) return;
  if (place == streams_.end() || place->second.over()) {
    throw std::runtime_error("a frame for a stream that is not open");
  }
  Stream& stream = place->second;
  auto channel = static_cast<size_t>(frame.header.channel);
  switch (kind) {
    case Kind::kAccept:
      stream.accepted = true;
      stream.acceptance = proto::Decode<proto::Accepted>(frame.payload).TakeValue();
      stream.may_send = stream.acceptance.window;
      break;
    case Kind::kRefuse:
      stream.refusal = proto::Decode<proto::ErrorRecord>(frame.payload).TakeValue();
      break;
    case Kind::kData:
      if (stream.ended[channel]) throw std::runtime_error("data after the end of its channel");
      if (stream.keep) stream.data[channel] += AsText(frame.payload);
      stream.received[channel] += frame.payload.size();
      if (stream.credit == Credit::kGranted) {
        Grant(frame.header.stream, frame.header.channel, frame.header.length);
      }
      break;
    case Kind::kEnd:
      stream.ended[channel] = true;
      break;
    case Kind::kCredit:
      stream.may_send += proto::ParseCredit(frame).TakeValue();
      break;
    case Kind::kClose:
      stream.close.emplace(frame.payload.begin(), frame.payload.end());
      break;
    default:
      throw std::runtime_error("an agent sent what it never sends");
  }
}

Stream& Machine::WaitAccepted(uint32_t stream) {
  Stream& state = streams_[stream];
  RunUntil([&state] { return state.accepted || state.over(); });
  return state;
}

Stream& Machine::WaitOver(uint32_t stream) {
  Stream& state = streams_[stream];
  RunUntil([&state] { return state.over(); });
  return state;
}

Machine::Outcome Machine::Run(std::vector<std::string> argv) {
  uint32_t stream = Open(Command(std::move(argv)));
  Stream& state = WaitOver(stream);
  if (state.refusal) throw std::runtime_error("refused: " + state.refusal->message);
  return {state.data[1], state.data[2], Closed<proto::ExecClosed>(stream)};
}

std::string Machine::WaitForEnd() {
  RunUntil([this] { return at_end_; });
  ::waitpid(qemu_, nullptr, 0);
  qemu_ = -1;
  return Console();
}

std::string Machine::Console() const {
  std::ifstream in(directory_.path + "/console", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

proto::Exec Command(std::vector<std::string> argv) {
  proto::Exec exec;
  exec.window = kWindow;
  exec.argv = std::move(argv);
  exec.env = {"PATH=/usr/bin:/bin"};
  return exec;
}

}  // namespace boxlite::guest_test
