#include "machine/qemu_command.h"

#include <stdlib.h>
#include <unistd.h>

#include <memory>

#include "base/sys.h"
#include "machine/kernel_command_line.h"

namespace boxlite::machine {
namespace {

// Descriptors in QEMU.
enum : int {
  kErrorOutput = 2,
  kAgent = 3,
  kMonitor = 4,
  kConsole = 5,
  kRootDisk = 6,
  kScratchDisk = 7,
  kKernel = 8,
  kInitramfs = 9,
};

constexpr const char* kJailedKernel = "/boxlite/kernel";
constexpr const char* kJailedInitramfs = "/boxlite/initramfs";

std::string Bus(Slot slot) {
  return "bus=virtio-mmio-bus." + std::to_string(static_cast<int>(slot));
}

// The path by which `fd` can be bound into another mount namespace: binding from a descriptor of
// the namespace we came from is refused by the kernel.
Result<std::string> PathOf(int fd, const char* what) {
  std::string link = "/proc/self/fd/" + std::to_string(fd);
  char text[4096];
  ssize_t length = ::readlink(link.c_str(), text, sizeof text);
  if (length <= 0 || length == static_cast<ssize_t>(sizeof text))
    return sys::ErrnoError(std::string("find the path of the ") + what);
  std::string path(text, static_cast<size_t>(length));
  struct stat opened = BOXLITE_TRY(sys::Stat(fd));
  auto named = sys::StatAt(AT_FDCWD, path);
  if (!named.ok() || named.value().st_ino != opened.st_ino || named.value().st_dev != opened.st_dev)
    return Error(Code::kEngine, std::string("the ") + what + " file " + path + " was replaced",
                 "start the box again");
  return path;
}

std::string ParentOf(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

void AddDisk(std::vector<std::string>& argv, const char* name, int fd, Slot slot, bool read_only) {
  std::string set = std::to_string(fd);
  std::string node = std::string("driver=file,node-name=") + name + ",filename=/dev/fdset/" + set +
                     ",locking=off,aio=threads,cache.direct=off,cache.no-flush=off";
  node += read_only ? ",read-only=on,auto-read-only=off" : ",discard=unmap,detect-zeroes=unmap";
  argv.insert(argv.end(), {"-add-fd", "fd=" + set + ",set=" + set, "-blockdev", node, "-device",
                           std::string("virtio-blk-device,drive=") + name + "," + Bus(slot)});
}

void AddDevices(std::vector<std::string>& argv, const MachineSpec& spec) {
  argv.insert(
      argv.end(),
      {"-chardev", "socket,id=console,fd=" + std::to_string(kConsole), "-serial", "chardev:console",
       "-chardev", "socket,id=monitor,fd=" + std::to_string(kMonitor), "-mon",
       "chardev=monitor,mode=control", "-chardev", "socket,id=agent,fd=" + std::to_string(kAgent),
       "-device", "virtio-serial-device,max_ports=2," + Bus(Slot::kConsole), "-device",
       "virtserialport,chardev=agent,name=boxlite.agent,nr=1", "-object", "rng-builtin,id=rng",
       "-device", "virtio-rng-device,rng=rng," + Bus(Slot::kRng)});
  AddDisk(argv, "root", kRootDisk, Slot::kRootDisk, true);
  if (spec.scratch_disk) AddDisk(argv, "scratch", kScratchDisk, Slot::kScratchDisk, false);
}

// TCG runs `rep movsb` byte by byte. Without the two promises that it is fast, kernel and libc copy
// with wide moves, which makes the guest's output more than three times as fast.
const char* CpuOf(const MachineSpec& spec) {
  return spec.accelerator == Accelerator::kTcg ? "max,-erms,-fsrm" : "max";
}

std::vector<std::string> Arguments(const MachineSpec& spec, const std::string& program) {
  bool tcg = spec.accelerator == Accelerator::kTcg;
  std::string accelerator =
      tcg ? "tcg,tb-size=" + std::to_string(spec.translation_cache_mib) : "kvm";
  if (tcg && spec.cpus > 1) accelerator += ",thread=multi";
  std::vector<std::string> argv = {
      program, "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-M",
      // No ACPI: then QEMU announces the virtio-mmio devices on the kernel's command line. Without
      // an RTC the kernel waits a second for one. PIC and PIT are for TCG, whose local APIC is not
      // trusted without them.
      std::string("microvm,acpi=off,rtc=on,x-option-roms=off,pit=") + (tcg ? "on" : "off"),
      "-global", "virtio-mmio.force-legacy=false", "-accel", accelerator, "-cpu", CpuOf(spec),
      "-smp", std::to_string(spec.cpus), "-m", std::to_string(spec.memory_mib), "-append",
      QemuKernelCommandLine(spec)};
  if (spec.filtered)
    argv.insert(
        argv.end(),
        {"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  AddDevices(argv, spec);
  return argv;
}

std::vector<jail::Bind> Binds(const std::string& program, const std::string& kernel,
                              const std::string& initramfs, Accelerator accelerator) {
  using Access = jail::Bind::Access;
  std::vector<jail::Bind> binds;
  for (const char* path : {"/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache"})
    binds.push_back({path, path, Access::kReadOnly});
  // A QEMU of the user's own, in /opt/qemu/bin or the like, with its firmware beside it.
  if (program.rfind("/usr/", 0) != 0) {
    std::string prefix = ParentOf(ParentOf(program));
    if (!prefix.empty()) binds.push_back({prefix, prefix, Access::kReadOnly});
  }
  binds.push_back({kernel, kJailedKernel, Access::kReadOnly});
  binds.push_back({initramfs, kJailedInitramfs, Access::kReadOnly});
  for (const char* path : {"/dev/null", "/dev/urandom"})
    binds.push_back({path, path, Access::kDevice});
  if (accelerator == Accelerator::kKvm) binds.push_back({"/dev/kvm", "/dev/kvm", Access::kDevice});
  return binds;
}

std::vector<jail::Limit> Limits(const MachineSpec& spec) {
  constexpr rlim_t kMib = 1024 * 1024;
  // Address space: the guest's memory, the translations, and what QEMU itself maps and reserves
  // (64 MiB of malloc arena for each thread, stacks, libraries).
  rlim_t space = (rlim_t{spec.memory_mib} + spec.translation_cache_mib + 3072) * kMib;
  return {{RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 64}, {RLIMIT_AS, space}, {RLIMIT_MSGQUEUE, 0}};
}

}  // namespace

Result<std::string> FindQemu(const std::string& wanted) {
  const std::string& path = wanted.empty() ? "/usr/bin/qemu-system-x86_64" : wanted;
  std::unique_ptr<char, void (*)(void*)> resolved(::realpath(path.c_str(), nullptr), ::free);
  if (!resolved || ::access(resolved.get(), X_OK) != 0)
    return sys::ErrnoError("QEMU is not at " + path)
        .WithCode(Code::kEngine)
        .WithHint(
            "install it (Debian, Ubuntu: apt install qemu-system-x86), or put its directory into "
            "PATH");
  return std::string(resolved.get());
}

Result<jail::ChildSpec> QemuCommand(const MachineParts& parts, const QemuChannels& channels) {
  const MachineSpec& spec = parts.spec;
  std::string program = BOXLITE_TRY(FindQemu(spec.qemu_path));
  std::string kernel = BOXLITE_TRY(PathOf(spec.kernel.get(), "kernel"));
  std::string initramfs = BOXLITE_TRY(PathOf(spec.initramfs.get(), "initramfs"));
  jail::ChildSpec child;
  child.program = program;
  child.argv = Arguments(spec, program);
  child.jailed_argv = {"-kernel", kJailedKernel, "-initrd", kJailedInitramfs};
  child.unjailed_argv = {"-kernel", "/proc/self/fd/" + std::to_string(kKernel), "-initrd",
                         "/proc/self/fd/" + std::to_string(kInitramfs)};
  child.descriptors.assign(kInitramfs + 1, -1);
  auto place = [&child](int at, int fd) { child.descriptors[static_cast<size_t>(at)] = fd; };
  place(kErrorOutput, channels.error_output.get());
  place(kAgent, channels.agent.get());
  place(kMonitor, channels.monitor.get());
  place(kConsole, channels.console.get());
  place(kRootDisk, parts.identity.root_disk.get());
  place(kScratchDisk, parts.identity.scratch_disk.get());
  place(kKernel, spec.kernel.get());
  place(kInitramfs, spec.initramfs.get());
  child.binds = Binds(program, kernel, initramfs, spec.accelerator);
  child.limits = Limits(spec);
  child.namespaces = spec.jailed;
  return child;
}

}  // namespace boxlite::machine
