// A home directory with an image that is ready, an installation whose boxlite-vm is a shell script,
// and a LiveBox on them: its states without a guest.
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/sys.h"
#include "box/live_box.h"
#include "box/worker.h"
#include "images/images.h"
#include "unit/store/temp_home.h"

namespace boxlite::box {

// The worker, with a look at the loop's state after each piece of work.
class WatchedExecutor : public images::Executor {
 public:
  explicit WatchedExecutor(Worker& worker) : worker_(worker) {}
  void Run(std::function<void()> work, loop::Callback done) override {
    worker_.Run(std::move(work), [this, done = std::move(done)] {
      done();
      if (after) after();
    });
  }
  std::function<void()> after;

 private:
  Worker& worker_;
};

class BoxFixture : public store::TempHome {
 protected:
  void SetUp() override {
    TempHome::SetUp();
    store_ = Open();
    worker_ = Worker::Create(*loop_).TakeValue();
    executor_ = std::make_unique<WatchedExecutor>(*worker_);
    images_ = std::make_unique<images::ImageManager>(
        images::ImageManager::Parts{*loop_, *store_, *executor_, log_, "/no/boxlite-image"});
    installation_ = helper::Installation(std::string(parent_) + "/prefix");
    AddImage();
    record_ = store::MakeBox(*store_, "a");
    record_.image_digest = image_.digest;
    record_.cpus = 1;
    record_.memory_mib = 128;
    ASSERT_TRUE(store_->InsertBox(record_).ok());
  }
  void TearDown() override {
    box_.reset();
    images_.reset();
    worker_.reset();
    store_.reset();
    TempHome::TearDown();
  }

  LiveBox& Box() {
    if (!box_) {
      LiveBox::Parts parts{*loop_, *store_, *images_, *worker_, installation_, settings_, log_};
      box_ = std::make_unique<LiveBox>(parts, record_.id, [] {});
    }
    return *box_;
  }
  // Runs the loop until `reached`; the test's own time limit ends a wait for what never comes.
  void RunUntil(const std::function<bool()>& reached) {
    loop::Timer tick(*loop_, [&] {
      if (reached()) return loop_->Stop();
      tick.Start(1);
    });
    tick.Start(0);
    loop_->Run();
  }
  // A start of which only the outcome matters.
  LiveBox::Ticket Start(std::optional<Result<void>>& outcome) {
    return Box().WhenRunning([&outcome](Result<void> how) { outcome = std::move(how); }, nullptr);
  }

  void InstallVm(const std::string& script) {
    WriteText("share/boxlite", "vmlinux", "a kernel");
    WriteText("share/boxlite", "initramfs.cpio", "an initramfs");
    WriteText("libexec/boxlite", "boxlite-vm", "#!/bin/sh\n" + script + "\n");
    ::chmod(installation_.VmPath().c_str(), 0755);
  }
  UniqueFd BoxDir() { return store_->home().CreateBoxDir(record_.id).TakeValue(); }
  // As if another process had the box: recorded as active, its lock held.
  UniqueFd HoldElsewhere() {
    UniqueFd dir = BoxDir();
    UniqueFd lock = std::move(*store_->home().LockBox(record_.id).TakeValue());
    EXPECT_TRUE(store_
                    ->ChangeBox(record_.id, {},
                                [](store::BoxRecord& r) { r.state = store::BoxState::kStarting; })
                    .ok());
    return lock;
  }

  std::unique_ptr<loop::Loop> loop_ = loop::Loop::Create().TakeValue();
  Log log_;
  VmSettings settings_;
  helper::Installation installation_{std::string()};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<WatchedExecutor> executor_;
  std::unique_ptr<images::ImageManager> images_;
  store::ImageRecord image_;
  store::BoxRecord record_;
  std::unique_ptr<LiveBox> box_;

 private:
  void WriteText(const std::string& directory, const std::string& name, const std::string& text) {
    std::string path;
    std::string prefix = installation_.prefix().substr(1);
    for (std::string rest = prefix + "/" + directory + "/"; !rest.empty();) {
      size_t end = rest.find('/');
      path += "/" + rest.substr(0, end);
      rest.erase(0, end + 1);
      ASSERT_TRUE(sys::MakeDirAt(AT_FDCWD, path, 0755).ok());
    }
    std::ofstream(path + "/" + name) << text;
  }
  void WriteAt(int directory, const std::string& name, const std::string& text) {
    UniqueFd file = sys::OpenAt(directory, name, O_WRONLY | O_CREAT, 0600).TakeValue();
    ASSERT_TRUE(sys::WriteAll(file.get(), AsBytes(text)).ok());
  }
  // An image without layers, with everything that a start needs made already.
  void AddImage() {
    image_.reference = "docker.io/library/a:1";
    image_.digest = store::DigestOf('a');
    image_.config_digest = store::DigestOf('c');
    image_.manifest_size = 10;
    ASSERT_TRUE(sys::MakeDirAt(store_->home().root(), "staging", 0700).ok());
    UniqueFd staging =
        sys::OpenAt(store_->home().root(), "staging", O_RDONLY | O_DIRECTORY).TakeValue();
    WriteAt(staging.get(), std::string(64, 'a'), "{manifest}");
    WriteAt(staging.get(), std::string(64, 'c'), "{}");
    Result<void> added = store_->CommitImage(image_, staging.get());
    ASSERT_TRUE(added.ok()) << added.error().message();
    WriteAt(store_->home().rootfs(), std::string(64, 'a') + ".ext4", "a root disk");
    WriteAt(store_->home().templates(), "blank-8589934592.ext4", "a blank disk");
  }
};

}  // namespace boxlite::box
