#include "box/kvm_speed.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace boxlite::box {
namespace {

namespace fs = std::filesystem;

class KvmSpeed : public testing::Test {
 protected:
  KvmSpeed() {
    std::string pattern = fs::temp_directory_path() / "boxlite-speed-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
    home_ = store::Home::Open(path_).TakeValue();
  }
  ~KvmSpeed() override { fs::remove_all(path_); }

  void Write(const std::string& text) { std::ofstream(path_ + "/kvm-speed") << text; }
  std::string BootId() {
    std::string id;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
    return id;
  }

  std::string path_;
  std::unique_ptr<store::Home> home_;
};

TEST_F(KvmSpeed, Kept_IsReadAgain) {
  EXPECT_EQ(ReadKvmSpeed(*home_), 0u);
  ASSERT_TRUE(KeepKvmSpeed(*home_, 970).ok());
  EXPECT_EQ(ReadKvmSpeed(*home_), 970u);
  ASSERT_TRUE(KeepKvmSpeed(*home_, 1).ok());
  EXPECT_EQ(ReadKvmSpeed(*home_), 1u);
  EXPECT_FALSE(fs::exists(path_ + "/kvm-speed.new"));
}

TEST_F(KvmSpeed, OfAnotherBoot_IsNotKnown) {
  Write("11111111-2222-3333-4444-555555555555 900\n");
  EXPECT_EQ(ReadKvmSpeed(*home_), 0u);
}

TEST_F(KvmSpeed, LineThatIsNone_IsNotKnown) {
  for (const char* rest : {"", " ", " 900", " 900x\n", " 1001\n", " -1\n", " 99999999999\n"}) {
    Write(BootId() + rest);
    EXPECT_EQ(ReadKvmSpeed(*home_), 0u) << rest;
  }
  Write(std::string(4096, '9'));
  EXPECT_EQ(ReadKvmSpeed(*home_), 0u);
}

TEST_F(KvmSpeed, HomeThatCannotBeWritten_IsAnError) {
  fs::create_directory(path_ + "/kvm-speed.new");
  EXPECT_FALSE(KeepKvmSpeed(*home_, 500).ok());
}

}  // namespace
}  // namespace boxlite::box
