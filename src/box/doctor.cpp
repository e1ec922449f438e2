#include "box/doctor.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/sys.h"
#include "base/sys_files.h"
#include "box/program_output.h"

namespace boxlite::box {
namespace {

constexpr int kProgramMs = 10'000;
constexpr size_t kSettingLimit = 4096;
constexpr size_t kVersionLength = 64;
constexpr uint64_t kLittleSpaceMib = 1024;

DoctorLine Fine(std::string name, std::string detail) {
  return {std::move(name), DoctorState::kOk, std::move(detail), ""};
}

DoctorLine Problem(std::string name, DoctorState state, const Error& error,
                   const std::string& hint = {}) {
  return {std::move(name), state, error.message(), hint.empty() ? error.hint() : hint};
}

DoctorLine ExamineQemu(const std::string& qemu_path) {
  if (qemu_path.empty())
    return {"qemu", DoctorState::kError, "qemu-system-x86_64 is not in PATH",
            "Install it (Debian, Ubuntu: apt install qemu-system-x86)."};
  Result<std::string> version = OutputOf(qemu_path, "--version", kProgramMs);
  if (!version.ok() || version.value().empty())
    return {"qemu", DoctorState::kError, qemu_path + " does not tell its version",
            "Install QEMU again (Debian, Ubuntu: apt reinstall qemu-system-x86)."};
  std::string line = version.value().substr(0, version.value().find('\n'));
  return Fine("qemu", line + " (" + qemu_path + ")");
}

// Which is of use where this host's engine is kvm; the line of the engine says why it is not.
DoctorLine ExamineKvm(const Result<std::string>& engine) {
  constexpr const char* kEmulated =
      "Boxes run by software emulation, without hardware isolation; use a host with hardware "
      "virtualization for both.";
  Result<UniqueFd> kvm = sys::Open("/dev/kvm", O_RDWR);
  if (!kvm.ok()) {
    const char* hint = kvm.error().code() == Code::kPermission
                           ? "Add the user to the group that owns /dev/kvm, usually kvm."
                           : kEmulated;
    return Problem("kvm", DoctorState::kWarning, kvm.error(), hint);
  }
  if (engine.ok() && engine.value().starts_with("qemu"))
    return {"kvm", DoctorState::kWarning, "/dev/kvm is present, and of no use to boxes", kEmulated};
  return Fine("kvm", "/dev/kvm is present and permitted");
}

// A number in a file of /proc/sys; `fallback` where the kernel has no such setting.
int64_t Setting(const char* path, int64_t fallback) {
  Result<std::string> text = sys::ReadFileAt(AT_FDCWD, path, kSettingLimit);
  return text.ok() ? std::strtoll(text.value().c_str(), nullptr, 10) : fallback;
}

DoctorLine ExamineUserNamespaces() {
  const char* name = "user namespaces";
  if (Setting("/proc/sys/user/max_user_namespaces", 0) == 0)
    return {name, DoctorState::kWarning, "this machine allows none",
            "Set user.max_user_namespaces above 0 with sysctl; without them QEMU's jail has a "
            "layer less."};
  if (Setting("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0 ||
      Setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
    return {name, DoctorState::kWarning, "only root may make them on this machine",
            "Set kernel.unprivileged_userns_clone=1, or "
            "kernel.apparmor_restrict_unprivileged_userns=0, with sysctl; without them QEMU's "
            "jail has a layer less."};
  return Fine(name, "allowed");
}

DoctorLine ExamineCgroups() {
  bool mounted = ::access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  if (mounted) return Fine("cgroups", "version 2 at /sys/fs/cgroup");
  return {"cgroups", DoctorState::kWarning, "version 2 is not mounted at /sys/fs/cgroup",
          "Boxes run without; to bound them from outside as well, boot the host with "
          "systemd.unified_cgroup_hierarchy=1."};
}

// The word that follows `mark` in a file; "" where there is none.
std::string WordAfter(int fd, std::string_view mark) {
  Result<struct stat> info = sys::Stat(fd);
  if (!info.ok() || info.value().st_size <= 0) return {};
  auto size = static_cast<size_t>(info.value().st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapped == MAP_FAILED) return {};
  std::string_view file(static_cast<const char*>(mapped), size);
  std::string word;
  for (size_t at = file.find(mark); at != file.npos && word.empty(); at = file.find(mark, at + 1)) {
    word = file.substr(at + mark.size(), kVersionLength);
    // A format string of the kernel has the same mark, and a '%' behind it.
    word.resize(std::min(word.find_first_of(std::string_view(" \n\0%", 4)), word.size()));
  }
  ::munmap(mapped, size);
  return word;
}

// A part of the guest, with the version that stands in it behind `mark`.
DoctorLine ExamineGuestFile(const char* name, const Result<UniqueFd>& file, const std::string& path,
                            std::string_view mark) {
  if (!file.ok()) return Problem(name, DoctorState::kError, file.error());
  std::string version = WordAfter(file.value().get(), mark);
  if (!version.empty()) return Fine(name, version + " (" + path + ")");
  return {name, DoctorState::kError, path + " is not what it should be: it names no version",
          "Install boxlite as a whole: its parts belong together."};
}

DoctorLine ExamineProgram(const char* name, const Result<std::string>& path) {
  if (path.ok()) return Fine(name, path.value());
  return Problem(name, DoctorState::kError, path.error());
}

// Which engine boxes get here, and why: "qemu (…)". It takes a boxlite-vm that runs.
Result<std::string> ProbeEngine(const Result<std::string>& program) {
  if (!program.ok()) return program.error();
  std::string output = BOXLITE_TRY(OutputOf(program.value(), "--probe", kProgramMs));
  constexpr std::string_view kLine = "engine: ";
  size_t at = output.find(kLine);
  if (at == std::string::npos)
    return Error(Code::kConfig, program.value() + " --probe says nothing about engines",
                 "Install boxlite as a whole: its parts belong together.");
  std::string text = output.substr(at + kLine.size());
  return text.substr(0, text.find('\n'));
}

DoctorLine ExamineEngine(const Result<std::string>& engine, proto::Engine wanted) {
  if (!engine.ok()) return Problem("engine", DoctorState::kError, engine.error());
  if (wanted == proto::Engine::kQemu) return Fine("engine", "qemu (asked for)");
  if (wanted == proto::Engine::kKvm && !engine.value().starts_with("kvm"))
    return {"engine", DoctorState::kError,
            "kvm was asked for, and this host has only " + engine.value(),
            "Use a host with hardware virtualization, or ask for engine auto or qemu."};
  return Fine("engine", engine.value());
}

DoctorLine ExamineDisk(const store::Home& home) {
  Result<void> writable = sys::CheckWritable(home.root());
  if (!writable.ok()) return Problem("disk", DoctorState::kError, writable.error());
  struct statvfs info {};
  if (::fstatvfs(home.root(), &info) != 0)
    return Problem("disk", DoctorState::kError, sys::ErrnoError(home.path()));
  uint64_t free_mib = uint64_t{info.f_bavail} * info.f_frsize >> 20;
  std::string detail = home.path() + ", " + std::to_string(free_mib) + " MiB free";
  if (free_mib >= kLittleSpaceMib) return Fine("disk", detail);
  return {"disk", DoctorState::kWarning, detail,
          "Make room, or put the home directory elsewhere with BOXLITE_HOME."};
}

}  // namespace

DoctorReport Examine(const helper::Installation& installation, const std::string& qemu_path,
                     const store::Home& home, proto::Engine wanted) {
  Result<std::string> vm = installation.FindVm();
  Result<std::string> engine = ProbeEngine(vm);
  return {ExamineKvm(engine),
          ExamineQemu(qemu_path),
          ExamineEngine(engine, wanted),
          ExamineUserNamespaces(),
          ExamineCgroups(),
          ExamineDisk(home),
          ExamineGuestFile("kernel", installation.OpenKernel(), installation.KernelPath(),
                           "Linux version "),
          ExamineGuestFile("agent", installation.OpenInitramfs(), installation.InitramfsPath(),
                           "boxlite-agent "),
          ExamineProgram("boxlite-vm", vm),
          ExamineProgram("boxlite-image", installation.FindImage())};
}

}  // namespace boxlite::box
