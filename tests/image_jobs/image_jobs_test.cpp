// ImageManager with the true boxlite-image: from a layout and from a registry to a disk, several
// processes at once, killed helpers.
#include "image_jobs.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace boxlite::images {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

size_t OpenDescriptors() {
  UniqueFd dir = sys::Open("/proc/self/fd", O_RDONLY | O_DIRECTORY).TakeValue();
  return sys::ListDir(dir.get()).TakeValue().size();
}

// The boxlite-image processes that work for `home`: their standing descriptor 7 is its blobs.
std::vector<pid_t> WorkersOf(const std::string& home) {
  std::vector<pid_t> pids;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    auto blobs = std::filesystem::read_symlink(entry.path() / "fd/7", gone);
    auto program = std::filesystem::read_symlink(entry.path() / "exe", gone);
    if (blobs == home + "/images/blobs/sha256" && program.filename() == "boxlite-image")
      pids.push_back(std::stoi(entry.path().filename()));
  }
  return pids;
}

TEST_F(ImageJobs, Prepare_OfALayout_GivesAWholeFileSystem) {
  ImageManager manager = MakeManager();
  Result<Rootfs> ready = PrepareWith(manager, Layout());
  ASSERT_TRUE(ready.ok()) << ready.error().message();
  const Rootfs& rootfs = ready.value();
  EXPECT_EQ(rootfs.image.reference, "oci:" + FilePath("busybox"));
  EXPECT_THAT(rootfs.image.env, Contains("IMAGE=busybox"));
  EXPECT_EQ(rootfs.image.working_dir, "/root");
  EXPECT_EQ(Shell("e2fsck -fn " + DiskPath(rootfs)), 0);
  EXPECT_EQ(Shell("debugfs -R 'stat /bin/busybox' " + DiskPath(rootfs) + " | grep regular"), 0);
  EXPECT_EQ(last_.phase, proto::Phase::kDone);
  uint8_t byte = 0;
  EXPECT_FALSE(sys::WriteAllAt(rootfs.disk.get(), {&byte, 1}, 0).ok()) << "read-only";
}

TEST_F(ImageJobs, Prepare_OfADigestThatIsThere_NeedsNoProgram) {
  ImageManager manager = MakeManager();
  Wanted wanted;
  wanted.digest = PrepareWith(manager, Layout()).TakeValue().image.digest;
  ImageManager without = MakeManager("/does/not/exist");
  EXPECT_TRUE(PrepareWith(without, wanted).ok());
  wanted.digest = "sha256:" + std::string(64, '0');
  EXPECT_EQ(PrepareWith(without, wanted).error().code(), Code::kNotFound);
}

TEST_F(ImageJobs, Prepare_FromARegistry_CanBeReadBySkopeo) {
  ImageManager manager = MakeManager();
  Result<Rootfs> ready = PrepareWith(manager, FromRegistry("busybox"));
  ASSERT_TRUE(ready.ok()) << ready.error().message();
  EXPECT_EQ(ready.value().image.reference, "docker.io/library/busybox:latest");
  EXPECT_THAT(ready.value().image.source, HasSubstr("127.0.0.1"));
  std::string layout = "oci:" + home_path() + "/images:docker.io/library/busybox:latest";
  EXPECT_EQ(Shell("skopeo inspect " + layout), 0);
  EXPECT_EQ(Shell("skopeo copy --insecure-policy " + layout + " dir:" + parent_ + "/copy"), 0);
}

TEST_F(ImageJobs, Save_CanBeReadBySkopeoAsBothForms) {
  ImageManager manager = MakeManager();
  ASSERT_TRUE(PrepareWith(manager, FromRegistry("busybox")).ok());
  std::string archive = parent_ + std::string("/archive.tar");
  ASSERT_TRUE(Save(manager, archive).ok());
  std::string name = ":docker.io/library/busybox:latest";
  std::string copy = "skopeo copy --insecure-policy ";
  EXPECT_EQ(Shell(copy + "docker-archive:" + archive + name + " dir:" + parent_ + "/docker"), 0);
  EXPECT_EQ(Shell(copy + "oci-archive:" + archive + name + " dir:" + parent_ + "/oci"), 0);
  // The manifest is the one that was pulled, byte for byte; docker's form knows none.
  std::string stored = store_->GetImage(name.substr(1)).TakeValue().digest.substr(7);
  EXPECT_EQ(Shell("sha256sum " + std::string(parent_) + "/oci/manifest.json | grep " + stored), 0);
}

