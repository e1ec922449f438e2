// Streams that want out of their directory, and the rules of cp.
#include "tar/unpacker.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "tar/writer.h"
#include "unit/tar/tree.h"

namespace boxlite::tar {
namespace {

using testing::HasSubstr;

struct Member {
  Entry entry;
  std::string data;
};

Entry Make(Type type, std::string path, std::string link = "") {
  Entry entry;
  entry.type = type;
  entry.path = std::move(path);
  entry.link = std::move(link);
  entry.mode = type == Type::kDirectory ? 0755 : 0644;
  return entry;
}

Bytes Archive(const std::vector<Member>& members) {
  Bytes out;
  for (Member member : members) {
    member.entry.size = std::max<uint64_t>(member.entry.size, member.data.size());
    AppendHeader(out, member.entry);
    out.insert(out.end(), member.data.begin(), member.data.end());
    if (member.entry.type == Type::kFile && !member.entry.sparse)
      AppendPadding(out, member.data.size());
  }
  AppendEnd(out);
  return out;
}

class Hostile : public TreeTest {
 protected:
  Hostile() {
    Put("outside/secret", "secret");
    Shell("mkdir in");
  }
  // Nothing outside has changed.
  void ExpectSafe() const {
    EXPECT_EQ(Shell("ls -A outside; cat outside/secret; ls -A . | sort | tr '\\n' ' '"),
              "secret\nsecretin outside ");
  }
};

TEST_F(Hostile, Paths_DoNotLeadOut) {
  for (const char* path : {"../outside/secret", "a/../../outside/secret", "..", "a/.."}) {
    auto done = Unpack("in", Archive({{Make(Type::kFile, path), "evil"}}));
    EXPECT_FALSE(done.ok()) << path;
  }
  // An absolute one begins at the top, as other programs have it.
  EXPECT_TRUE(Unpack("in", Archive({{Make(Type::kFile, "/tmp/../x"), ""}})).ok() == false);
  EXPECT_TRUE(Unpack("in", Archive({{Make(Type::kFile, At("outside/secret")), "evil"}})).ok());
  ExpectSafe();
}

TEST_F(Hostile, SymbolicLinks_AreNotWrittenThrough) {
  for (Links links : {Links::kNone, Links::kBeneath}) {
    for (const std::string& target : {At("outside"), std::string("../outside")}) {
      UnpackOptions options;
      options.links = links;
      auto done = Unpack("in",
                         Archive({{Make(Type::kSymlink, "door", target), ""},
                                  {Make(Type::kFile, "door/secret"), "evil"}}),
                         options);
      EXPECT_FALSE(done.ok()) << target;
      // One of the file's own name gives way.
      EXPECT_TRUE(Unpack("in",
                         Archive({{Make(Type::kSymlink, "f", target + "/secret"), ""},
                                  {Make(Type::kFile, "f"), "evil"}}),
                         options)
                      .ok());
      EXPECT_EQ(Get("in/f"), "evil");
      ExpectSafe();
      Shell("rm -rf in; mkdir in");
    }
  }
}

TEST_F(Hostile, ADirectory_DoesNotTakeALinksPlaceAndMode) {
  Entry directory = Make(Type::kDirectory, "door");
  directory.mode = 0;
  auto done =
      Unpack("in", Archive({{Make(Type::kSymlink, "door", "../outside"), ""}, {directory, ""}}));
  EXPECT_FALSE(done.ok());
  EXPECT_EQ(Shell("stat -c %a outside"), "755\n");
  ExpectSafe();
}

TEST_F(Hostile, HardLinks_DoNotReachOut) {
  Shell("ln -s ../outside in/door; ln -s ../outside/secret in/window");
  for (const char* target : {"../outside/secret", "door/secret", "/etc/passwd"}) {
    auto done = Unpack("in", Archive({{Make(Type::kHardLink, "mine", target), ""}}));
    EXPECT_FALSE(done.ok()) << target;
  }
  // A link to a link is a second name of the link, which gives way to what is written there.
  EXPECT_TRUE(Unpack("in", Archive({{Make(Type::kHardLink, "mine", "window"), ""},
                                    {Make(Type::kFile, "mine"), "evil"}}))
                  .ok());
  ExpectSafe();
}

TEST_F(Hostile, AFileOfSeveralNames_IsReplacedAndNotWrittenThrough) {
  Shell("ln outside/secret in/file");
  EXPECT_TRUE(Unpack("in", Archive({{Make(Type::kFile, "file"), "evil"}})).ok());
  EXPECT_EQ(Get("in/file"), "evil");
  ExpectSafe();
}

TEST_F(Hostile, WhatAHostDoesNotMake_IsRefusedOrLeftOut) {
  Entry device = Make(Type::kCharacterDevice, "null");
  device.device_major = 1;
  device.device_minor = 3;
  auto done = Unpack("in", Archive({{device, ""}}));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kUnsupported);
  EXPECT_THAT(done.error().message(), HasSubstr("null"));
  EXPECT_FALSE(Unpack("in", Archive({{Make(Type::kFifo, "fifo"), ""}})).ok());
  Entry set_user = Make(Type::kFile, "set-user");
  set_user.mode = 06755;
  EXPECT_TRUE(Unpack("in", Archive({{set_user, ""}})).ok());
  EXPECT_EQ(Shell("stat -c %a in/set-user; ls -A in"), "755\nset-user\n");
}

TEST_F(Hostile, Sizes_AreBounded) {
  UnpackOptions options;
  options.max_bytes = 1000;
  Entry sparse = Make(Type::kFile, "sparse");
  sparse.sparse = true;
  sparse.size = uint64_t{1} << 61;
  auto done =
      Unpack("in", Archive({{sparse, ""}, {sparse, ""}, {sparse, ""}, {sparse, ""}}), options);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(
      Unpack("in", Archive({{Make(Type::kFile, "a"), std::string(1000, 'x')}}), options).ok());
  EXPECT_FALSE(Unpack("in",
                      Archive({{Make(Type::kFile, "a"), std::string(600, 'x')},
                               {Make(Type::kFile, "b"), std::string(401, 'x')}}),
                      options)
                   .ok());
}

TEST_F(Hostile, Depth_IsBounded) {
  std::string path = "x";
  for (size_t i = 0; i < kMaxDepth; ++i) path += "/x";
  EXPECT_FALSE(Unpack("in", Archive({{Make(Type::kFile, path), ""}})).ok());
}

TEST_F(Hostile, ATornStream_IsAnError) {
  Bytes archive = Archive({{Make(Type::kFile, "a"), std::string(3000, 'x')}});
  for (size_t size : {size_t{0}, size_t{1}, size_t{512}, size_t{2000}, archive.size() - 1100}) {
    EXPECT_FALSE(Unpack("in", ByteSpan(archive).first(size)).ok()) << size;
  }
}

TEST_F(Hostile, ADamagedHeader_IsAnError) {
  Bytes both = Archive({{Make(Type::kFile, "a"), ""}, {Make(Type::kFile, "b"), ""}});
  both[512] ^= 1;
  auto done = Unpack("in", both);
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message(), HasSubstr("checksum"));
}

