// Layers that are converted while they come.
#include <optional>
#include <thread>

#include "convert_fixture.h"
#include "image/staging.h"
#include "tar_builder.h"

namespace boxlite::image {
namespace {

using testing::HasSubstr;

// A layer that a fetch is at: the lower one is in the store, this one a piece in its staging.
class ConvertEarlyTest : public ConvertTest {
 protected:
  void SetUp() override {
    ConvertTest::SetUp();
    std::filesystem::create_directory(root_ + "/staging");
    staging_fd_ = sys::Open(root_ + "/staging", O_RDONLY | O_DIRECTORY).TakeValue();
    staging_.emplace(Staging::Open(staging_fd_.get(), blobs_fd_.get()).TakeValue());
    lower_ = Add(TarBuilder().File("lower", "1").Take());
    upper_tar_ = TarBuilder().File("upper", "2").Take();
    upper_.digest = upper_.diff_id = Sha(upper_tar_);
    upper_.size = upper_tar_.size();
    piece_.emplace(
        staging_->Resume(oci::Digest::Parse(upper_.digest).TakeValue(), upper_.size).TakeValue());
    ASSERT_TRUE(piece_->TakeUp().ok());
    UniqueFd staged = sys::Open(root_ + "/staging/blobs/sha256", O_RDONLY).TakeValue();
    blobs_ = OpenLayers({lower_, upper_}, {blobs_fd_.get(), staged.get()}).TakeValue();
  }

  UniqueFd staging_fd_;
  std::optional<Staging> staging_;
  proto::Layer lower_, upper_;
  std::string upper_tar_;
  std::optional<StagedBlob> piece_;
  std::vector<UniqueFd> blobs_;
};

TEST_F(ConvertEarlyTest, PieceThatBecomesWhole_IsWaitedFor) {
  std::thread fetch([this] {
    ASSERT_TRUE(piece_->Append(AsBytes(upper_tar_)).ok());
    ASSERT_TRUE(piece_->Commit().ok());
  });
  Result<void> done = ConvertFrom({lower_, upper_}, blobs_);
  fetch.join();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(Contents("/lower"), "1");
  EXPECT_EQ(Contents("/upper"), "2");
}

TEST_F(ConvertEarlyTest, PieceThatIsGivenUp_EndsTheConversion) {
  ASSERT_TRUE(piece_->Append(AsBytes(upper_tar_.substr(1))).ok());
  piece_.reset();
  Result<void> done = ConvertFrom({lower_, upper_}, blobs_);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kStopped);
  EXPECT_THAT(done.error().message(), HasSubstr("layer 2 of 2"));
}

// Whole, but its fetch has ended before it could say so.
TEST_F(ConvertEarlyTest, WholePieceWithoutItsName_IsTaken) {
  ASSERT_TRUE(piece_->Append(AsBytes(upper_tar_)).ok());
  piece_.reset();
  EXPECT_TRUE(ConvertFrom({lower_, upper_}, blobs_).ok());
  // Nothing keeps the next fetch from it.
  EXPECT_TRUE(staging_->Resume(oci::Digest::Parse(upper_.digest).TakeValue(), upper_.size).ok());
}

TEST_F(ConvertEarlyTest, WholePieceWithOtherContents_IsRefused) {
  ASSERT_TRUE(piece_->Append(AsBytes(std::string(upper_.size, 'x'))).ok());
  piece_.reset();
  Result<void> done = ConvertFrom({lower_, upper_}, blobs_);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kImage);
}

}  // namespace
}  // namespace boxlite::image
