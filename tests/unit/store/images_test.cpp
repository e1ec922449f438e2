#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "base/sys_files.h"
#include "image_fixture.h"

namespace boxlite::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

using ImagesTest = ImageFixture;

TEST_F(ImagesTest, CommitImage_WithEverythingStaged_MovesAndRecordsIt) {
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  Result<void> put = Put(image);
  ASSERT_TRUE(put.ok()) << Explain(put);
  EXPECT_THAT(Blobs(), UnorderedElementsAre("a", "c", "1", "2"));
  EXPECT_TRUE(sys::ListDir(staging_.get()).TakeValue().empty());
  ImageRecord read = store_->GetImage(image.reference).TakeValue();
  EXPECT_EQ(read.digest, image.digest);
  EXPECT_EQ(read.manifest_size, 10u);
  EXPECT_EQ(read.env, image.env);
  EXPECT_EQ(read.cmd, image.cmd);
  EXPECT_EQ(read.source, image.source);
  EXPECT_EQ(read.pulled_at_ms, 99);
  ASSERT_EQ(read.layers.size(), 2u);
  EXPECT_EQ(read.layers[1].diff_id, DigestOf('e'));
  EXPECT_EQ(read.layers[1].size, 5u);
  EXPECT_EQ(store_->GetImageByDigest(image.digest).TakeValue().reference, image.reference);
}

TEST_F(ImagesTest, CommitImage_AgainWithNothingStaged_Works) {
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  ASSERT_TRUE(Put(image).ok());
  EXPECT_TRUE(store_->CommitImage(image, -1).ok());
  EXPECT_TRUE(store_->CommitImage(image, staging_.get()).ok());
  EXPECT_EQ(store_->ListImages().TakeValue().size(), 1u);
}

// As those do who waited for one job of boxlite-image: each places what the others have not.
TEST_F(ImagesTest, CommitImage_OfOneStagingByTwoAtOnce_WorksForBoth) {
  constexpr int kRounds = 200;
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  std::unique_ptr<Store> other = Open();
  for (int round = 0; round < kRounds; ++round) {
    StageAll(image);
    Result<void> theirs;
    std::thread thread([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(10 * round));  // at each of its steps
      theirs = other->CommitImage(image, staging_.get());
    });
    Result<void> ours = store_->CommitImage(image, staging_.get());
    thread.join();
    ASSERT_TRUE(ours.ok()) << "in round " << round << ": " << Explain(ours);
    ASSERT_TRUE(theirs.ok()) << "in round " << round << ": " << Explain(theirs);
  }
}

TEST_F(ImagesTest, CommitImage_WithAMissingBlob_RecordsNothing) {
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  StageAll(image);
  ASSERT_TRUE(sys::UnlinkAt(staging_.get(), std::string(64, '2')).ok());
  Result<void> put = store_->CommitImage(image, staging_.get());
  EXPECT_EQ(put.error().code(), Code::kImage);
  EXPECT_THAT(put.error().message(), HasSubstr(DigestOf('2')));
  EXPECT_EQ(store_->GetImage(image.reference).error().code(), Code::kNotFound);
}

TEST_F(ImagesTest, CommitImage_WithALayerOfAnotherSize_IsRefused) {
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  StageAll(image);
  Stage(DigestOf('1'), "longer");
  EXPECT_EQ(store_->CommitImage(image, staging_.get()).error().code(), Code::kImage);
}

TEST_F(ImagesTest, CommitImage_WithASymlinkStaged_IsRefused) {
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  StageAll(image);
  std::string hex(64, 'c');
  ASSERT_TRUE(sys::UnlinkAt(staging_.get(), hex).ok());
  ASSERT_EQ(::symlinkat("/etc/passwd", staging_.get(), hex.c_str()), 0);
  EXPECT_EQ(store_->CommitImage(image, staging_.get()).error().code(), Code::kImage);
  EXPECT_TRUE(Blobs().empty());
}

TEST_F(ImagesTest, CommitImage_WithADigestThatIsAPath_IsRefused) {
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  StageAll(image);
  image.layers[0].digest = "sha256:../../../../etc/passwd";
  EXPECT_FALSE(store_->CommitImage(image, staging_.get()).ok());
  EXPECT_TRUE(Blobs().empty());
}

