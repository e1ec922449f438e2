// The disk of the home directory is full, at every point at which it can become so: the call ends
// with an error that says it, what was there stays, and with room the same call works.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>

#include "image_jobs.h"

namespace boxlite::images {
namespace {

constexpr uint64_t kDiskBytes = 64 << 20;
constexpr uint64_t kStep = 160 << 10;
constexpr uint64_t kFineStep = 4 << 10;  // less than any file or any part of the records takes
constexpr uint64_t kLeastFailures = 4;

// A small disk: a file system of its own where this process may mount one, else no file may become
// larger than what is said to be free.
class SmallDisk {
 public:
  void Make(const char* path) {
    path_ = path;
    std::string size = "size=" + std::to_string(kDiskBytes);
    mounted_ = ::mount("none", path, "tmpfs", 0, size.c_str()) == 0;
    std::signal(SIGXFSZ, SIG_IGN);
  }
  void End() {
    SetLimit(RLIM_INFINITY);
    EXPECT_TRUE(!mounted_ || ::umount2(path_.c_str(), MNT_DETACH) == 0);
  }
  void LeaveFree(uint64_t bytes) {
    LeaveAll();
    if (!mounted_) return SetLimit(bytes);
    struct statvfs space = {};
    ASSERT_EQ(::statvfs(path_.c_str(), &space), 0);
    uint64_t free = space.f_bavail * space.f_bsize;
    UniqueFd file = sys::Open(Filler(), O_WRONLY | O_CREAT | O_EXCL, 0600).TakeValue();
    ASSERT_EQ(::posix_fallocate(file.get(), 0, static_cast<off_t>(free - bytes)), 0);
  }
  void LeaveAll() {
    SetLimit(RLIM_INFINITY);
    std::filesystem::remove(Filler());
  }
  // SQLite does not take a file that may not grow for a full disk.
  bool IsFull(const Error& error) const {
    bool records = !mounted_ && error.message().find("disk I/O error") != std::string::npos;
    return error.code() == Code::kResourceExhausted || records;
  }

 private:
  std::string Filler() const { return path_ + "/filler"; }
  static void SetLimit(rlim_t bytes) {
    rlimit limit{bytes, RLIM_INFINITY};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }

  std::string path_;
  bool mounted_ = false;
};

class FullDisk : public ImageJobs {
 protected:
  void BeforeHome() override { disk_.Make(parent_); }
  void AfterHome() override { disk_.End(); }

  // `run` with ever more room, from `from` on, until it works, and how much that was; `forget`
  // takes back what it does when it does.
  uint64_t FillAtEveryPoint(const RunJob& run, const std::function<void()>& forget,
                            uint64_t from = 0, uint64_t step = kStep) {
    ImageManager manager = MakeManager();
    uint64_t free = from;
    for (;; free += step) {
      SCOPED_TRACE(std::to_string(free) + " bytes are free");
      disk_.LeaveFree(free);
      Result<void> ended = run(manager);
      disk_.LeaveAll();
      if (ended.ok()) break;
      EXPECT_TRUE(disk_.IsFull(ended.error())) << ended.error().message();
      EXPECT_EQ(ended.error().code() == Code::kResourceExhausted, !ended.error().hint().empty())
          << ended.error().message();
      ExpectRecovery(run);
      if (HasFailure()) break;
      forget();
    }
    EXPECT_GE(free - from, kLeastFailures * step);
    return free;
  }

  SmallDisk disk_;
};

TEST_F(FullDisk, Pull_WithAnyRoom_FailsWholeOrWorks) {
  FillAtEveryPoint(
      [this](ImageManager& manager) { return PrepareOnly(manager, FromRegistry("busybox")); },
      [this] { Forget(); });
}

TEST_F(FullDisk, Import_WithAnyRoom_FailsWholeOrWorks) {
  FillAtEveryPoint([this](ImageManager& manager) { return PrepareOnly(manager, Layout()); },
                   [this] { Forget(); });
}

TEST_F(FullDisk, Convert_WithAnyRoom_LeavesTheImage) {
  ImageManager whole = MakeManager();
  Wanted wanted;
  wanted.digest = PrepareWith(whole, Layout()).TakeValue().image.digest;
  auto forget_disk = [&] {
    AwaitIdle();
    std::filesystem::remove(home_path() + "/rootfs/" + wanted.digest.substr(7) + ".ext4");
    EXPECT_TRUE(store_->CollectGarbage().ok());
  };
  forget_disk();
  FillAtEveryPoint([&](ImageManager& manager) { return PrepareOnly(manager, wanted); },
                   forget_disk);
}

TEST_F(FullDisk, Load_WithAnyRoom_FailsWholeOrWorks) {
  std::string archive = ArchiveOfBusybox();
  RunJob load = [&](ImageManager& manager) { return Load(manager, archive); };
  uint64_t enough = FillAtEveryPoint(load, [this] { Forget(); });
  Forget();
  // The last things are the smallest: the records and the index.
  FillAtEveryPoint(
      load, [this] { Forget(); }, enough - kStep, kFineStep);
}

TEST_F(FullDisk, Save_WithAnyRoom_LeavesTheImage) {
  std::string archive = parent_ + std::string("/archive.tar");
  ImageManager whole = MakeManager();
  ASSERT_TRUE(PrepareWith(whole, FromRegistry("busybox")).ok());
  FillAtEveryPoint([&](ImageManager& manager) { return Save(manager, archive); },
                   [&] { std::filesystem::remove(archive); });
}

}  // namespace
}  // namespace boxlite::images
