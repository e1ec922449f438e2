// What layers become: every kind of entry, and one layer upon another.
#include "compress.h"
#include "convert_fixture.h"
#include "image/data_writer.h"
#include "tar_builder.h"

namespace boxlite::image {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(ConvertTest, EveryKindOfEntry_IsKept) {
  TarEntry attributed{.name = "usr/bin/ping", .data = "elf", .mode = 0755, .uid = 1000, .gid = 50};
  attributed.pax["SCHILY.xattr.security.capability"] =
      std::string("\1\0\0\2\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  attributed.pax["SCHILY.xattr.user.note"] = "hello";
  attributed.pax["SCHILY.xattr.trusted.overlay.opaque"] = "y";
  std::string tar = TarBuilder()
                        .Dir("./")
                        .Dir("usr/", 0755)
                        .Dir("usr/bin/", 02755)
                        .Add(attributed)
                        .Add({.name = "usr/bin/su", .data = "x", .mode = 04755})
                        .Symlink("short", "usr/bin")
                        .Symlink("long", std::string(200, 'a') + "/b")
                        .HardLink("again", "usr/bin/ping")
                        .Add({.name = "pipe", .type = '6'})
                        .Add({.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3})
                        .Add({.name = "disk", .type = '4', .major = 300, .minor = 70000})
                        .Add({.name = "hidden", .type = '3'})
                        .File("empty", "")
                        .Take();
  Build({Add(tar)});
  std::string ping = Debugfs("stat /usr/bin/ping");
  EXPECT_THAT(ping, HasSubstr("Mode:  0755"));
  EXPECT_THAT(ping, HasSubstr("User:  1000   Group:    50"));
  EXPECT_THAT(ping, HasSubstr("Links: 2"));
  EXPECT_THAT(Debugfs("ea_list /usr/bin/ping"), HasSubstr("security.capability (20)"));
  EXPECT_THAT(Debugfs("ea_get /usr/bin/ping user.note"), HasSubstr("hello"));
  EXPECT_THAT(Debugfs("ea_list /usr/bin/ping"), Not(HasSubstr("overlay")));
  EXPECT_THAT(Debugfs("stat /usr/bin/su"), HasSubstr("Mode:  04755"));
  EXPECT_THAT(Debugfs("stat /usr/bin"), HasSubstr("Mode:  02755"));
  EXPECT_THAT(Debugfs("stat /short"), HasSubstr("Fast link dest: \"usr/bin\""));
  EXPECT_EQ(Contents("/long"), std::string(200, 'a') + "/b");
  EXPECT_EQ(Contents("/again"), "elf");
  EXPECT_THAT(Debugfs("stat /pipe"), HasSubstr("Type: FIFO"));
  EXPECT_THAT(Debugfs("stat /null"), HasSubstr("01:03"));
  EXPECT_THAT(Debugfs("stat /disk"), HasSubstr("300:70000"));
  EXPECT_FALSE(Exists("/hidden"));
  EXPECT_TRUE(Exists("/empty"));
}

TEST_F(ConvertTest, AttributesLargerThanTheInode_GoIntoABlock) {
  TarEntry entry{.name = "f", .data = "x"};
  for (int i = 0; i < 20; ++i)
    entry.pax["SCHILY.xattr.user.name" + std::to_string(i)] = std::string(100, 'v');
  Build({Add(TarBuilder().Add(entry).Take())});
  EXPECT_THAT(Debugfs("ea_list /f"), HasSubstr("user.name19 (100)"));
}

TEST_F(ConvertTest, Whiteouts_HideLowerLayersOnly) {
  std::string lower = TarBuilder()
                          .Dir("a/")
                          .File("a/one", "1")
                          .File("a/two", "2")
                          .Dir("b/")
                          .Dir("b/deep/")
                          .File("b/old", "old")
                          .File("b/deep/old", "old")
                          .File("c", "c")
                          .Take();
  std::string upper = TarBuilder()
                          .File("a/.wh.one", "")
                          .File("b/new", "new")
                          .File("b/deep/new", "new")
                          .File("b/.wh..wh..opq", "")
                          .File(".wh.missing", "")
                          .File("nowhere/.wh.x", "")
                          .File(".wh..wh.plnk", "")
                          .File("d", "d")
                          .File(".wh.d", "")
                          .Take();
  Build({Add(lower), Add(upper)});
  EXPECT_FALSE(Exists("/a/one"));
  EXPECT_EQ(Contents("/a/two"), "2");
  EXPECT_FALSE(Exists("/b/old"));
  EXPECT_FALSE(Exists("/b/deep/old"));
  EXPECT_EQ(Contents("/b/new"), "new");
  EXPECT_EQ(Contents("/b/deep/new"), "new");
  EXPECT_FALSE(Exists("/nowhere"));
  EXPECT_EQ(Contents("/d"), "d");
  EXPECT_THAT(Debugfs("ls /"), Not(HasSubstr(".wh.")));
}

TEST_F(ConvertTest, LaterEntries_ReplaceEarlierOnes) {
  std::string big(3 * kMib, 'x');
  std::string lower = TarBuilder()
                          .File("file", big)
                          .Dir("dir/")
                          .File("dir/kept", "k")
                          .File("tree/leaf", "l")
                          .Take();
  std::string upper = TarBuilder()
                          .File("file", "small")
                          .Dir("dir/", 0700)
                          .File("tree", "a file now")
                          .File("twice", "1")
                          .File("twice", "2")
                          .Take();
  Build({Add(lower), Add(upper)});
  EXPECT_EQ(Contents("/file"), "small");
  EXPECT_EQ(Contents("/dir/kept"), "k");
  EXPECT_THAT(Debugfs("stat /dir"), HasSubstr("Mode:  0700"));
  EXPECT_EQ(Contents("/tree"), "a file now");
  EXPECT_EQ(Contents("/twice"), "2");
  struct stat info = sys::StatAt(AT_FDCWD, image_).TakeValue();
  EXPECT_LT(info.st_blocks * 512, 1 << 20) << "what was replaced still takes room";
}

TEST_F(ConvertTest, HardLinksAcrossLayers_NameTheSameFile) {
  Build({Add(TarBuilder().File("a", "content").Take()),
         Add(TarBuilder().HardLink("b", "a").HardLink("sub/c", "./b").Take()),
         Add(TarBuilder().File(".wh.a", "").Take())});
  EXPECT_FALSE(Exists("/a"));
  EXPECT_EQ(Contents("/b"), "content");
  EXPECT_THAT(Debugfs("stat /sub/c"), HasSubstr("Links: 2"));
}

TEST_F(ConvertTest, ParentThatIsASymlink_IsFollowedInsideTheImage) {
  Build({Add(TarBuilder()
                 .Dir("usr/lib/")
                 .Symlink("lib", "usr/lib")
                 .Symlink("abs", "/usr/new")
                 .Take()),
         Add(TarBuilder()
                 .File("lib/x.so", "x")
                 .File("abs/y", "y")
                 .Symlink("up", "../../../..")
                 .Take()),
         Add(TarBuilder().File("up/etc/z", "z").Take())});
  EXPECT_EQ(Contents("/usr/lib/x.so"), "x");
  EXPECT_EQ(Contents("/usr/new/y"), "y");
  EXPECT_EQ(Contents("/etc/z"), "z");
  EXPECT_THAT(Debugfs("stat /lib"), HasSubstr("Type: symlink"));
}

TEST_F(ConvertTest, LongNamesAndForeignBytes_AreKept) {
  std::string name(255, 'n');
  std::string deep;
  for (int i = 0; i < 15; ++i) deep += std::string(250, static_cast<char>('a' + i)) + "/";
  Build({Add(TarBuilder()
                 .File(name, "long")
                 .File(deep + "leaf", "deep")
                 .File("caf\xc3\xa9", "utf8")
                 .File("raw\xff\xfe", "raw")
                 .Add({.name = "paxed", .data = "pax", .pax = {{"path", "pax\xff\xc3\xa9"}}})
                 .Take())});
  EXPECT_EQ(Contents("/" + name), "long");
  EXPECT_EQ(Contents("/" + deep + "leaf"), "deep");
  EXPECT_EQ(Contents("/caf\xc3\xa9"), "utf8");
  EXPECT_EQ(Contents("/raw\xff\xfe"), "raw");
  EXPECT_EQ(Contents("/pax\xff\xc3\xa9"), "pax");
}

TEST_F(ConvertTest, SparseFile_KeepsItsHoles) {
  // A map of three numbers: one region of 5 bytes at 10 MiB, in a file of 20 MiB.
  std::string map = "1\n10485760\n5\n";
  map.resize(512);
  TarEntry sparse{.name = "GNUSparseFile.0/s", .data = map + "hello"};
  sparse.pax = {{"GNU.sparse.major", "1"},
                {"GNU.sparse.minor", "0"},
                {"GNU.sparse.name", "sparse"},
                {"GNU.sparse.realsize", "20971520"}};
  std::string zeros(8 * kMib, '\0');
  Build({Add(TarBuilder().Add(sparse).File("zeros", zeros + "end").Take())});
  std::string contents = Contents("/sparse");
  ASSERT_EQ(contents.size(), 20u * kMib);
  EXPECT_EQ(contents.substr(10 * kMib, 5), "hello");
  EXPECT_EQ(contents.find_first_not_of('\0'), 10u * kMib);
  EXPECT_EQ(Contents("/zeros"), zeros + "end");
  struct stat info = sys::StatAt(AT_FDCWD, image_).TakeValue();
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
}

TEST_F(ConvertTest, FileInManyPieces_HasAnExtentTree) {
  std::string piece(kBlockSize, 'p');
  std::string hole(kMinHoleBlocks * kBlockSize, '\0');
  std::string contents;
  for (int i = 0; i < 400; ++i) contents += piece + hole;
  Build({Add(TarBuilder().File("pieces", contents).Take())});
  EXPECT_EQ(Contents("/pieces"), contents);
  EXPECT_THAT(Debugfs("ex /pieces"), HasSubstr(" 60/ 60 "));
}

class LargeDirectoryTest : public ConvertTest, public ::testing::WithParamInterface<int> {};

// 100: a list. 10 000: leaves below the root. 40 000 with long names: two levels.
TEST_P(LargeDirectoryTest, IsWholeAndIndexed) {
  TarBuilder tar;
  std::string padding(GetParam() > 20000 ? 60 : 0, '-');
  for (int i = 0; i < GetParam(); ++i) tar.File("d/file" + std::to_string(i) + padding, "");
  Build({Add(tar.Take())});
  EXPECT_EQ(Output("debugfs -R 'ls -p /d' " + image_ + " 2>/dev/null | grep -c /file"),
            std::to_string(GetParam()) + "\n");
  EXPECT_TRUE(Exists("/d/file99" + padding));
}

INSTANTIATE_TEST_SUITE_P(Sizes, LargeDirectoryTest, ::testing::Values(100, 10000, 40000));

TEST_F(ConvertTest, IndexOfTwoLevels_IsOneForTheTools) {
  TarBuilder tar;
  for (int i = 0; i < 40000; ++i) tar.File("d/" + std::string(60, '-') + std::to_string(i), "");
  Build({Add(tar.Take())});
  EXPECT_THAT(Output("debugfs -R 'htree_dump /d' " + image_ + " | head -20"),
              HasSubstr("Indirect levels: 1"));
}

TEST_F(ConvertTest, DeepNesting_IsRefusedBeyondTheLimitAndFineBelow) {
  std::string path;
  for (size_t i = 0; i < 1000; ++i) path += "d/";
  Build({Add(TarBuilder().File(path + "leaf", "x").Take())});
  // Each directory lies a thousand deeper than the one before, by way of a symbolic link to that.
  TarBuilder tar;
  tar.Dir(path).Symlink("first", path).Dir("first/" + path);
  tar.Symlink("second", "first/" + path).Dir("second/" + path);
  EXPECT_THAT(Fails(tar.Take()).message(), HasSubstr("nested deeper"));
}

TEST_F(ConvertTest, SameLayers_SameBytes) {
  proto::Layer layer = Add(TarBuilder().File("a", std::string(100000, 'a')).Dir("b/").Take());
  Build({layer});
  std::string first = Image();
  std::filesystem::remove(image_);
  Build({layer});
  EXPECT_EQ(first, Image());
}

TEST_F(ConvertTest, Compressions_GiveTheSameImage) {
  std::string tar = TarBuilder().File("a", std::string(300000, 'a')).Take();
  Build({Add(tar)});
  std::string plain = Image();
  Build({Add(Gzip(tar), tar)});
  EXPECT_EQ(plain, Image());
  Build({Add(Gzip(tar.substr(0, 5000)) + Gzip(tar.substr(5000)), tar)});
  EXPECT_EQ(plain, Image());
  Build({Add(Zstd(tar), tar)});
  EXPECT_EQ(plain, Image());
}

TEST_F(ConvertTest, NoLayers_IsAnEmptyRoot) {
  Build({});
  EXPECT_TRUE(Exists("/"));
}

}  // namespace
}  // namespace boxlite::image
