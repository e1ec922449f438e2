// Measures the agent in a guest: boot to hello, configuration, one execution of `true`, output
// throughput. Prints one line for each, the median of several runs; not a test.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/clock.h"
#include "guest/machine.h"

namespace boxlite::guest_test {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double Since(int64_t started_ns) {
  return static_cast<double>(MonotonicNs() - started_ns) / 1e6;
}

void MeasureBoot(int runs) {
  std::vector<double> hello, configured, executed;
  for (int i = 0; i < runs; ++i) {
    int64_t started = MonotonicNs();
    Machine machine;
    hello.push_back(Since(started));
    machine.Configure();
    configured.push_back(Since(started));
    machine.Run({"true"});
    executed.push_back(Since(started));
  }
  std::printf("start of QEMU to hello      %7.1f ms\n", Median(hello));
  std::printf("start of QEMU to configured %7.1f ms\n", Median(configured));
  std::printf("start of QEMU to true ended %7.1f ms\n", Median(executed));
}

void MeasureTrue(Machine& machine, int runs) {
  std::vector<double> accepted, closed;
  for (int i = 0; i < runs; ++i) {
    int64_t started = MonotonicNs();
    uint32_t stream = machine.Open(Command({"/bin/true"}));
    machine.WaitAccepted(stream);
    accepted.push_back(Since(started));
    machine.WaitOver(stream);
    closed.push_back(Since(started));
  }
  std::printf("execution of true, accepted %7.1f ms\n", Median(accepted));
  std::printf("execution of true, closed   %7.1f ms\n", Median(closed));
}

void MeasureOutput(Machine& machine, const char* name, std::vector<std::string> argv) {
  std::vector<double> rates;
  for (int i = 0; i < 3; ++i) {
    proto::Exec request = Command(argv);
    request.window = 8 * 1024 * 1024;
    uint32_t stream = machine.Open(request);
    machine.at(stream).keep = false;
    int64_t started = MonotonicNs();
    machine.WaitOver(stream);
    rates.push_back(static_cast<double>(machine.at(stream).received[1]) / 1e3 / Since(started));
  }
  std::printf("%-27s %7.1f MB/s\n", name, Median(rates));
}

}  // namespace
}  // namespace boxlite::guest_test

int main(int argc, char** argv) {
  using namespace boxlite::guest_test;  // NOLINT(google-build-using-namespace)
  int runs = argc > 1 ? std::atoi(argv[1]) : 5;
  if (runs > 0) MeasureBoot(runs);
  Machine machine;
  machine.Configure();
  MeasureTrue(machine, 21);
  MeasureOutput(machine, "output, writes of 1 MiB",
                {"dd", "if=/dev/zero", "bs=1048576", "count=256"});
  MeasureOutput(machine, "output, writes of 64 KiB",
                {"dd", "if=/dev/zero", "bs=65536", "count=4096"});
  MeasureOutput(machine, "output, writes of 4 KiB",
                {"dd", "if=/dev/zero", "bs=4096", "count=16384"});
  return 0;
}
