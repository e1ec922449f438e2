#include "box/doctor.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include <cstring>

#include "base/clock.h"
#include "base/sys.h"
#include "helper/spawn.h"

namespace boxlite::box {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kDiskError = kGiB / 4;
constexpr uint64_t kDiskWarning = 2 * kGiB;
constexpr int64_t kProgramMs = 5000;
constexpr size_t kProgramOutput = 4096;
constexpr size_t kSmallFile = 4096;
constexpr size_t kVersionLength = 64;

DoctorFinding Fine(std::string name, std::string detail) {
  return {std::move(name), DoctorState::kOk, std::move(detail), {}};
}

DoctorFinding Wrong(std::string name, DoctorState state, const Error& error, std::string hint) {
  return {std::move(name), state, error.message(),
          error.hint().empty() ? std::move(hint) : error.hint()};
}

DoctorFinding ExamineKvm() {
  Result<UniqueFd> kvm = sys::Open("/dev/kvm", O_RDWR);
  if (kvm.ok()) return Fine("kvm", "/dev/kvm is present and permitted");
  std::string hint =
      kvm.error().code() == Code::kPermission
          ? "Add this user to the group that owns /dev/kvm: usermod -aG kvm USER, then log in "
            "again."
          : "Turn on virtualization in the firmware, or nested virtualization for this machine; "
            "without it boxes run under software emulation, which is slower.";
  return Wrong("kvm", DoctorState::kWarning, kvm.error(), std::move(hint));
}

// The first line that `program --version` prints.
Result<std::string> VersionOf(const std::string& program) {
  auto [reader, writer] = BOXLITE_TRY(sys::Pipe());
  helper::Spawned spawned = BOXLITE_TRY(
      helper::Spawn({program, {program, "--version"}, {{writer.get(), STDOUT_FILENO}}}));
  writer.Reset();
  int64_t deadline = MonotonicMs() + kProgramMs;
  std::string output;
  while (output.size() < kProgramOutput && output.find('\n') == std::string::npos) {
    pollfd wait{reader.get(), POLLIN, 0};
    auto left = static_cast<int>(std::max<int64_t>(deadline - MonotonicMs(), 0));
    if (::poll(&wait, 1, left) <= 0)
      return Error(Code::kTimeout, program + " --version does not answer");
    char piece[512];
    size_t count = BOXLITE_TRY(sys::Read(reader.get(), piece, sizeof piece));
    if (count == 0) break;
    output.append(piece, count);
  }
  helper::WaitForEnd(spawned, static_cast<int>(kProgramMs));
  return output.substr(0, output.find('\n'));
}

DoctorFinding ExamineQemu() {
  Result<std::string> program = helper::Installation::FindQemu();
  if (!program.ok()) return Wrong("qemu", DoctorState::kError, program.error(), {});
  Result<std::string> version = VersionOf(program.value());
  if (!version.ok())
    return Wrong("qemu", DoctorState::kError, version.error(), "Reinstall the package of QEMU.");
  return Fine("qemu", version.value() + " (" + program.value() + ")");
}

// A number in a file of /proc/sys, or `fallback` where the kernel has no such switch.
int64_t Setting(const std::string& path, int64_t fallback) {
  Result<std::string> text = sys::ReadFileAt(AT_FDCWD, path, kSmallFile);
  return text.ok() ? std::strtoll(text.value().c_str(), nullptr, 10) : fallback;
}

DoctorFinding ExamineUserNamespaces() {
  const char* name = "user namespaces";
  if (Setting("/proc/sys/user/max_user_namespaces", 0) == 0)
    return {name, DoctorState::kWarning, "this machine allows no user namespaces",
            "Set user.max_user_namespaces above 0 with sysctl; without them QEMU's jail has one "
            "layer less."};
  if (Setting("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0 ||
      Setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
    return {name, DoctorState::kWarning, "only root may make user namespaces on this machine",
            "Allow them with sysctl (kernel.unprivileged_userns_clone=1, or "
            "kernel.apparmor_restrict_unprivileged_userns=0); without them QEMU's jail has one "
            "layer less."};
  return Fine(name, "allowed");
}

DoctorFinding ExamineCgroups() {
  Result<std::string> controllers =
      sys::ReadFileAt(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", kSmallFile);
  if (controllers.ok()) return Fine("cgroups", "version 2");
  return {"cgroups", DoctorState::kWarning, "cgroup version 2 is not mounted at /sys/fs/cgroup",
          "Boxes need none on the host; to limit them from outside, boot with "
          "systemd.unified_cgroup_hierarchy=1."};
}

DoctorFinding ExamineDisk(const store::Home& home) {
  struct statvfs info {};
  if (::fstatvfs(home.root(), &info) != 0)
    return Wrong("disk", DoctorState::kError, sys::ErrnoError("look at " + home.path()),
                 "Check the file system that holds it.");
  uint64_t free_bytes = uint64_t{info.f_bavail} * info.f_frsize;
  std::string detail = std::to_string(free_bytes / (1024 * 1024)) + " MiB free in " + home.path();
  if (free_bytes >= kDiskWarning) return Fine("disk", detail);
  return {"disk", free_bytes < kDiskError ? DoctorState::kError : DoctorState::kWarning, detail,
          "Free some space, or set BOXLITE_HOME to a directory on a larger file system."};
}

// What follows `mark` in a file, up to the end of the line or text. "" where the mark is missing.
std::string TextAfter(int fd, std::string_view mark) {
  Result<struct stat> info = sys::Stat(fd);
  if (!info.ok() || info.value().st_size <= 0) return {};
  auto size = static_cast<size_t>(info.value().st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapped == MAP_FAILED) return {};
  std::string_view file(static_cast<const char*>(mapped), size);
  std::string text;
  for (size_t at = file.find(mark); at != file.npos && text.empty(); at = file.find(mark, at + 1)) {
    text = file.substr(at + mark.size(), kVersionLength);
    text.resize(std::min(text.find_first_of(std::string_view(" \n\0%", 4)), text.size()));
  }
  ::munmap(mapped, size);
  return text;
}

DoctorFinding ExamineFile(const char* name, const Result<UniqueFd>& file, const std::string& path,
                          std::string_view mark) {
  if (!file.ok()) return Wrong(name, DoctorState::kError, file.error(), {});
  return Fine(name, TextAfter(file.value().get(), mark) + " (" + path + ")");
}

DoctorFinding ExamineProgram(const char* name, const Result<std::string>& program) {
  if (!program.ok()) return Wrong(name, DoctorState::kError, program.error(), {});
  return Fine(name, program.value());
}

}  // namespace

std::vector<DoctorFinding> Examine(const helper::Installation& installation,
                                   const store::Home& home) {
  return {
      ExamineKvm(),
      ExamineQemu(),
      ExamineUserNamespaces(),
      ExamineCgroups(),
      ExamineDisk(home),
      ExamineFile("kernel", installation.OpenKernel(), installation.KernelPath(), "Linux version "),
      ExamineFile("agent", installation.OpenInitramfs(), installation.InitramfsPath(),
                  "boxlite-agent "),
      ExamineProgram("boxlite-vm", installation.FindVm()),
      ExamineProgram("boxlite-image", installation.FindImage())};
}

}  // namespace boxlite::box