TEST_F(ImageJobs, Prepare_OfATagThatMoved_BringsTheNewVersionAndKeepsWhatIsInUse) {
  std::string layout = parent_ + std::string("/layout");
  ASSERT_EQ(Shell("cp -r " + FilePath("busybox") + " " + layout), 0);
  // Nobody else's tag: the tests share the registry.
  Wanted wanted = FromRegistry("moving-" + std::to_string(::getpid()) + ":1");
  auto push = [&](const std::string& version) {
    std::string image = layout + ":latest";
    ASSERT_EQ(Shell("umoci config --image " + image + " --config.env VERSION=" + version), 0);
    std::string host = wanted.registries[0].substr(7);
    ASSERT_EQ(Shell("skopeo copy --insecure-policy --dest-tls-verify=false oci:" + image +
                    " docker://" + host + "/" + wanted.reference),
              0);
  };
  ImageManager manager = MakeManager();
  push("one");
  Rootfs first = PrepareWith(manager, wanted).TakeValue();
  EXPECT_THAT(first.image.env, Contains("VERSION=one"));
  push("two");
  EXPECT_EQ(PrepareWith(manager, wanted).TakeValue().image.digest, first.image.digest);
  wanted.refresh = Refresh::kAlways;
  Rootfs second = PrepareWith(manager, wanted).TakeValue();
  EXPECT_THAT(second.image.env, Contains("VERSION=two"));
  EXPECT_EQ(store_->ListImages().TakeValue().size(), 1u);
  AwaitIdle();
  EXPECT_TRUE(store_->CollectGarbage().ok());
  Wanted pinned;
  pinned.digest = first.image.digest;
  EXPECT_TRUE(PrepareWith(manager, pinned).ok()) << "`first` is in use";
  for (const Rootfs* rootfs : {&first, &second})
    EXPECT_EQ(Shell("e2fsck -fn " + DiskPath(*rootfs)), 0);
}

TEST_F(ImageJobs, Prepare_OfWhatWasPulled_AsksNobody) {
  ImageManager manager = MakeManager();
  Wanted wanted = FromRegistry("busybox");
  ASSERT_TRUE(PrepareWith(manager, wanted).ok());
  ImageManager without = MakeManager("/does/not/exist");
  EXPECT_TRUE(PrepareWith(without, wanted).ok());
  wanted.refresh = Refresh::kAlways;
  EXPECT_FALSE(PrepareWith(without, wanted).ok());
  EXPECT_TRUE(PrepareWith(manager, wanted).ok());
}

TEST_F(ImageJobs, Prepare_OfADamagedImageWithoutItsDisk_BringsItAgain) {
  ImageManager manager = MakeManager();
  Wanted wanted = FromRegistry("busybox");
  wanted.refresh = Refresh::kAlways;
  Rootfs first = PrepareWith(manager, wanted).TakeValue();
  std::string blob = first.image.layers.front().digest.substr(7);
  UniqueFd file = sys::OpenAt(home().blobs(), blob, O_WRONLY).TakeValue();
  uint8_t byte = 0;  // A gzip stream begins with another.
  ASSERT_TRUE(sys::WriteAllAt(file.get(), {&byte, 1}, 0).ok());
  ASSERT_TRUE(PrepareWith(manager, wanted).ok()) << "its disk is made";
  std::filesystem::remove(DiskPath(first));
  Result<Rootfs> again = PrepareWith(manager, wanted);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(Shell("e2fsck -fn " + DiskPath(again.value())), 0);
}

TEST_F(ImageJobs, Prepare_OfWhatSkopeoPutThere_NeedsNoRegistry) {
  std::string target = "oci:" + home_path() + "/images:docker.io/library/mine:1";
  ASSERT_EQ(Shell("skopeo copy --insecure-policy oci:" + FilePath("busybox") + ":latest " + target),
            0);
  ImageManager manager = MakeManager();
  Wanted wanted;
  wanted.reference = "mine:1";
  wanted.registries = {"http://127.0.0.1:1"};
  Result<Rootfs> ready = PrepareWith(manager, wanted);
  ASSERT_TRUE(ready.ok()) << ready.error().message();
  EXPECT_EQ(ready.value().image.reference, "docker.io/library/mine:1");
}

