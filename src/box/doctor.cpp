#include "box/doctor.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <utility>

#include "base/sys.h"
#include "base/sys_files.h"
#include "helper/spawn.h"

namespace boxlite::box {
namespace {

constexpr int kProbeLimitMs = 10'000;
constexpr size_t kProbeOutputLimit = 64 * 1024;
constexpr uint64_t kLittleSpaceMib = 1024;

DoctorLine Fine(std::string name, std::string detail) {
  return {std::move(name), DoctorState::kOk, std::move(detail), ""};
}

DoctorLine Problem(std::string name, DoctorState state, const Error& error, std::string hint = {}) {
  return {std::move(name), state, error.message(), hint.empty() ? error.hint() : std::move(hint)};
}

DoctorLine ExamineQemu(const std::string& qemu_path) {
  if (!qemu_path.empty()) return Fine("qemu", qemu_path);
  return {"qemu", DoctorState::kError, "qemu-system-x86_64 is not in PATH",
          "Install it (Debian, Ubuntu: apt install qemu-system-x86)."};
}

DoctorLine ExamineKvm() {
  Result<UniqueFd> kvm = sys::Open("/dev/kvm", O_RDWR);
  if (kvm.ok()) return Fine("kvm", "/dev/kvm can be opened");
  const char* hint = kvm.error().code() == Code::kPermission
                         ? "Add the user to the group that owns /dev/kvm, usually kvm."
                         : "Boxes run by software emulation, without hardware isolation; use a "
                           "host with hardware virtualization for both.";
  return Problem("kvm", DoctorState::kWarning, kvm.error(), hint);
}

DoctorLine ExamineFile(const char* name, const Result<UniqueFd>& file, const std::string& path) {
  if (file.ok()) return Fine(name, path);
  return Problem(name, DoctorState::kError, file.error());
}

DoctorLine ExamineProgram(const char* name, const Result<std::string>& path) {
  if (path.ok()) return Fine(name, path.value());
  return Problem(name, DoctorState::kError, path.error());
}

Result<std::string> RunProbe(const std::string& program) {
  auto pipe = BOXLITE_TRY(sys::Pipe());
  auto spawned =
      BOXLITE_TRY(helper::Spawn({program, {program, "--probe"}, {{pipe.second.get(), 1}}}));
  pipe.second.Reset();
  bool ended = helper::WaitForEnd(spawned, kProbeLimitMs);
  if (!ended) return Error(Code::kEngine, program + " --probe does not end");
  return sys::ReadFile(pipe.first.get(), kProbeOutputLimit);
}

// Which engine boxes get here, and whether boxlite-vm runs at all.
DoctorLine ExamineEngine(const Result<std::string>& program) {
  if (!program.ok()) return Problem("engine", DoctorState::kError, program.error());
  Result<std::string> output = RunProbe(program.value());
  if (!output.ok()) return Problem("engine", DoctorState::kError, output.error());
  constexpr std::string_view kLine = "engine: ";
  size_t at = output.value().find(kLine);
  if (at == std::string::npos)
    return {"engine", DoctorState::kError, program.value() + " --probe says nothing about engines",
            "Install boxlite as a whole: its parts belong together."};
  std::string text = output.value().substr(at + kLine.size());
  return Fine("engine", text.substr(0, text.find('\n')));
}

DoctorLine ExamineHome(const store::Home& home) {
  Result<void> writable = sys::CheckWritable(home.root());
  if (!writable.ok()) return Problem("home", DoctorState::kError, writable.error());
  struct statvfs info {};
  if (::fstatvfs(home.root(), &info) != 0)
    return Problem("home", DoctorState::kError, sys::ErrnoError(home.path()));
  uint64_t free_mib = uint64_t{info.f_bavail} * info.f_frsize >> 20;
  std::string detail = home.path() + ", " + std::to_string(free_mib) + " MiB free";
  if (free_mib >= kLittleSpaceMib) return Fine("home", detail);
  return {"home", DoctorState::kWarning, detail,
          "Make room, or put the home directory elsewhere with BOXLITE_HOME."};
}

}  // namespace

DoctorReport Examine(const helper::Installation& installation, const std::string& qemu_path,
                     const store::Home& home) {
  Result<std::string> vm = installation.FindVm();
  DoctorReport report;
  report.push_back(ExamineProgram("boxlite-vm", vm));
  report.push_back(ExamineProgram("boxlite-image", installation.FindImage()));
  report.push_back(ExamineFile("kernel", installation.OpenKernel(), installation.KernelPath()));
  report.push_back(
      ExamineFile("initramfs", installation.OpenInitramfs(), installation.InitramfsPath()));
  report.push_back(ExamineKvm());
  report.push_back(ExamineQemu(qemu_path));
  report.push_back(ExamineEngine(vm));
  report.push_back(ExamineHome(home));
  return report;
}

}  // namespace boxlite::box
