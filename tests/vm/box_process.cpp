#include "vm/box_process.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "base/sys.h"
#include "vm/process_state.h"

namespace boxlite::vm_test {
namespace {

namespace fs = std::filesystem;

// Where a part lies: as this was built, unless an environment variable of the same name says
// otherwise.
std::string Part(const char* name, const char* built) {
  const char* named = std::getenv(name);
  return named != nullptr ? named : built;
}

std::string Output(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  char text[4096] = {};
  size_t size = std::fread(text, 1, sizeof text - 1, pipe);
  ::pclose(pipe);
  return std::string(text, size);
}

std::string GuestKernel() {
  if (const char* named = std::getenv("BOXLITE_TEST_KERNEL")) return named;
  std::string path = Output(Part("BOXLITE_TEST_SOURCE", BOXLITE_TEST_SOURCE) +
                            "/scripts/build-guest-kernel --print-path");
  while (!path.empty() && path.back() == '\n') path.pop_back();
  if (!fs::exists(path))
    throw std::runtime_error("there is no guest kernel; run scripts/build-guest-kernel");
  return path;
}

UniqueFd Listen(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(socket.get(), 16) < 0)
    throw std::runtime_error("cannot listen at " + path);
  return socket;
}

UniqueFd OpenFile(const std::string& path, int flags) {
  return sys::Open(path, flags, 0600).TakeValue();
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Of the group that /dev/kvm belongs to, and of no other.
void BecomeNobody() {
  constexpr unsigned kNobody = 65534;
  struct stat device {};
  bool there = ::stat("/dev/kvm", &device) == 0;
  bool done = ::setgroups(there ? 1 : 0, &device.st_gid) == 0 && ::setgid(kNobody) == 0 &&
              ::setuid(kNobody) == 0;
  if (!done) ::_exit(126);
}

[[noreturn]] void Execute(const std::string& program, const std::vector<int>& descriptors,
                          const BoxFiles& files) {
  // Opened before, because an ordinary user may not get at it by its name.
  UniqueFd opened(::open(program.c_str(), O_PATH | O_CLOEXEC));
  UniqueFd lifted_program(::fcntl(opened.get(), F_DUPFD_CLOEXEC, 100));
  if (files.runner == Runner::kNobody) BecomeNobody();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<int> lifted;
  lifted.reserve(descriptors.size());
  for (int fd : descriptors) lifted.push_back(fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 100));
  for (size_t i = 0; i < lifted.size(); ++i) {
    int target = static_cast<int>(i) + 3;
    if (lifted[i] < 0) ::close(target);
    if (lifted[i] >= 0) ::dup2(lifted[i], target);
  }
  rlimit most{files.descriptors, files.descriptors};
  if (files.descriptors != 0) ::setrlimit(RLIMIT_NOFILE, &most);
  // For figures: QEMU with KVM, which is asked for by an option.
  const char* option = std::getenv("BOXLITE_TEST_VM_OPTION");
  std::array<char*, 3> argv = {const_cast<char*>(program.c_str()), const_cast<char*>(option),
                               nullptr};
  ::execveat(lifted_program.get(), "", argv.data(), environ, AT_EMPTY_PATH);
  ::_exit(127);
}

}  // namespace

BoxFiles DefaultFiles() {
  return {GuestKernel(),
          Part("BOXLITE_TEST_INITRAMFS", BOXLITE_TEST_INITRAMFS),
          Part("BOXLITE_TEST_DISKS", BOXLITE_TEST_DISKS) + "/root.ext4",
          true,
          0,
          Runner::kCaller};
}

proto::Engine TestedEngine() {
  const char* engine = std::getenv("BOXLITE_TEST_ENGINE");
  bool kvm = engine != nullptr && std::string_view(engine) == "kvm";
  return kvm ? proto::Engine::kKvm : proto::Engine::kQemu;
}

BoxProcess::BoxProcess(const BoxFiles& files) {
  std::string pattern = fs::temp_directory_path() / "boxlite-vm-XXXXXX";
  directory_ = ::mkdtemp(pattern.data());
  if (files.scratch)
    fs::copy_file(Part("BOXLITE_TEST_DISKS", BOXLITE_TEST_DISKS) + "/scratch.ext4",
                  directory_ + "/scratch");
  auto control = sys::SocketPair().TakeValue();
  UniqueFd listener = Listen(directory_ + "/socket");
  UniqueFd lock = OpenFile(directory_ + "/lock", O_RDWR | O_CREAT);
  UniqueFd exit = OpenFile(directory_ + "/exit", O_RDWR | O_CREAT);
  UniqueFd kernel = OpenFile(files.kernel, O_RDONLY);
  UniqueFd initramfs = OpenFile(files.initramfs, O_RDONLY);
  UniqueFd root = OpenFile(files.root_disk, O_RDONLY);
  UniqueFd scratch;
  if (files.scratch) scratch = OpenFile(directory_ + "/scratch", O_RDWR);
  UniqueFd log = OpenFile(directory_ + "/log", O_RDWR | O_CREAT);
  std::string program = VmProgram();
  pid_ = ::fork();
  if (pid_ == 0)
    Execute(program,
            {control.second.get(), listener.get(), lock.get(), exit.get(), kernel.get(),
             initramfs.get(), root.get(), scratch.get(), log.get()},
            files);
  control.second.Reset();
  owner_ = std::make_unique<Client>(std::move(control.first));
}

BoxProcess::~BoxProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    WaitEnd();
  }
  fs::remove_all(directory_);
}

proto::Launch BoxProcess::DefaultLaunch() {
  proto::Launch launch;
  launch.box_id = "01TEST";
  launch.engine = TestedEngine();
  launch.hostname = "testbox";
  launch.has_scratch = 1;
  launch.memory_mib = 256;
  return launch;
}

proto::Launched BoxProcess::Launch(proto::Launch launch) {
  launch_stream_ = owner_->Open(std::move(launch));
  Stream& stream = owner_->at(launch_stream_);
  owner_->RunUntil([&] { return stream.accept || stream.over(); });
  if (!stream.accept) {
    std::string log = Log();
    throw std::runtime_error(owner_->Refused(launch_stream_).message + "\nLog:\n" +
                             log.substr(log.size() - std::min<size_t>(log.size(), 2000)));
  }
  return proto::Decode<proto::Launched>(*stream.accept).TakeValue();
}

std::unique_ptr<Client> BoxProcess::Connect() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (directory_ + "/socket").copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    throw std::runtime_error("cannot connect to the box");
  return std::make_unique<Client>(std::move(socket));
}

int BoxProcess::WaitEnd() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return status;
}

proto::BoxExit BoxProcess::ExitRecord() const {
  std::string text = ReadAll(directory_ + "/exit");
  return proto::Decode<proto::BoxExit>(AsBytes(text)).TakeValue();
}

std::string BoxProcess::Log() const {
  return ReadAll(directory_ + "/log");
}

pid_t BoxProcess::QemuPid() const {
  return OnlyChildOf(pid_);
}

std::string VmProgram() {
  return Part("BOXLITE_TEST_VM", BOXLITE_TEST_VM);
}

std::string RunProgram(const std::string& argument) {
  return Output(VmProgram() + " " + argument + " 2>&1");
}

}  // namespace boxlite::vm_test
