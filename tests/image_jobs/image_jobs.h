// The images room with the true boxlite-image: a fixture for it, and the files that `prepare` has
// made.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/sys.h"
#include "base/sys_files.h"
#include "images/images.h"
#include "thread_executor.h"

namespace boxlite::images {

using RunJob = std::function<Result<void>(ImageManager&)>;

inline std::string Program() {
  return BOXLITE_TEST_IMAGE;
}

inline std::string FilePath(const std::string& name) {
  return BOXLITE_TEST_FILES "/" + name;
}

inline int Shell(const std::string& command) {
  return ::system((command + " >/dev/null 2>&1").c_str());
}

class ImageJobs : public ImagesFixture {
 protected:
  void SetUp() override {
    ASSERT_TRUE(sys::StatAt(AT_FDCWD, Program()).ok()) << "run this by ctest";
    ASSERT_TRUE(sys::StatAt(AT_FDCWD, FilePath("registry.url")).ok()) << "run this by ctest";
    ImagesFixture::SetUp();
  }
  using Ready = std::optional<Result<Rootfs>>;

  ImageManager MakeManager(const std::string& program = Program(),
                           const std::string& environment = {}) {
    return ImageManager({*loop_, *store_, *executor_, log_, program, environment});
  }
  // A file beside the home directory.
  std::string Write(const std::string& name, const std::string& text, mode_t mode) {
    std::string path = std::string(parent_) + "/" + name;
    UniqueFd file = sys::Open(path, O_WRONLY | O_CREAT, mode).TakeValue();
    EXPECT_TRUE(sys::WriteAll(file.get(), AsBytes(text)).ok());
    return path;
  }
  static Wanted Layout() {
    Wanted wanted;
    wanted.rootfs_path = FilePath("busybox");
    return wanted;
  }
  static Wanted FromRegistry(const std::string& name) {
    Wanted wanted;
    wanted.reference = name;
    UniqueFd file = sys::Open(FilePath("registry.url"), O_RDONLY).TakeValue();
    wanted.registries = {sys::ReadFile(file.get(), 1000).TakeValue()};
    return wanted;
  }
  Result<Rootfs> PrepareWith(ImageManager& manager, Wanted wanted) {
    Ready ready;
    auto operation = manager.Prepare(
        std::move(wanted), [this](const auto& event) { last_ = event; }, Into(ready));
    return std::move(Await(ready));
  }
  std::string DiskPath(const Rootfs& rootfs) {
    return home_path() + "/rootfs/" + rootfs.image.digest.substr(7) + ".ext4";
  }
  // Waits until no boxlite-image works on any job any more.
  void AwaitIdle() {
    for (const std::string& key : sys::ListDir(home().jobs()).TakeValue()) {
      auto lock = sys::OpenAt(home().jobs(), key + "/lock", O_RDWR | O_CREAT, 0600);
      if (!lock.ok()) continue;  // A load takes its folder away itself.
      EXPECT_TRUE(AwaitLock(lock.value().get()));
    }
  }

  // The loop runs meanwhile: it lets go of a program that came to be when nobody waited any more.
  bool AwaitLock(int fd) {
    bool locked = false;
    std::optional<Result<void>> done;
    executor_->Run(
        [fd, &locked] { locked = sys::LockExclusive(fd, sys::LockWait::kYes).TakeValue(); },
        [this, &done] { Into(done)({}); });
    Await(done);
    return locked;
  }

  // After `run` has failed: whatever is there is whole, and the next one works.
  void ExpectRecovery(const RunJob& run) {
    AwaitIdle();
    ExpectWholeFiles();
    ImageManager manager = MakeManager();
    Result<void> again = run(manager);
    EXPECT_TRUE(again.ok()) << again.error().message();
    ExpectWholeFiles();
  }

  // All images and what jobs have left.
  void Forget() {
    AwaitIdle();
    for (const store::ImageRecord& image : store_->ListImages().TakeValue())
      EXPECT_TRUE(store_->RemoveImage(image.reference).ok());
    EXPECT_TRUE(store_->CollectGarbage().ok());
  }
  Result<void> PrepareOnly(ImageManager& manager, Wanted wanted) {
    Result<Rootfs> ready = PrepareWith(manager, std::move(wanted));
    return ready.ok() ? Result<void>() : ready.TakeError();
  }
  Result<void> Load(ImageManager& manager, const std::string& path) {
    UniqueFd archive = sys::Open(path, O_RDONLY).TakeValue();
    std::optional<Result<std::vector<store::ImageRecord>>> loaded;
    auto operation = manager.Load(std::move(archive), "", {}, Into(loaded));
    Await(loaded);
    return loaded->ok() ? Result<void>() : loaded->TakeError();
  }
  Result<void> Save(ImageManager& manager, const std::string& path) {
    UniqueFd sink = sys::Open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600).TakeValue();
    std::optional<Result<void>> saved;
    auto operation = manager.Save({"busybox"}, std::move(sink), {}, Into(saved));
    return Await(saved);
  }

  // The path of an archive of busybox, which the store has forgotten again.
  std::string ArchiveOfBusybox() {
    std::string archive = parent_ + std::string("/archive.tar");
    ImageManager whole = MakeManager();
    EXPECT_TRUE(PrepareWith(whole, FromRegistry("busybox")).ok());
    EXPECT_TRUE(Save(whole, archive).ok());
    Forget();
    return archive;
  }

  // Blobs have the digests that are their names, disks are sound, and nothing else is there.
  void ExpectWholeFiles() {
    EXPECT_EQ(Shell("cd " + home_path() + "/images/blobs/sha256 && for blob in *; do " +
                    "[ ! -e \"$blob\" ] || [ \"$(sha256sum <$blob)\" = \"$blob  -\" ] || exit 1; " +
                    "done"),
              0);
    EXPECT_EQ(Shell("cd " + home_path() + "/rootfs && for disk in *; do " +
                    "[ ! -e \"$disk\" ] || e2fsck -fn $disk || exit 1; done"),
              0);
    for (const store::ImageRecord& image : store_->ListImages().TakeValue())
      EXPECT_TRUE(Whole(image)) << image.reference;
  }
  bool Whole(const store::ImageRecord& image) {
    auto there = [this](const std::string& digest) {
      return sys::StatAt(home().blobs(), digest.substr(7)).ok();
    };
    bool whole = there(image.digest) && there(image.config_digest);
    for (const store::LayerRecord& layer : image.layers) whole = whole && there(layer.digest);
    return whole;
  }

  proto::ProgressEvent last_;
};

}  // namespace boxlite::images