TEST_F(ImagesTest, WriteIndex_OfTwoReferences_NamesBoth) {
  ASSERT_TRUE(Put(MakeImage("docker.io/library/a:1", 'a')).ok());
  ASSERT_TRUE(Put(MakeImage("oci:/somewhere", 'b')).ok());
  std::string index = Index();
  EXPECT_THAT(index, HasSubstr("\"org.opencontainers.image.ref.name\":\"docker.io/library/a:1\""));
  EXPECT_THAT(index, HasSubstr(DigestOf('b')));
  EXPECT_THAT(index, Not(HasSubstr("\"org.opencontainers.image.ref.name\":\"oci:")));
  EXPECT_THAT(sys::ReadFileAt(store_->home().images(), "oci-layout", 1000).TakeValue(),
              HasSubstr("1.0.0"));
}

TEST_F(ImagesTest, RemoveImage_OfOneOfTwo_KeepsWhatTheOtherUses) {
  ImageRecord one = MakeImage("docker.io/library/a:1", 'a');
  ImageRecord two = MakeImage("docker.io/library/b:1", 'b');
  ASSERT_TRUE(Put(one).ok());
  ASSERT_TRUE(Put(two).ok());
  for (char digit : {'a', 'b'})
    sys::OpenAt(store_->home().rootfs(), std::string(64, digit) + ".ext4", O_WRONLY | O_CREAT, 0600)
        .TakeValue();
  Result<void> removed = store_->RemoveImage(one.reference);
  ASSERT_TRUE(removed.ok()) << Explain(removed);
  EXPECT_THAT(Blobs(), UnorderedElementsAre("b", "c", "1", "2"));
  EXPECT_THAT(sys::ListDir(store_->home().rootfs()).TakeValue(),
              ElementsAre(std::string(64, 'b') + ".ext4"));
  EXPECT_THAT(Index(), Not(HasSubstr(one.reference)));
  ASSERT_TRUE(store_->RemoveImage(two.reference).ok());
  EXPECT_TRUE(Blobs().empty());
  EXPECT_EQ(store_->RemoveImage(two.reference).error().code(), Code::kNotFound);
}

TEST_F(ImagesTest, RemoveImage_ThatABoxUses_IsBusy) {
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  ASSERT_TRUE(Put(image).ok());
  BoxRecord box = MakeBox(*store_, "one");
  box.reference = image.reference;
  ASSERT_TRUE(store_->InsertBox(box).ok());
  Result<BoxRecord> pinned =
      store_->ChangeBox(box.id, {}, [&](BoxRecord& record) { record.image_digest = image.digest; });
  ASSERT_TRUE(pinned.ok()) << Explain(pinned);
  EXPECT_EQ(store_->RemoveImage(image.reference).error().code(), Code::kBusy);
  ASSERT_TRUE(store_->RemoveBox(box.id, {}).ok());
  EXPECT_TRUE(store_->RemoveImage(image.reference).ok());
}

TEST_F(ImagesTest, CollectGarbage_AfterATagMoved_KeepsWhatABoxIsPinnedTo) {
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  ASSERT_TRUE(Put(image).ok());
  BoxRecord box = MakeBox(*store_, "one");
  box.reference = image.reference;
  box.image_digest = image.digest;
  ASSERT_TRUE(store_->InsertBox(box).ok());
  ASSERT_TRUE(Put(MakeImage(image.reference, 'b')).ok());
  ASSERT_TRUE(store_->CollectGarbage().ok());
  EXPECT_TRUE(store_->GetImageByDigest(DigestOf('a')).ok());
  ASSERT_TRUE(store_->RemoveBox(box.id, {}).ok());
  ASSERT_TRUE(store_->CollectGarbage().ok());
  EXPECT_FALSE(store_->GetImageByDigest(DigestOf('a')).ok());
  EXPECT_THAT(Blobs(), UnorderedElementsAre("b", "c", "1", "2"));
}

TEST_F(ImagesTest, WriteIndex_WithForeignEntries_KeepsThemAndEveryBlob) {
  std::string foreign =
      "{\"mediaType\":\"x\",\"digest\":\"" + DigestOf('f') +
      "\",\"size\":3,\"annotations\":{\"org.opencontainers.image.ref.name\":\"mine\"}}";
  WriteIndex("{\"schemaVersion\":2,\"manifests\":[" + foreign + "]}");
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  ASSERT_TRUE(Put(image).ok());
  EXPECT_THAT(Index(), HasSubstr(foreign));
  EXPECT_TRUE(store_->LayoutNames("mine").TakeValue());
  EXPECT_FALSE(store_->LayoutNames("other").TakeValue());
  ASSERT_TRUE(store_->RemoveImage(image.reference).ok());
  EXPECT_THAT(Index(), HasSubstr(foreign));
  EXPECT_THAT(Index(), Not(HasSubstr(image.reference)));
  EXPECT_EQ(Blobs().size(), 4u) << "a foreign manifest may need them";
}

