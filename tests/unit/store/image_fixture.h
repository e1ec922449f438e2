// A home directory and images to put into it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/sys.h"
#include "base/sys_files.h"
#include "store/store.h"
#include "temp_home.h"

namespace boxlite::store {

class ImageFixture : public TempHome {
 protected:
  void SetUp() override {
    TempHome::SetUp();
    store_ = Open();
    ASSERT_TRUE(sys::MakeDirAt(store_->home().root(), "staging", 0700).ok());
    staging_ = sys::OpenAt(store_->home().root(), "staging", O_RDONLY | O_DIRECTORY).TakeValue();
  }
  void Stage(const std::string& digest, const std::string& content) {
    UniqueFd file =
        sys::OpenAt(staging_.get(), digest.substr(7), O_WRONLY | O_CREAT | O_TRUNC, 0600)
            .TakeValue();
    ASSERT_TRUE(sys::WriteAll(file.get(), AsBytes(content)).ok());
  }
  // Manifest `manifest`, config c, layers 1 and 2.
  ImageRecord MakeImage(const std::string& reference, char manifest) {
    ImageRecord image;
    image.reference = reference;
    image.digest = DigestOf(manifest);
    image.media_type = "application/vnd.oci.image.manifest.v1+json";
    image.config_digest = DigestOf('c');
    image.source = "http://127.0.0.1:5000/" + reference;
    image.pulled_at_ms = 99;
    image.size = 8;
    image.architecture = "amd64";
    image.os = "linux";
    image.env = {"PATH=/bin", "X=\xff"};
    image.cmd = {"sh"};
    image.layers = {{DigestOf('1'), "tar+gzip", DigestOf('d'), 3},
                    {DigestOf('2'), "tar", DigestOf('e'), 5}};
    return image;
  }
  void StageAll(const ImageRecord& image) {
    Stage(image.digest, "{manifest}");
    Stage(image.config_digest, "{}");
    Stage(DigestOf('1'), "one");
    Stage(DigestOf('2'), "twooo");
  }
  Result<void> Put(const ImageRecord& image) {
    StageAll(image);
    return store_->CommitImage(image, staging_.get());
  }
  std::vector<std::string> Blobs() {
    std::vector<std::string> names = sys::ListDir(store_->home().blobs()).TakeValue();
    for (std::string& name : names) name = name.substr(0, 1);
    return names;
  }
  std::string Index() {
    return sys::ReadFileAt(store_->home().images(), "index.json", 100000).TakeValue();
  }
  void WriteIndex(const std::string& text) {
    UniqueFd file =
        sys::OpenAt(store_->home().images(), "index.json", O_WRONLY | O_CREAT | O_TRUNC, 0600)
            .TakeValue();
    ASSERT_TRUE(sys::WriteAll(file.get(), AsBytes(text)).ok());
  }

  void InsertBoxOf(const std::string& reference, const std::string& digest,
                   const std::string& name) {
    BoxRecord box = MakeBox(*store_, name);
    box.reference = reference;
    box.image_digest = digest;
    ASSERT_TRUE(store_->InsertBox(box).ok());
  }

  std::unique_ptr<Store> store_;
  UniqueFd staging_;
};

}  // namespace boxlite::store
