// A directory of a test's own, with what tests of trees do in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/sys.h"
#include "tar/packer.h"
#include "tar/reader.h"
#include "tar/unpacker.h"

namespace boxlite::tar {

class TreeTest : public testing::Test {
 protected:
  TreeTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "boxlite-tar-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~TreeTest() override { std::filesystem::remove_all(root_); }

  std::string At(const std::string& path) const { return root_ + "/" + path; }
  void Put(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(At(path)).parent_path());
    std::ofstream(At(path), std::ios::binary) << text;
  }
  std::string Get(const std::string& path) const {
    std::ifstream file(At(path), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // What a shell in the directory prints.
  std::string Shell(const std::string& command) const {
    std::string line = "cd " + root_ + " && { " + command + "; } 2>&1";
    FILE* pipe = ::popen(line.c_str(), "r");
    std::string output;
    char buffer[4096];
    for (size_t size = 0; (size = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
      output.append(buffer, size);
    ::pclose(pipe);
    return output;
  }
  Bytes Pack(const std::string& path, PackOptions options) const {
    auto packer = Packer::Open(At(path), std::move(options));
    EXPECT_TRUE(packer.ok()) << packer.error().message();
    Bytes out;
    auto more = packer.value()->Next(out, SIZE_MAX);
    EXPECT_TRUE(more.ok()) << more.error().message();
    return out;
  }
  static Result<void> Feed(Unpacker& unpacker, ByteSpan archive, size_t piece = 1000) {
    Reader reader(unpacker);
    while (!archive.empty()) {
      size_t size = std::min(piece, archive.size());
      BOXLITE_TRY(reader.Feed(archive.first(size)));
      archive = archive.subspan(size);
    }
    BOXLITE_TRY(reader.Finish());
    return unpacker.Finish();
  }
  // An archive's members into directory `path`.
  Result<void> Unpack(const std::string& path, ByteSpan archive, UnpackOptions options = {}) const {
    Unpacker unpacker(BOXLITE_TRY(sys::Open(At(path), O_RDONLY | O_DIRECTORY)), options);
    return Feed(unpacker, archive);
  }
  // One tree, as a copy.
  Result<void> Copy(const std::string& from, Destination destination, UnpackOptions options = {}) {
    Bytes archive = Pack(from, {.name = destination.name});
    Unpacker unpacker(std::move(destination), options);
    return Feed(unpacker, archive);
  }

  std::string root_;
};

}  // namespace boxlite::tar