TEST_F(ImageJobs, Prepare_OfATagThatDoesNotExist_IsATypedErrorThatNamesIt) {
  ImageManager manager = MakeManager();
  Wanted wanted = FromRegistry("busybox:nothing");
  wanted.reference = wanted.registries[0].substr(7) + "/busybox:nothing";
  Result<Rootfs> ready = PrepareWith(manager, wanted);
  ASSERT_FALSE(ready.ok());
  EXPECT_THAT(ready.error().message(), HasSubstr("nothing"));
  EXPECT_TRUE(store_->ListImages().TakeValue().empty());
}

TEST_F(ImageJobs, Prepare_OfABadReference_IsAnInvalidArgument) {
  ImageManager manager = MakeManager();
  EXPECT_EQ(PrepareWith(manager, FromRegistry("UPPER case")).error().code(),
            Code::kInvalidArgument);
}

TEST_F(ImageJobs, Prepare_OfADirectoryThatIsNoLayout_NamesIt) {
  ImageManager manager = MakeManager();
  Wanted wanted;
  wanted.rootfs_path = home_path() + "/rootfs";
  EXPECT_FALSE(PrepareWith(manager, wanted).ok());
  wanted.rootfs_path = "/does/not/exist";
  Result<Rootfs> ready = PrepareWith(manager, wanted);
  EXPECT_EQ(ready.error().code(), Code::kNotFound);
  EXPECT_THAT(ready.error().message(), HasSubstr("/does/not/exist"));
}