TEST_F(Hostile, WhatIsNoArchive_SaysWhatItIs) {
  for (std::string begin : {"\x1f\x8b", "BZh9",
                            "\xfd"
                            "7zXZ",
                            "\x28\xb5\x2f\xfd"}) {
    for (size_t size : {begin.size(), size_t{512}, size_t{5000}}) {
      std::string stream = begin;
      stream.resize(size, 'x');
      auto done = Unpack("in", AsBytes(stream));
      ASSERT_FALSE(done.ok()) << size;
      EXPECT_THAT(done.error().message(), HasSubstr("is compressed"));
    }
  }
  for (size_t size : {size_t{0}, size_t{1}, size_t{512}, size_t{5000}}) {
    auto done = Unpack("in", AsBytes(std::string(size, 'x')));
    ASSERT_FALSE(done.ok()) << size;
    EXPECT_THAT(done.error().message(), HasSubstr("no tar archive"));
  }
}

TEST_F(Hostile, AStrayRoot_IsRefused) {
  for (const char* second : {"b", "ab", "a/../b", "/etc/x"}) {
    Unpacker unpacker({.path = At("in"), .name = "a"}, {});
    auto done = Feed(
        unpacker, Archive({{Make(Type::kDirectory, "a/"), ""}, {Make(Type::kFile, second), "x"}}));
    EXPECT_FALSE(done.ok()) << second;
  }
}

class CopyRules : public TreeTest {
 protected:
  CopyRules() {
    Put("file", "f");
    Put("dir/a", "a");
    Put("dir/sub/b", "b");
  }
  std::string List() {
    return Shell("cd to && find . -mindepth 1 -printf '%P%y\\n' | sort | tr '\\n' ' '");
  }
  Destination To(const std::string& path, const std::string& name = "file") {
    return {.path = At(path), .name = name};
  }
};