TEST_F(ImagesTest, WriteIndex_OverWhatIsNoIndex_WritesANewOne) {
  for (const char* text : {"", "{", "[]", "{\"manifests\":7}", "{\"manifests\":[1,null,\"x\"]}"}) {
    WriteIndex(text);
    ASSERT_TRUE(Put(MakeImage("docker.io/library/a:1", 'a')).ok()) << text;
    EXPECT_THAT(Index(), HasSubstr("docker.io/library/a:1"));
  }
}

TEST_F(ImagesTest, CollectGarbage_WithJobs_TakesThoseThatAreDone) {
  const Home& home = store_->home();
  for (const char* name : {"done", "working", "staged"})
    ASSERT_TRUE(sys::MakeDirAt(home.jobs(), name, 0700).ok());
  ASSERT_TRUE(sys::MakeDirAt(home.jobs(), "staged/staging", 0700).ok());
  for (const char* name : {"done/lock", "staged/lock"})
    sys::OpenAt(home.jobs(), name, O_RDWR | O_CREAT, 0600).TakeValue();
  UniqueFd lock = sys::OpenAt(home.jobs(), "working/lock", O_RDWR | O_CREAT, 0600).TakeValue();
  ASSERT_TRUE(sys::LockExclusive(lock.get(), sys::LockWait::kNo).TakeValue());
  ASSERT_TRUE(store_->CollectGarbage().ok());
  EXPECT_THAT(sys::ListDir(home.jobs()).TakeValue(), UnorderedElementsAre("working", "staged"));
  timespec old[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(::utimensat(home.jobs(), "staged/lock", old, 0), 0);
  ASSERT_TRUE(store_->CollectGarbage().ok());
  EXPECT_THAT(sys::ListDir(home.jobs()).TakeValue(), ElementsAre("working"));
}

// One process commits and removes for ever and is killed: a name must never be without its blobs.
TEST_F(ImagesTest, CommitAndRemove_KilledAtAnyPoint_NamesNothingThatIsMissing) {
  for (int round = 0; round < 10; ++round) {
    auto [mine, its] = sys::Pipe().TakeValue();
    int its_raw = its.get();
    store_.reset();
    pid_t pid = InProcess([&] {
      store_ = Open();
      for (;;) {
        bool ok = Put(MakeImage("docker.io/library/a:1", 'a')).ok();
        ok = ok && ::write(its_raw, "x", 1) == 1;
        ok = ok && store_->RemoveImage("docker.io/library/a:1").ok();
        if (!ok) return 1;
      }
    });
    its.Reset();
    char seen = 0;
    for (int i = 0; i <= round % 4; ++i) ASSERT_EQ(::read(mine.get(), &seen, 1), 1);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    EXPECT_EQ(ExitOf(pid), -SIGKILL);
    store_ = Open();
    std::vector<ImageRecord> images = store_->ListImages().TakeValue();
    for (const ImageRecord& image : images) {
      Result<void> whole = store_->CommitImage(image, -1);  // checks that every blob is there
      EXPECT_TRUE(whole.ok()) << Explain(whole);
    }
    EXPECT_TRUE(store_->CollectGarbage().ok());
    EXPECT_EQ(Blobs().size(), images.empty() ? 0u : 4u);
  }
}

// Two processes: one commits what the other removes. Each commit must be whole at its end.
TEST_F(ImagesTest, CommitAndCollect_InTwoProcesses_NeverLoseABlob) {
  store_.reset();
  pid_t collector = InProcess([&] {
    std::unique_ptr<Store> store = Open();
    for (int i = 0; i < 200; ++i) {
      if (!store->CollectGarbage().ok()) return 1;
    }
    return 0;
  });
  store_ = Open();
  for (int i = 0; i < 50; ++i) {
    ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
    Result<void> put = Put(image);
    ASSERT_TRUE(put.ok()) << Explain(put);
    ASSERT_EQ(Blobs().size(), 4u);
    Result<void> removed = store_->RemoveImage(image.reference);
    ASSERT_TRUE(removed.ok()) << Explain(removed);
  }
  EXPECT_EQ(ExitOf(collector), 0);
}

}  // namespace
}  // namespace boxlite::store
