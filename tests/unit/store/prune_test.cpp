// Tags, looking images up, and what is removed when: images_test.cpp has the fixture's other half.
#include <gmock/gmock.h>

#include "base/sys_files.h"
#include "image_fixture.h"
#include "store/in_use.h"

namespace boxlite::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using PruneTest = ImageFixture;

TEST_F(PruneTest, TagImage_OfAStoredImage_MovesTheReference) {
  ASSERT_TRUE(Put(MakeImage("docker.io/library/a:1", 'a')).ok());
  ASSERT_TRUE(Put(MakeImage("docker.io/library/b:1", 'b')).ok());
  ASSERT_TRUE(store_->TagImage("docker.io/library/a:1", "docker.io/library/c:1").ok());
  EXPECT_EQ(store_->GetImage("docker.io/library/c:1").TakeValue().digest, DigestOf('a'));
  EXPECT_THAT(store_->GetImage("docker.io/library/a:1").TakeValue().references,
              ElementsAre("docker.io/library/a:1", "docker.io/library/c:1"));
  ASSERT_TRUE(store_->TagImage("docker.io/library/b:1", "docker.io/library/c:1").ok());
  EXPECT_EQ(store_->GetImage("docker.io/library/c:1").TakeValue().digest, DigestOf('b'));
  EXPECT_THAT(Index(), HasSubstr("docker.io/library/c:1"));
  EXPECT_EQ(store_->TagImage("docker.io/library/none:1", "docker.io/library/d:1").error().code(),
            Code::kNotFound);
}

TEST_F(PruneTest, FindImage_ByReferenceDigestOrBeginning_FindsIt) {
  ASSERT_TRUE(Put(MakeImage("docker.io/library/a:latest", 'a')).ok());
  ASSERT_TRUE(store_->TagImage("a", "docker.io/library/a:2").ok());
  for (const char* name : {"a", "a:2", "docker.io/library/a:latest", "aaaa", "sha256:aaaaa"})
    EXPECT_TRUE(store_->FindImage(name).ok()) << name;
  EXPECT_TRUE(store_->FindImage(DigestOf('a')).ok());
  for (const char* name : {"aaa", "sha256:", "bbbb", "A", "", "a*"})
    EXPECT_EQ(store_->FindImage(name).error().code(), Code::kNotFound) << name;
}