TEST_F(CopyRules, AFile_GetsTheNameOrGoesInto) {
  Shell("mkdir to to/d; ln -s d to/l");
  EXPECT_TRUE(Copy("file", To("to/new")).ok());
  EXPECT_TRUE(Copy("file", To("to/d")).ok());
  EXPECT_TRUE(Copy("file", To("to/l/")).ok());
  EXPECT_EQ(List(), "d/filef dd ll newf ");
  EXPECT_EQ(Copy("file", To("to/none/")).error().code(), Code::kNotFound);
  EXPECT_EQ(Copy("file", To("to/none/x")).error().code(), Code::kNotFound);
  EXPECT_EQ(Copy("file", To("to/new/")).error().os_errno(), ENOTDIR);
  EXPECT_FALSE(Copy("file", To("to/new/x")).ok());
}

TEST_F(CopyRules, AFile_ReplacesWhatALinkLeadsTo) {
  Put("to/old", "old");
  Shell("ln -s old to/link");
  EXPECT_TRUE(Copy("file", To("to/link")).ok());
  EXPECT_EQ(Shell("readlink to/link; cat to/old"), "old\nf");
}

TEST_F(CopyRules, ADirectory_BecomesOrGoesIntoOrGivesItsContents) {
  Shell("mkdir to to/d to/e");
  EXPECT_TRUE(Copy("dir", To("to/new", "dir")).ok());
  EXPECT_TRUE(Copy("dir", To("to/d", "dir")).ok());
  Destination contents = To("to/e", "dir");
  contents.contents = Contents::kYes;
  EXPECT_TRUE(Copy("dir", contents).ok());
  EXPECT_EQ(List(),
            "d/dir/af d/dir/sub/bf d/dir/subd d/dird dd e/af e/sub/bf e/subd ed new/af new/sub/bf "
            "new/subd newd ");
  Put("to/plain", "p");
  auto done = Copy("dir", To("to/plain", "dir"));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Get("to/plain"), "p");
}

TEST_F(CopyRules, FilesAndDirectories_DoNotReplaceEachOther) {
  Shell("mkdir -p to/dir/a to/file; echo x >to/dir/sub");
  EXPECT_FALSE(Copy("dir", To("to", "dir")).ok());
  auto done = Copy("file", To("to"));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().os_errno(), EISDIR);
}

TEST_F(CopyRules, Parents_AreMadeWhereAskedFor) {
  Destination destination = To("to/x/y/new");
  destination.parents = Parents::kMake;
  EXPECT_TRUE(Copy("file", destination).ok());
  destination.path = At("to/z/");
  EXPECT_TRUE(Copy("file", destination).ok());
  EXPECT_EQ(List(), "x/y/newf x/yd xd z/filef zd ");
}

TEST_F(CopyRules, WithoutOverwriting_AConflictChangesNothing) {
  UnpackOptions options;
  options.overwrite = Overwrite::kNo;
  Shell("mkdir -p to/dir/sub; echo old >to/dir/sub/b; mkdir to/dir/other");
  std::string before = List();
  auto done = Copy("dir", To("to", "dir"), options);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(done.error().message(), HasSubstr("dir/sub/b"));
  EXPECT_EQ(List(), before);
  EXPECT_EQ(Get("to/dir/sub/b"), "old\n");
  Shell("rm to/dir/sub/b");
  EXPECT_TRUE(Copy("dir", To("to", "dir"), options).ok());
  EXPECT_EQ(Get("to/dir/sub/b"), "b");
  EXPECT_EQ(Copy("file", To("to/dir/a"), options).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(Shell("ls -A to; ls -A to/dir"), "dir\na\nother\nsub\n");
}

TEST_F(CopyRules, AReadOnlyDirectory_IsFilledBeforeItIsClosed) {
  Shell("chmod 555 dir/sub dir; touch -d '2001-02-03 UTC' dir/sub dir; mkdir to");
  EXPECT_TRUE(Copy("dir", To("to", "dir")).ok());
  EXPECT_EQ(Shell("stat -c '%a %Y' to/dir to/dir/sub; cat to/dir/sub/b"),
            "555 981158400\n555 981158400\nb");
  Shell("chmod -R u+w .");
}

}  // namespace
}  // namespace boxlite::tar
