#include "box/program_output.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace boxlite::box {
namespace {

class ProgramOutputTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_), nullptr); }
  void TearDown() override {
    ::unlink(path().c_str());
    ::rmdir(directory_);
  }
  std::string path() const { return std::string(directory_) + "/program"; }
  std::string Install(const std::string& script) {
    std::ofstream(path()) << "#!/bin/sh\n" << script << "\n";
    ::chmod(path().c_str(), 0755);
    return path();
  }

  char directory_[32] = "/tmp/boxlite-out-XXXXXX";
};

TEST_F(ProgramOutputTest, Program_GetsItsArgumentAndIsHeard) {
  EXPECT_EQ(OutputOf(Install("echo I was asked $1"), "--version", 50'000).value(),
            "I was asked --version\n");
}

// The pipe stays open in a child of the program's.
TEST_F(ProgramOutputTest, ProgramThatLeavesAChild_IsNotWaitedForAnyLonger) {
  auto output = OutputOf(Install("sleep 1000 & echo $!"), "--version", 50'000);
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(::kill(std::stoi(output.value()), SIGKILL), 0);
}

TEST_F(ProgramOutputTest, ProgramThatDoesNotEnd_IsKilled) {
  std::string pid_file = std::string(directory_) + "/pid";
  std::string program = Install("echo $$ >" + pid_file + "; exec sleep 1000");
  auto output = OutputOf(program, "--version", 1000);
  ASSERT_FALSE(output.ok());
  EXPECT_EQ(output.error().code(), Code::kEngine);
  std::string pid, stat;
  std::ifstream(pid_file) >> pid;
  ::unlink(pid_file.c_str());
  std::getline(std::ifstream("/proc/" + pid + "/stat"), stat);
  EXPECT_TRUE(stat.empty() || stat.find(") Z ") != stat.npos) << stat;
}

}  // namespace
}  // namespace boxlite::box
