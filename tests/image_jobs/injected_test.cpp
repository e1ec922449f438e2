// strace meddles with the n-th system call of boxlite-image that changes something, for n up to the
// last one: it is killed there, or over its quota. The call ends with an error, whatever the store
// has is whole, and the next call works.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "image_jobs.h"

namespace boxlite::images {
namespace {

using ::testing::HasSubstr;

// What a job changes things by, or tells. (An openat would be mostly the dynamic linker's.)
constexpr const char* kCalls[] = {"write",    "pwrite64", "ftruncate", "fallocate",
                                  "renameat", "unlinkat", "mkdirat",   "sendto"};
// The first ones are tried each, then ever fewer of them: what comes later is much alike.
constexpr size_t kGrowth = 2;
constexpr size_t kLeastDeaths = 8;

class InjectedImageJobs : public ImageJobs {
 protected:
  // boxlite-image, but for what happens when a thread of it makes that call for the n-th time.
  std::string FaultyProgram(const std::string& call, size_t n, const std::string& fault) {
    std::string count = std::to_string(n);
    return Write("faulty-" + call + count,
                 "#!/bin/sh\nexec strace -f -qq -o /dev/null -e trace=" + call +
                     " -e inject=" + call + ":" + fault + ":when=" + count + " " + Program() + "\n",
                 0700);
  }
};

class KilledImageJobs : public InjectedImageJobs {
 protected:
  void DieAtEveryCall(const RunJob& run) {
    deaths_ = 0;
    for (const char* call : kCalls) DieAtEvery(call, run);
    EXPECT_GE(deaths_, kLeastDeaths);
    RecordProperty("deaths", static_cast<int>(deaths_));
  }

 private:
  void DieAtEvery(const std::string& call, const RunJob& run) {
    for (size_t n = 1;; n += 1 + n / kGrowth) {
      SCOPED_TRACE(call + " " + std::to_string(n));
      ImageManager dying = MakeManager(FaultyProgram(call, n, "signal=KILL"));
      Result<void> ended = run(dying);
      if (ended.ok()) return Forget();
      ++deaths_;
      ASSERT_EQ(ended.error().code(), Code::kImage) << ended.error().message();
      EXPECT_THAT(ended.error().message(), HasSubstr("boxlite-image ended in the middle"));
      ExpectRecovery(run);
      ASSERT_FALSE(HasFailure());
      Forget();
    }
  }

  size_t deaths_ = 0;
};

TEST_F(KilledImageJobs, Fetch_KilledAtAnyCall_LeavesNothingHalf) {
  DieAtEveryCall(
      [this](ImageManager& manager) { return PrepareOnly(manager, FromRegistry("busybox")); });
}

TEST_F(KilledImageJobs, Import_KilledAtAnyCall_LeavesNothingHalf) {
  DieAtEveryCall([this](ImageManager& manager) { return PrepareOnly(manager, Layout()); });
}

TEST_F(KilledImageJobs, Convert_KilledAtAnyCall_LeavesNothingHalf) {
  DieAtEveryCall([this](ImageManager& manager) -> Result<void> {
    ImageManager whole = MakeManager();
    Wanted wanted;
    wanted.digest = BOXLITE_TRY(PrepareWith(whole, Layout())).image.digest;
    AwaitIdle();
    std::filesystem::remove(home_path() + "/rootfs/" + wanted.digest.substr(7) + ".ext4");
    return PrepareOnly(manager, wanted);
  });
}

TEST_F(KilledImageJobs, Load_KilledAtAnyCall_LeavesNothingHalf) {
  std::string archive = ArchiveOfBusybox();
  DieAtEveryCall([&](ImageManager& manager) { return Load(manager, archive); });
}

TEST_F(KilledImageJobs, Save_KilledAtAnyCall_LeavesTheStore) {
  DieAtEveryCall([this](ImageManager& manager) -> Result<void> {
    ImageManager whole = MakeManager();
    BOXLITE_TRY(PrepareWith(whole, FromRegistry("busybox")));
    return Save(manager, parent_ + std::string("/archive.tar"));
  });
}

// What a file system refuses to a user without quota; the filter sees a call of getpid. (Among the
// calls of write are those that wake a thread, and a full disk refuses the others:
// full_disk_test.cpp.)
constexpr const char* kRefused[] = {"pwrite64", "ftruncate", "fallocate", "renameat", "mkdirat"};
constexpr size_t kLastRefused = 32;

class OverQuota : public InjectedImageJobs {
 protected:
  void RefuseEveryCall(const RunJob& run, size_t least) {
    size_t refusals = 0;
    for (const char* call : kRefused) {
      for (size_t n = 1; n < kLastRefused; n += 1 + n / kGrowth) {
        SCOPED_TRACE(call + std::string(" ") + std::to_string(n));
        refusals += IsRefused(FaultyProgram(call, n, "error=EDQUOT:syscall=getpid"), run) ? 1 : 0;
        Forget();
      }
    }
    EXPECT_GE(refusals, least);
  }

 private:
  // False where it makes no such call, or can do without.
  bool IsRefused(const std::string& program, const RunJob& run) {
    ImageManager refused = MakeManager(program);
    Result<void> ended = run(refused);
    if (ended.ok()) return false;
    EXPECT_EQ(ended.error().code(), Code::kResourceExhausted) << ended.error().message();
    EXPECT_THAT(ended.error().hint(), HasSubstr("make room"));
    ExpectRecovery(run);
    return true;
  }
};

TEST_F(OverQuota, Pull_AtAnyCall_FailsWhole) {
  RefuseEveryCall(
      [this](ImageManager& manager) { return PrepareOnly(manager, FromRegistry("busybox")); }, 5);
}

TEST_F(OverQuota, Import_AtAnyCall_FailsWhole) {
  RefuseEveryCall([this](ImageManager& manager) { return PrepareOnly(manager, Layout()); }, 5);
}

}  // namespace
}  // namespace boxlite::images