TEST_F(PruneTest, FindImage_ByABeginningOfTwo_IsAnError) {
  ImageRecord first = MakeImage("docker.io/library/a:1", 'a'),
              second = MakeImage("docker.io/library/b:1", 'a');
  second.digest.back() = 'b';
  ASSERT_TRUE(Put(first).ok());
  ASSERT_TRUE(Put(second).ok());
  EXPECT_EQ(store_->FindImage("aaaa").error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(store_->FindImage(second.digest).ok());
}

TEST_F(PruneTest, CommitImage_WithLabelsAndHistory_GivesThemBack) {
  ImageRecord image = MakeImage("docker.io/library/a:1", 'a');
  image.labels = {"x=y"};
  image.history = {{"now", "RUN it", "", 0}, {"", "CMD", "why", 1}};
  ASSERT_TRUE(Put(image).ok());
  ImageRecord read = store_->GetImage("docker.io/library/a:1").TakeValue();
  EXPECT_EQ(read.labels, image.labels);
  ASSERT_EQ(read.history.size(), 2u);
  EXPECT_EQ(read.history[1].comment, "why");
  EXPECT_EQ(read.history[1].empty_layer, 1);
}

TEST_F(PruneTest, RemoveImage_OfABox_NamesTheBox) {
  ASSERT_TRUE(Put(MakeImage("docker.io/library/a:1", 'a')).ok());
  InsertBoxOf("docker.io/library/a:1", DigestOf('a'), "web");
  Result<void> removed = store_->RemoveImage("docker.io/library/a:1");
  ASSERT_EQ(removed.error().code(), Code::kBusy);
  EXPECT_THAT(removed.error().message(), HasSubstr("box web"));
  InsertBoxOf("docker.io/library/a:1", DigestOf('a'), "db");
  EXPECT_THAT(store_->RemoveImage("docker.io/library/a:1").error().message(),
              HasSubstr("and 1 more"));
}

TEST_F(PruneTest, PruneImages_Unnamed_KeepsEveryReference) {
  ASSERT_TRUE(Put(MakeImage("docker.io/library/a:1", 'a')).ok());
  ASSERT_TRUE(Put(MakeImage("docker.io/library/b:1", 'b')).ok());
  ASSERT_TRUE(store_->TagImage("docker.io/library/a:1", "docker.io/library/b:1").ok());
  PruneReport report = store_->PruneImages(Store::Prune::kUnnamed).TakeValue();
  EXPECT_THAT(report.references, IsEmpty());
  EXPECT_GT(report.bytes, 0u);
  EXPECT_FALSE(store_->GetImageByDigest(DigestOf('b')).ok());
  EXPECT_TRUE(store_->GetImage("docker.io/library/a:1").ok());
}

TEST_F(PruneTest, PruneImages_WithoutBox_KeepsWhatBoxesHaveAndWouldGet) {
  for (char name : {'a', 'b', 'f'})
    ASSERT_TRUE(Put(MakeImage("docker.io/library/" + std::string(1, name) + ":1", name)).ok());
  InsertBoxOf("docker.io/library/a:1", DigestOf('a'), "ran");
  InsertBoxOf("docker.io/library/b:1", "", "never-started");
  PruneReport report = store_->PruneImages(Store::Prune::kWithoutBox).TakeValue();
  EXPECT_THAT(report.references, ElementsAre("docker.io/library/f:1"));
  EXPECT_TRUE(store_->GetImage("docker.io/library/a:1").ok());
  EXPECT_TRUE(store_->GetImage("docker.io/library/b:1").ok());
  EXPECT_THAT(Blobs(), ::testing::Not(::testing::Contains("f")));
}

TEST_F(PruneTest, PruneImages_OfAnImageThatAnotherProcessUses_KeepsIt) {
  ASSERT_TRUE(Put(MakeImage("docker.io/library/a:1", 'a')).ok());
  UniqueFd in_use = UseImage(store_->home(), DigestOf('a')).TakeValue();
  EXPECT_THAT(store_->PruneImages(Store::Prune::kWithoutBox).TakeValue().references, IsEmpty());
  EXPECT_TRUE(store_->GetImage("docker.io/library/a:1").ok());
  in_use.Reset();
  EXPECT_THAT(store_->PruneImages(Store::Prune::kWithoutBox).TakeValue().references,
              ElementsAre("docker.io/library/a:1"));
  EXPECT_THAT(Blobs(), IsEmpty());
}

TEST_F(PruneTest, CollectGarbage_WhileAFetchCountsOnBlobs_KeepsThem) {
  UniqueFd in_use = UseBlobs(store_->home()).TakeValue();
  sys::OpenAt(store_->home().blobs(), std::string(64, 'f'), O_WRONLY | O_CREAT, 0600).TakeValue();
  ASSERT_TRUE(store_->CollectGarbage().ok());
  EXPECT_THAT(Blobs(), ElementsAre("f"));
  in_use.Reset();
  ASSERT_TRUE(store_->CollectGarbage().ok());
  EXPECT_THAT(Blobs(), IsEmpty());
}

TEST_F(PruneTest, GetDiskUsage_WithABoxOfOneOfTwo_SaysWhatIsReclaimable) {
  ASSERT_TRUE(Put(MakeImage("docker.io/library/a:1", 'a')).ok());
  ASSERT_TRUE(Put(MakeImage("docker.io/library/b:1", 'b')).ok());
  InsertBoxOf("docker.io/library/a:1", DigestOf('a'), "web");
  DiskUsage usage = store_->GetDiskUsage().TakeValue();
  EXPECT_EQ(usage.images.count, 2u);
  EXPECT_EQ(usage.images.active, 1u);
  EXPECT_GT(usage.images.reclaimable, 0u);
  EXPECT_LT(usage.images.reclaimable, usage.images.bytes) << "layers are shared";
  EXPECT_EQ(usage.boxes.count, 1u);
  EXPECT_EQ(usage.boxes.active, 0u);
}

TEST_F(PruneTest, PruneImages_WithALeftStaging_TakesItNow) {
  int jobs = store_->home().jobs();
  for (const char* name : {"fetch-x", "load-y"}) {
    ASSERT_TRUE(sys::MakeDirAt(jobs, name, 0700).ok());
    ASSERT_TRUE(sys::MakeDirAt(jobs, std::string(name) + "/staging", 0700).ok());
    sys::OpenAt(jobs, std::string(name) + "/lock", O_WRONLY | O_CREAT, 0600).TakeValue();
  }
  ASSERT_TRUE(store_->CollectGarbage().ok());
  EXPECT_THAT(sys::ListDir(jobs).TakeValue(), ElementsAre("fetch-x"));
  ASSERT_TRUE(store_->PruneImages(Store::Prune::kUnnamed).ok());
  EXPECT_THAT(sys::ListDir(jobs).TakeValue(), IsEmpty());
}

}  // namespace
}  // namespace boxlite::store
