// What is packed is what other programs read, and what other programs pack is read.
#include "tar/packer.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "unit/tar/tree.h"

namespace boxlite::tar {
namespace {

class Archive : public TreeTest {
 protected:
  // Everything that the formats have a special way for.
  void MakeTree() {
    Put("tree/file", "hello");
    Put("tree/empty", "");
    Put("tree/sub/" + std::string(200, 'n'), "long name");
    Put("tree/" + std::string(90, 'd') + "/" + std::string(90, 'e') + "/f", "long path");
    Shell("ln -s file tree/link; ln -s " + std::string(150, 't') +
          " tree/far; "
          "ln tree/file tree/zz; mkfifo tree/fifo; "
          "printf 'a\\nb' >'tree/new\nline'; "
          "truncate -s 1M tree/sparse; printf mid | dd of=tree/sparse bs=1 seek=524288 "
          "conv=notrunc; truncate -s 70000 tree/hole; "
          "chmod 750 tree/sub; chmod 4751 tree/empty; chmod 400 tree/zz; "
          "touch -d '2001-02-03 04:05:06 UTC' tree/file tree/sub; touch -d @-86400 tree/fifo");
  }
  std::string Describe(const std::string& path) const {
    return Shell("cd " + path +
                 " && find . -printf '%P %y %m %s %T@ %l %n\\n' | sed 's/\\.[0-9]* / /' | sort; "
                 "find . -type f -exec sha256sum {} + | sort");
  }
};

TEST_F(Archive, OfOurs_IsReadByTar) {
  MakeTree();
  Bytes archive = Pack("tree", {.name = "tree"});
  Put("a.tar", std::string(AsText(archive)));
  EXPECT_EQ(Shell("mkdir out && tar xf a.tar --warning=no-timestamp -C out"), "");
  EXPECT_EQ(Describe("out/tree"), Describe("tree"));
  EXPECT_LT(archive.size(), 100'000u) << "holes are not stored";
}

TEST_F(Archive, OfOurs_ComesBackTheSame) {
  MakeTree();
  UnpackOptions options;
  options.trust = Trust::kSystem;
  for (size_t piece : {1, 511, 512, 4096}) {
    Unpacker unpacker({.path = At("out" + std::to_string(piece)), .name = "tree"}, options);
    auto done = Feed(unpacker, Pack("tree", {.name = "tree"}), piece);
    ASSERT_TRUE(done.ok()) << done.error().message();
    EXPECT_EQ(Describe("out" + std::to_string(piece)), Describe("tree")) << piece;
  }
  EXPECT_LT(std::stoi(Shell("stat -c %b out512/sparse")), 1024);
}

TEST_F(Archive, OfTar_IsReadInEveryFormat) {
  MakeTree();
  Shell("rm -r tree/ddd*");  // more than v7 and ustar can name
  std::string expected = Describe("tree");
  UnpackOptions options;
  options.trust = Trust::kSystem;
  for (const char* flags : {"--format=gnu", "--format=gnu -S", "--format=posix",
                            "--format=posix -S --sparse-version=1.0", "--format=oldgnu"}) {
    ASSERT_EQ(Shell(std::string("tar cf a.tar ") + flags + " tree; rm -rf out; mkdir out"), "");
    auto done = Unpack("out", AsBytes(Get("a.tar")), options);
    ASSERT_TRUE(done.ok()) << flags << ": " << done.error().message();
    EXPECT_EQ(Describe("out/tree"), expected) << flags;
  }
}

TEST_F(Archive, ManyExtents_AreKept) {
  Put("many", "");
  UniqueFd file = std::move(sys::Open(At("many"), O_WRONLY)).TakeValue();
  for (uint64_t i = 0; i < 300; ++i)
    ASSERT_TRUE(sys::WriteAllAt(file.get(), AsBytes("x"), i * 65536).ok());
  Shell("tar cSf a.tar --format=gnu many; mkdir old new");
  ASSERT_TRUE(Unpack("old", AsBytes(Get("a.tar"))).ok());
  ASSERT_TRUE(Unpack("new", Pack("many", {.name = "many"})).ok());
  EXPECT_EQ(Shell("cmp many old/many; cmp many new/many"), "");
}

TEST_F(Archive, Attributes_AreKept) {
  Put("file", "x");
  ASSERT_EQ(::setxattr(At("file").c_str(), "user.note", "a=b\n", 4, 0), 0);
  Shell("mkdir out");
  ASSERT_TRUE(Unpack("out", Pack("file", {.name = "file"})).ok());
  char value[16] = {};
  ASSERT_EQ(::getxattr(At("out/file").c_str(), "user.note", value, sizeof value), 4);
  EXPECT_STREQ(value, "a=b\n");
}

TEST_F(Archive, ALink_IsPackedAsOneUnlessFollowed) {
  Put("target/file", "x");
  Shell("ln -s target link; mkdir out");
  ASSERT_TRUE(Unpack("out", Pack("link", {.name = "a"})).ok());
  ASSERT_TRUE(Unpack("out", Pack("link", {.name = "b", .follow = Follow::kYes})).ok());
  EXPECT_EQ(Shell("readlink out/a; cat out/b/file"), "target\nx");
}

TEST_F(Archive, WhatIsMissing_IsNotFound) {
  auto packer = Packer::Open(At("nothing"), {.name = "x"});
  ASSERT_FALSE(packer.ok());
  EXPECT_EQ(packer.error().code(), Code::kNotFound);
  EXPECT_THAT(packer.error().message(), testing::HasSubstr("nothing"));
}

}  // namespace
}  // namespace boxlite::tar
