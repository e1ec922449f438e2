// Figures of boxlite-vm and its engine, as one line each: name, unit, median, and all samples. Run
// it in the KVM rig with --icount for instruction-counted time (docs/performance.md says how), with
// BOXLITE_TEST_ENGINE, BOXLITE_TEST_KERNEL and BOXLITE_TEST_VM naming what is measured.
//
//   vm_measure [SAMPLES]     5 by default
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/sys.h"
#include "kvm/layout.h"
#include "kvm/vm.h"
#include "machine/machine.h"
#include "unit/kvm/kernel_image.h"
#include "vm/box_process.h"
#include "vm/disk_rates.h"
#include "vm/usage.h"

namespace boxlite::vm_test {
namespace {

using Samples = std::vector<double>;

void Print(const char* name, const char* unit, const Samples& samples) {
  Samples sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  std::printf("%-22s %9.3f %-5s ", name, sorted[sorted.size() / 2], unit);
  for (double sample : samples) std::printf(" %.3f", sample);
  std::printf("\n");
  std::fflush(stdout);
}

double MillisecondsOf(const std::function<void()>& work) {
  int64_t before = MonotonicNs();
  work();
  return static_cast<double>(MonotonicNs() - before) / 1e6;
}

// Bytes that `dd` writes to its standard output, in MB/s as the client sees them.
double OutputRate(Client& client, const std::string& block, const std::string& count,
                  double bytes) {
  proto::Exec exec = Command({"dd", "if=/dev/zero", "bs=" + block, "count=" + count});
  exec.window = kWindow;
  int64_t before = MonotonicNs();
  uint32_t stream = client.Open(exec);
  client.at(stream).keep = false;
  client.WaitOver(stream);
  return bytes / (static_cast<double>(MonotonicNs() - before) / 1e3);
}

// The root disk 1 MiB at a time and past the guest's page cache, in MB/s. Two amounts, so that what
// starting the command takes is not in it.
double DiskRate(Client& client) {
  constexpr double kMib = 1024 * 1024, kFew = 1, kMany = 31;
  auto read = [&client](double mib) {
    std::string count = std::to_string(static_cast<int>(mib));
    return MillisecondsOf([&] {
      client.Shell("dd if=/dev/vda of=/dev/null bs=1M iflag=direct 2>/dev/null count=" + count);
    });
  };
  double few = read(kFew);
  return (kMany - kFew) * kMib / ((read(kMany) - few) * 1e3);
}

// Reads what a box is made of, so that nothing is measured that waits for the host's disk.
void WarmFiles() {
  BoxFiles files = DefaultFiles();
  for (const std::string& path : {files.kernel, files.initramfs, files.root_disk, VmProgram()}) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> piece(1 << 20);
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size()))) {
    }
  }
}

// As from the second box on: the library knows what KVM is good for.
proto::Launch KnownLaunch() {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.kvm_speed = 1000;
  return launch;
}

machine::MachineParts PartsWith(UniqueFd kernel) {
  BoxFiles files = DefaultFiles();
  machine::MachineParts parts;
  parts.spec.kernel = std::move(kernel);
  parts.spec.initramfs = sys::Open(files.initramfs, O_RDONLY).TakeValue();
  parts.spec.memory_mib = 256;
  parts.identity.root_disk = sys::Open(files.root_disk, O_RDONLY).TakeValue();
  return parts;
}

// A kernel that says one byte and halts. It does so in 32-bit mode and in 64-bit mode alike.
UniqueFd ShortKernel() {
  constexpr uint64_t kAddress = 0x10'0000;
  constexpr uint8_t kCode[] = {
      0xba, 0xf8, 0x03, 0x00, 0x00,  // mov edx, 0x3f8
      0xb0, '!',  0xee,              // mov al, '!'; out dx, al
      0xf4, 0xeb, 0xfd,              // hlt, for ever
  };
  Bytes code(std::begin(kCode), std::end(kCode));
  Bytes image = kvm::KernelImage(kAddress).Segment(kAddress, code, kvm::kPageSize).Build();
  UniqueFd file(::memfd_create("kernel", MFD_CLOEXEC));
  sys::WriteAllAt(file.get(), image, 0).TakeValue();
  return file;
}

