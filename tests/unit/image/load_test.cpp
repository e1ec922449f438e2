#include "image/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/sys.h"
#include "base/sys_files.h"
#include "compress.h"
#include "image/limits.h"
#include "tar_builder.h"

namespace boxlite::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class LoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "boxlite-load-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    directory_ = sys::Open(root_, O_RDONLY | O_DIRECTORY).TakeValue();
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  // The error with which the archive is refused.
  Error Refused(const std::string& archive, const Limits& limits) {
    UniqueFd file = sys::MemoryFile("archive", AsBytes(archive)).TakeValue();
    Staging staging = Staging::Open(directory_.get(), -1).TakeValue();
    Progress progress;
    Result<proto::LoadClosed> loaded =
        LoadImages({}, ArchiveSource{file.get(), limits}, staging, progress);
    EXPECT_FALSE(loaded.ok());
    return loaded.ok() ? Error(Code::kOk, "") : loaded.TakeError();
  }

  std::string root_;
  UniqueFd directory_;
};

TEST_F(LoadTest, ArchiveThatGrowsOutOfProportion_IsRefusedAndLeavesNothing) {
  std::string name = "blobs/sha256/" + std::string(64, '0');
  std::string tar = TarBuilder().File(name, std::string(32 * kMib, '\0')).Take();
  Limits limits;
  limits.ratio_free_bytes = 16 * kMib;
  for (const std::string& bomb : {Gzip(tar), Zstd(tar)}) {
    Error error = Refused(bomb, limits);
    EXPECT_EQ(error.code(), Code::kImage);
    EXPECT_THAT(error.message(), HasSubstr("unpacks to more than 200 times its size"));
    EXPECT_THAT(sys::ListDir(directory_.get()).TakeValue(), ElementsAre("blobs"));
    std::filesystem::path blobs = root_ + "/blobs/sha256";
    EXPECT_TRUE(std::filesystem::is_empty(blobs));
    // Within the bytes that are free it is only no archive of images.
    EXPECT_THAT(Refused(bomb, {}).message(), Not(HasSubstr("200 times")));
    std::filesystem::remove_all(blobs);
  }
}

}  // namespace
}  // namespace boxlite::image