TEST_F(ImageJobs, Prepare_InFourProcessesAtOnce_ConvertsOnce) {
  auto [mine, its] = sys::Pipe().TakeValue();
  int log_fd = its.get();
  executor_.reset();  // No thread here while we fork.
  std::vector<pid_t> pids;
  for (int i = 0; i < 4; ++i) {
    pids.push_back(::fork());
    if (pids.back() == 0) {
      log_ = Log(LogLevel::kDebug, [log_fd](LogLevel, std::string_view line) {
        static_cast<void>(sys::WriteAll(log_fd, AsBytes(std::string(line) + "\n")).ok());
      });
      // The parent's loop and store are not for us.
      static_cast<void>(loop_.release());
      static_cast<void>(store_.release());
      loop_ = loop::Loop::Create().TakeValue();
      store_ = store::Store::Open(home_path()).TakeValue();
      executor_ = std::make_unique<ThreadExecutor>(*loop_);
      ImageManager manager = MakeManager();
      ::_exit(PrepareWith(manager, FromRegistry("busybox")).ok() ? 0 : 1);
    }
  }
  its.Reset();
  for (pid_t pid : pids) {
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  std::string lines = sys::ReadFile(mine.get(), 100000).TakeValue();
  const std::string started = "file system of docker.io/library/busybox:latest: started";
  size_t first = lines.find(started);
  EXPECT_NE(first, std::string::npos) << lines;
  EXPECT_EQ(lines.find(started, first + 1), std::string::npos) << lines;
}

TEST_F(ImageJobs, Prepare_WhenBoxliteImageIsKilled_LeavesNothingHalf) {
  ImageManager manager = MakeManager();
  Ready ready;
  auto operation = manager.Prepare(
      FromRegistry("busybox"),
      [this](const proto::ProgressEvent&) {
        for (pid_t pid : WorkersOf(home_path())) ::kill(pid, SIGKILL);
      },
      Into(ready));
  Await(ready);
  operation.reset();
  // Whether the kill came in time or not: the next one finds nothing that is in its way.
  Result<Rootfs> again = PrepareWith(manager, FromRegistry("busybox"));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(Shell("e2fsck -fn " + DiskPath(again.value())), 0);
}

TEST_F(ImageJobs, Destroyed_InTheMiddle_EndsTheJob) {
  ImageManager manager = MakeManager();
  std::optional<Result<void>> begun;
  std::unique_ptr<Operation> operation = manager.Prepare(
      Layout(),
      [&](const proto::ProgressEvent&) {
        operation.reset();
        Into(begun)(Result<void>());
      },
      [](Result<Rootfs>) { ADD_FAILURE() << "called back"; });
  Await(begun);
  AwaitIdle();
  EXPECT_TRUE(store_->CollectGarbage().ok());
}

TEST_F(ImageJobs, BlankDisk_OfAGibibyte_IsMadeOnceAndSparse) {
  ImageManager manager = MakeManager();
  ImageManager without = MakeManager("/does/not/exist");
  constexpr uint64_t kSize = uint64_t{1} << 30;
  for (ImageManager* one : {&manager, &without}) {
    std::optional<Result<UniqueFd>> disk;
    auto operation = one->BlankDisk(kSize, proto::Journal::kYes, Into(disk));
    ASSERT_TRUE(Await(disk).ok()) << disk->error().message();
    struct stat info = sys::Stat(disk->value().get()).TakeValue();
    EXPECT_EQ(static_cast<uint64_t>(info.st_size), kSize);
    EXPECT_LT(static_cast<uint64_t>(info.st_blocks) * 512, kSize / 8);
  }
  EXPECT_EQ(Shell("e2fsck -fn " + home_path() + "/templates/blank-1073741824-journal.ext4"), 0);
}

TEST_F(ImageJobs, Remove_OfAnImage_FreesItsFiles) {
  ImageManager manager = MakeManager();
  ASSERT_TRUE(PrepareWith(manager, FromRegistry("busybox")).ok());
  AwaitIdle();
  std::optional<Result<void>> removed;
  auto operation = manager.Remove("busybox", Into(removed));
  EXPECT_TRUE(Await(removed).ok());
  EXPECT_TRUE(sys::ListDir(home().blobs()).TakeValue().empty());
  EXPECT_TRUE(sys::ListDir(home().rootfs()).TakeValue().empty());
  removed.reset();
  operation = manager.Remove("busybox", Into(removed));
  EXPECT_EQ(Await(removed).error().code(), Code::kNotFound);
}

TEST_F(ImageJobs, Prepare_WithAProxyInTheEnvironment_GoesThroughIt) {
  Wanted wanted = FromRegistry("images.test/busybox");
  std::string proxy = wanted.registries[0];
  wanted.registries = {"http://images.test"};
  ImageManager without = MakeManager();
  EXPECT_EQ(PrepareWith(without, wanted).error().code(), Code::kNetwork);
  std::string environment = "LANG=C" + std::string(1, '\0') + "http_proxy=" + proxy + '\0';
  ImageManager manager = MakeManager(Program(), environment);
  Result<Rootfs> ready = PrepareWith(manager, wanted);
  ASSERT_TRUE(ready.ok()) << ready.error().message();
  EXPECT_EQ(ready.value().image.source, "http://images.test/busybox");
}

TEST_F(ImageJobs, CredentialHelper_IsNoChildOfOurs_AndEndsWithItsJob) {
  std::string folder = parent_;
  Write("config.json", R"({"credsStore": "slow"})", 0600);
  Write("docker-credential-slow",
        "#!/bin/sh\necho $$ > " + folder + "/new\nmv " + folder + "/new " + folder +
            "/pid\nsleep 600\n",
        0700);
  std::string environment = "DOCKER_CONFIG=" + folder + '\0' + "PATH=" + folder + ":/usr/bin:/bin";
  ImageManager manager = MakeManager(Program(), environment);
  Wanted wanted;
  wanted.reference = "127.0.0.1:9/private";
  std::optional<Result<void>> begun;
  std::unique_ptr<Operation> operation = manager.Prepare(
      wanted,
      [&](const proto::ProgressEvent&) {
        while (!sys::StatAt(AT_FDCWD, folder + "/pid").ok()) ::usleep(1000);
        EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG | __WALL), -1);
        operation.reset();
        Into(begun)(Result<void>());
      },
      [](Result<Rootfs>) { ADD_FAILURE() << "called back"; });
  Await(begun);
  AwaitIdle();
  UniqueFd file = sys::Open(folder + "/pid", O_RDONLY).TakeValue();
  pid_t helper = std::stoi(sys::ReadFile(file.get(), 100).TakeValue());
  EXPECT_EQ(::kill(helper, 0), -1);
}

TEST_F(ImageJobs, Prepare_Repeated_LeavesNoDescriptorAndNoChild) {
  size_t before = 0, after = 0;
  for (size_t* count : {&before, &after}) {
    {
      ImageManager manager = MakeManager();
      ASSERT_TRUE(PrepareWith(manager, Layout()).ok());
      AwaitIdle();
    }
    loop_->RunReady();
    *count = OpenDescriptors();
  }
  EXPECT_EQ(before, after);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace boxlite::images