// From before the machine is made by KVM until it is heard of the guest's first instructions, all
// of it in this process: boxlite-vm loads a filter in each thread in between, which is not in this.
double FirstInstructionMs() {
  auto loop = loop::Loop::Create().TakeValue();
  auto machine = machine::CreateKvmMachine(PartsWith(ShortKernel()), kvm::Host::Open().TakeValue())
                     .TakeValue();
  machine::MachineEvents events;
  events.on_console = [&loop](std::string_view) { loop->Stop(); };
  events.on_ended = [](const machine::MachineEnd&) { std::abort(); };
  return MillisecondsOf([&] {
    machine->Start(*loop, std::move(events)).TakeValue();
    machine->Run();
    loop->Run();
  });
}

// boxlite-vm as a program that says what this host's KVM is good for, to its end.
double ProbeMs() {
  std::string program = VmProgram(), option = "--probe";
  char* arguments[] = {program.data(), option.data(), nullptr};
  posix_spawn_file_actions_t quiet;
  ::posix_spawn_file_actions_init(&quiet);
  ::posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  double took = MillisecondsOf([&] {
    pid_t pid = -1;
    int status = -1;
    bool ended = ::posix_spawn(&pid, arguments[0], &quiet, nullptr, arguments, environ) == 0 &&
                 ::waitpid(pid, &status, 0) == pid;
    if (!ended || status != 0) std::abort();
  });
  ::posix_spawn_file_actions_destroy(&quiet);
  return took;
}

void MeasureMachine(int samples) {
  Samples first, probe;
  FirstInstructionMs(), ProbeMs();  // They warm the files.
  for (int i = 0; i < samples; ++i) first.push_back(FirstInstructionMs());
  for (int i = 0; i < samples; ++i) probe.push_back(ProbeMs());
  Print("first instruction", "ms", first);
  Print("probe", "ms", probe);
}

void MeasureDisk(int samples) {
  Samples device, floor;
  for (int i = 0; i < samples; ++i) {
    DiskRates rates = MeasureDiskRates(DefaultFiles().root_disk);
    device.push_back(rates.device);
    floor.push_back(rates.floor);
  }
  Print("disk, by itself", "MB/s", device);
  Print("disk, the floor", "MB/s", floor);
}

void MeasureBoots(int samples) {
  Samples boots, stops;
  for (int i = 0; i <= samples; ++i) {
    BoxProcess box;
    proto::Launched launched = box.Launch(KnownLaunch());
    double stop = MillisecondsOf([&] { box.owner().WaitOver(box.owner().Open(proto::Stop{})); });
    box.WaitEnd();
    if (i == 0) continue;  // It warms the files.
    boots.push_back(static_cast<double>(launched.boot_ms));
    stops.push_back(stop);
  }
  Print("boot to hello", "ms", boots);
  Print("stop", "ms", stops);
}

void MeasureRunning(int samples) {
  constexpr double kMib = 1024 * 1024;
  constexpr unsigned kIdleSeconds = 10;
  BoxProcess box;
  proto::Launch launch = KnownLaunch();
  box.Launch(launch);
  std::vector<pid_t> family = FamilyOf(box.pid());
  Samples memory, idle, execs, large, small, disk;
  box.owner().Run({"true"});
  for (int i = 0; i < samples; ++i) {
    execs.push_back(MillisecondsOf([&] { box.owner().Run({"true"}); }));
    memory.push_back(PrivateKib(family));
    double before = CpuMs(family);
    std::this_thread::sleep_for(std::chrono::seconds(kIdleSeconds));
    idle.push_back((CpuMs(family) - before) / kIdleSeconds);
  }
  for (int i = 0; i < samples; ++i) {
    large.push_back(OutputRate(box.owner(), "1M", "64", 64 * kMib));
    small.push_back(OutputRate(box.owner(), "64k", "1024", 64 * kMib));
    disk.push_back(DiskRate(box.owner()));
  }
  Print("exec of true", "ms", execs);
  Print("private memory", "KiB", memory);
  Print("idle, a second", "ms", idle);
  Print("stdout, 1 MiB", "MB/s", large);
  Print("stdout, 64 KiB", "MB/s", small);
  Print("disk, by dd", "MB/s", disk);
}

}  // namespace
}  // namespace boxlite::vm_test

int main(int argc, char** argv) {
  int samples = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  boxlite::vm_test::WaitWithoutDeadlines();
  boxlite::vm_test::WarmFiles();
  if (boxlite::vm_test::TestedEngine() == boxlite::proto::Engine::kKvm) {
    boxlite::vm_test::MeasureMachine(samples);
    boxlite::vm_test::MeasureDisk(samples);
  }
  boxlite::vm_test::MeasureBoots(samples);
  boxlite::vm_test::MeasureRunning(samples);
  return 0;
}
