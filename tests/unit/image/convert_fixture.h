// ConvertTest: layers that a test makes, and the file system that they become, as e2fsprogs sees
// it.
//
// Thread rule: the test's thread.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/sys.h"
#include "image/convert.h"
#include "image/hash.h"
#include "image/limits.h"

namespace boxlite::image {

inline std::string Sha(const std::string& data) {
  Sha256 hash;
  hash.Add(AsBytes(data));
  return hash.FinishDigest().Text();
}

// What a program prints, standard error included.
inline std::string Output(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer{};
  for (size_t count; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    text.append(buffer.data(), count);
  int status = ::pclose(pipe);
  if (WEXITSTATUS(status) != 0) text += "\nexit " + std::to_string(WEXITSTATUS(status));
  return text;
}

class ConvertTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "boxlite-image-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(root_ + "/blobs");
    blobs_fd_ = sys::Open(root_ + "/blobs", O_RDONLY | O_DIRECTORY).TakeValue();
    image_ = root_ + "/image.ext4";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  proto::Layer Add(const std::string& stored, const std::string& unpacked) {
    proto::Layer layer;
    layer.digest = Sha(stored);
    layer.diff_id = Sha(unpacked);
    layer.size = stored.size();
    std::ofstream(root_ + "/blobs/" + layer.digest.substr(7), std::ios::binary) << stored;
    return layer;
  }
  proto::Layer Add(const std::string& tar) { return Add(tar, tar); }

  Result<void> Run(const std::vector<proto::Layer>& layers, const Limits& limits = {}) {
    auto blobs = BOXLITE_TRY(OpenLayers(layers, {blobs_fd_.get(), -1}));
    return ConvertFrom(layers, blobs, limits);
  }
  Result<void> ConvertFrom(const std::vector<proto::Layer>& layers,
                           const std::vector<UniqueFd>& blobs, const Limits& limits = {}) {
    UniqueFd out = sys::Open(image_, O_RDWR | O_CREAT | O_TRUNC, 0600).TakeValue();
    Progress progress;
    return Convert(layers, blobs, out.get(), progress, limits);
  }
  // Converts and has the result examined.
  void Build(const std::vector<proto::Layer>& layers) {
    Result<void> done = Run(layers);
    ASSERT_TRUE(done.ok()) << done.error().message();
    std::string report = Output("e2fsck -fn " + image_);
    EXPECT_THAT(report, testing::Not(testing::HasSubstr("exit "))) << report;
    EXPECT_THAT(report, testing::Not(testing::HasSubstr("? no"))) << report;
  }
  Error Fails(const std::string& tar) {
    Result<void> done = Run({Add(tar)});
    EXPECT_FALSE(done.ok());
    return done.ok() ? Error(Code::kOk, "") : done.TakeError();
  }
  std::string Debugfs(const std::string& request) {
    return Output("debugfs -R '" + request + "' " + image_);
  }
  std::string Contents(const std::string& path) {
    EXPECT_THAT(Debugfs("dump " + path + " " + root_ + "/dumped"),
                testing::Not(testing::HasSubstr("not found")));
    std::ifstream in(root_ + "/dumped", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool Exists(const std::string& path) {
    return Debugfs("stat " + path).find("not found") == std::string::npos;
  }
  std::string Image() {
    std::ifstream in(image_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string root_, image_;
  UniqueFd blobs_fd_;
};

}  // namespace boxlite::image
