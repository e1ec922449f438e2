// Figures of boxlite-vm and its engine, as one line each: name, unit, median, and all samples. Run
// it in the KVM rig with --icount for instruction-counted time (docs/performance.md says how), with
// BOXLITE_TEST_ENGINE, BOXLITE_TEST_KERNEL and BOXLITE_TEST_VM naming what is measured.
//
//   vm_measure [SAMPLES]     5 by default
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/sys.h"
#include "machine/machine.h"
#include "vm/box_process.h"

namespace boxlite::vm_test {
namespace {

using Samples = std::vector<double>;

void Print(const char* name, const char* unit, Samples samples) {
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

struct Mapping {
  uint64_t start = 0, end = 0;
  double private_kib = 0;
};

std::vector<Mapping> MappingsOf(pid_t pid) {
  std::ifstream smaps("/proc/" + std::to_string(pid) + "/smaps");
  std::vector<Mapping> mappings;
  std::string line;
  while (std::getline(smaps, line)) {
    Mapping next;
    double kib = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &next.start, &next.end) == 2) {
      mappings.push_back(next);
    } else if (std::sscanf(line.c_str(), "Private_%*[^:]: %lf", &kib) == 1) {
      mappings.back().private_kib += kib;
    }
  }
  return mappings;
}

// Private memory of a process without that of the guest, KiB. The guest's is the largest mapping
// and what lies next to it without a gap: the pages of its kernel's file divide it.
double PrivateKib(pid_t pid) {
  std::vector<Mapping> all = MappingsOf(pid);
  auto size = [](const Mapping& mapping) { return mapping.end - mapping.start; };
  auto largest = std::max_element(all.begin(), all.end(), [&](const Mapping& a, const Mapping& b) {
    return size(a) < size(b);
  });
  auto first = largest, last = largest;
  while (first != all.begin() && std::prev(first)->end == first->start) --first;
  while (std::next(last) != all.end() && last->end == std::next(last)->start) ++last;
  double total = 0;
  for (auto at = all.begin(); at != all.end(); ++at) {
    if (at < first || at > last) total += at->private_kib;
  }
  return total;
}

// Processor time of a process, user and system, in ticks of the kernel's.
double CpuTicks(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string field;
  double ticks = 0;
  for (int i = 1; i <= 15 && stat >> field; ++i) {
    if (i >= 14) ticks += std::stod(field);
  }
  return ticks;
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

// The whole root disk, 1 MiB at a time, in MB/s: past the guest's page cache, and by this process
// from the same file, which is one copy from the host's page cache: nothing could be faster.
constexpr double kDiskBytes = 32.0 * 1024 * 1024;

double DiskRate(Client& client) {
  int64_t before = MonotonicNs();
  client.Shell("dd if=/dev/vda of=/dev/null bs=1M iflag=direct 2>/dev/null");
  return kDiskBytes / (static_cast<double>(MonotonicNs() - before) / 1e3);
}

double FileRate() {
  UniqueFd file = sys::Open(DefaultFiles().root_disk, O_RDONLY).TakeValue();
  std::vector<uint8_t> piece(1 << 20);
  int64_t before = MonotonicNs();
  uint64_t at = 0;
  while (size_t count = sys::ReadAt(file.get(), piece.data(), piece.size(), at).value())
    at += count;
  return static_cast<double>(at) / (static_cast<double>(MonotonicNs() - before) / 1e3);
}

// Reads what a box is made of, so that nothing is measured that waits for the host's disk.
void WarmFiles() {
  BoxFiles files = DefaultFiles();
  const char* vm = std::getenv("BOXLITE_TEST_VM");
  for (const std::string& path : {files.kernel, files.initramfs, files.root_disk,
                                  std::string(vm != nullptr ? vm : BOXLITE_TEST_VM)}) {
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

// From before the machine is made by KVM until its vCPUs may enter the guest. (boxlite-vm loads a
// filter in each thread in between, which is not in this.)
void MeasureMachine(int samples) {
  Samples made;
  for (int i = 0; i <= samples; ++i) {
    BoxFiles files = DefaultFiles();
    machine::MachineParts parts;
    parts.spec.kernel = sys::Open(files.kernel, O_RDONLY).TakeValue();
    parts.spec.initramfs = sys::Open(files.initramfs, O_RDONLY).TakeValue();
    parts.spec.memory_mib = 256;
    parts.identity.root_disk = sys::Open(files.root_disk, O_RDONLY).TakeValue();
    auto loop = loop::Loop::Create().TakeValue();
    auto machine = machine::CreateKvmMachine(std::move(parts)).TakeValue();
    machine::MachineEvents events;
    events.on_console = [](std::string_view) {};
    events.on_ended = [](const machine::MachineEnd&) {};
    double took = MillisecondsOf([&] {
      machine->Start(*loop, std::move(events)).TakeValue();
      machine->Run();
    });
    if (i > 0) made.push_back(took);
  }
  Print("machine until it runs", "ms", made);
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
  BoxProcess box;
  proto::Launch launch = KnownLaunch();
  box.Launch(launch);
  Samples memory, idle, execs, large, small, disk, file;
  box.owner().Run({"true"});
  for (int i = 0; i < samples; ++i) {
    execs.push_back(MillisecondsOf([&] { box.owner().Run({"true"}); }));
    memory.push_back(PrivateKib(box.pid()));
    double ticks = CpuTicks(box.pid());
    box.owner().Run({"sleep", "1"});
    idle.push_back(CpuTicks(box.pid()) - ticks);
  }
  for (int i = 0; i < samples; ++i) {
    large.push_back(OutputRate(box.owner(), "1M", "64", 64 * kMib));
    small.push_back(OutputRate(box.owner(), "64k", "1024", 64 * kMib));
    disk.push_back(DiskRate(box.owner()));
    file.push_back(FileRate());
  }
  Print("exec of true", "ms", execs);
  Print("private memory", "KiB", memory);
  Print("ticks in a second", "10ms", idle);
  Print("stdout, 1 MiB", "MB/s", large);
  Print("stdout, 64 KiB", "MB/s", small);
  Print("disk, direct", "MB/s", disk);
  Print("disk, by the host", "MB/s", file);
}

}  // namespace
}  // namespace boxlite::vm_test

int main(int argc, char** argv) {
  int samples = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  boxlite::vm_test::WaitWithoutDeadlines();
  boxlite::vm_test::WarmFiles();
  if (boxlite::vm_test::TestedEngine() == boxlite::proto::Engine::kKvm)
    boxlite::vm_test::MeasureMachine(samples);
  boxlite::vm_test::MeasureBoots(samples);
  boxlite::vm_test::MeasureRunning(samples);
  return 0;
}
