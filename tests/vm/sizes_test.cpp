// Machines of all sizes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vm/box_process.h"

namespace boxlite::vm_test {
namespace {

class Cpus : public testing::TestWithParam<uint32_t> {};

TEST_P(Cpus, AreAllThereAndAllWork) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.cpus = GetParam();
  BoxProcess box;
  box.Launch(launch);
  std::string count = std::to_string(GetParam());
  EXPECT_EQ(box.owner().Shell("nproc; grep -c ^processor /proc/cpuinfo").output,
            count + "\n" + count + "\n");
  // Each of them runs something, one after another and all at once.
  std::string each = "for c in $(seq 0 $((" + count +
                     " - 1))); do "
                     "taskset $((1 << c)) sh -c 'echo on; cat /proc/self/stat >/dev/null' & "
                     "done; wait";
  Client::Outcome outcome = box.owner().Shell(each);
  std::string expected;
  for (uint32_t i = 0; i < GetParam(); ++i) expected += "on\n";
  EXPECT_EQ(outcome.output, expected);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Cpus, testing::Values(1, 2, 4));

class Memory : public testing::TestWithParam<uint32_t> {};

TEST_P(Memory, IsThereToTheLastMebibytes) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.memory_mib = GetParam();
  BoxProcess box;
  box.Launch(launch);
  auto total_kib = std::stoul(box.owner().Shell("sed -n 's/MemTotal: *//p' /proc/meminfo").output);
  // What the kernel takes for itself grows with the memory that it has to describe.
  EXPECT_GT(total_kib, GetParam() * 1024UL * 85 / 100);
  EXPECT_LT(total_kib, GetParam() * 1024UL);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Memory, testing::Values(128, 512, 3072, 3584, 8192));

}  // namespace
}  // namespace boxlite::vm_test
