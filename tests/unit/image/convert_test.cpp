#include "image/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "base/sys.h"
#include "compress.h"
#include "image/data_writer.h"
#include "image/hash.h"
#include "image/limits.h"
#include "image/staging.h"
#include "tar_builder.h"

namespace boxlite::image {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Sha(const std::string& data) {
  Sha256 hash;
  hash.Add(AsBytes(data));
  return hash.FinishDigest().Text();
}

// What a program prints, standard error included.
std::string Output(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer{};
  for (size_t count; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    text.append(buffer.data(), count);
  int status = ::pclose(pipe);
  if (WEXITSTATUS(status) != 0) text += "\nexit " + std::to_string(WEXITSTATUS(status));
  return text;
}

class ConvertTest : public ::testing::Test {
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
    EXPECT_THAT(report, Not(HasSubstr("exit "))) << report;
    EXPECT_THAT(report, Not(HasSubstr("? no"))) << report;
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
    EXPECT_THAT(Debugfs("dump " + path + " " + root_ + "/dumped"), Not(HasSubstr("not found")));
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

TEST_F(ConvertTest, BlobThatDoesNotMatchItsDigest_IsRefused) {
  proto::Layer layer = Add(TarBuilder().File("a", "a").Take());
  std::ofstream(root_ + "/blobs/" + layer.digest.substr(7), std::ios::app) << "x";
  Result<void> done = Run({layer});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kImage);
  EXPECT_THAT(done.error().message(), HasSubstr("layer 1 of 1"));
}

TEST_F(ConvertTest, WrongDiffId_IsRefused) {
  std::string tar = TarBuilder().File("a", "a").Take();
  Result<void> done = Run({Add(Gzip(tar), "something else")});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kImage);
  EXPECT_THAT(done.error().message(), HasSubstr("configuration says"));
}

TEST_F(ConvertTest, MissingBlob_IsNotFound) {
  proto::Layer layer = Add(TarBuilder().Take());
  std::filesystem::remove(root_ + "/blobs/" + layer.digest.substr(7));
  Result<void> done = Run({layer});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kNotFound);
}

TEST_F(ConvertTest, TruncatedOrDamagedStreams_AreRefused) {
  std::string data(300000, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * i >> 7);
  std::string tar = TarBuilder().File("a", data).Take();
  std::string damaged_gzip = Gzip(tar);
  damaged_gzip[damaged_gzip.size() / 2] ^= 0x55;
  std::vector<std::string> bad = {Gzip(tar).substr(0, 1000),
                                  Zstd(tar).substr(0, 1000),
                                  tar.substr(0, 5000),
                                  damaged_gzip,
                                  Gzip(tar) + "trailing",
                                  "\x1f\x8b",
                                  std::string("\x28\xb5\x2f\xfd", 4)};
  for (const std::string& stored : bad) {
    Result<void> done = Run({Add(stored, tar)});
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Code::kImage) << done.error().message();
  }
}

TEST_F(ConvertTest, ZstdWindowBeyondTheLimit_SaysSo) {
  std::string tar = TarBuilder().File("a", std::string(100000, 'a')).Take();
  Result<void> done = Run({Add(Zstd(tar, kZstdWindowLog + 1), tar)});
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message(), HasSubstr("window larger than 8 MiB"));
}

TEST_F(ConvertTest, StreamThatGrowsOutOfProportion_IsRefused) {
  std::string tar = TarBuilder().File("zeros", std::string(32 * kMib, '\0')).Take();
  Limits limits;
  limits.ratio_free_bytes = 16 * kMib;
  for (const std::string& bomb : {Gzip(tar), Zstd(tar)}) {
    proto::Layer layer = Add(bomb, tar);
    Result<void> done = Run({layer}, limits);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Code::kImage);
    EXPECT_THAT(done.error().message(), HasSubstr("unpacks to more than 200 times its size"));
    EXPECT_THAT(done.error().message(), HasSubstr("layer 1 of 1 (" + layer.digest));
    Build({layer});  // Within the bytes that are free.
  }
}

TEST_F(ConvertTest, ProportionWithinTheLimit_IsFineBeyondTheFreeBytes) {
  std::string noise(kMib, '\0');
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * i * i >> 11);
  std::string tar = TarBuilder().File("some", noise + std::string(4 * kMib, '\0')).Take();
  Limits limits;
  limits.ratio_free_bytes = kMib;
  EXPECT_TRUE(Run({Add(Gzip(tar), tar)}, limits).ok());
  EXPECT_TRUE(Run({Add(Zstd(tar), tar)}, limits).ok());
}

TEST_F(ConvertTest, LayersBeyondTheLimit_AreRefused) {
  std::vector<proto::Layer> layers(kMaxLayers, Add(TarBuilder().File("a", "a").Take()));
  Build(layers);
  layers.push_back(layers.front());
  Result<void> done = Run(layers);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kImage);
  EXPECT_THAT(done.error().message(), HasSubstr("more than 128 layers"));
}

TEST_F(ConvertTest, EntriesBeyondTheLimit_AreRefusedWithTheirLayer) {
  TarBuilder tar;
  for (int i = 0; i < 6; ++i) tar.File("same", "");  // Each counts, also where it is replaced.
  proto::Layer layer = Add(tar.Take());
  Limits limits;
  limits.entries = 12;
  EXPECT_TRUE(Run({layer, layer}, limits).ok());
  limits.entries = 11;
  Result<void> done = Run({layer, layer}, limits);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kImage);
  EXPECT_THAT(done.error().message(), HasSubstr("more than 11 entries"));
  EXPECT_THAT(done.error().message(), HasSubstr("layer 2 of 2"));
}

TEST_F(ConvertTest, BytesBeyondTheLimit_AreRefusedAlsoWhereTheyAreZeros) {
  proto::Layer zeros = Add(TarBuilder().File("zeros", std::string(kMib, '\0')).Take());
  Limits limits;
  limits.unpacked_bytes = 2 * kMib;
  EXPECT_TRUE(Run({zeros, zeros}, limits).ok());
  proto::Layer more = Add(TarBuilder().File("more", "1").Take());
  Result<void> done = Run({zeros, zeros, more}, limits);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kImage);
  EXPECT_THAT(done.error().message(), HasSubstr("larger than 2 MiB together"));
  EXPECT_THAT(done.error().message(), HasSubstr("entry \"more\""));
}

TEST_F(ConvertTest, HostilePaths_StayInside) {
  EXPECT_THAT(Fails(TarBuilder().File("../etc/passwd", "x").Take()).message(),
              HasSubstr("leads out of the image"));
  EXPECT_THAT(Fails(TarBuilder().File("a/../../b", "x").Take()).message(),
              HasSubstr("leads out of the image"));
  EXPECT_THAT(Fails(TarBuilder().HardLink("a", "/etc/passwd").Take()).message(),
              HasSubstr("does not exist"));
  EXPECT_THAT(Fails(TarBuilder().HardLink("a", "../../etc/passwd").Take()).message(),
              HasSubstr("leads out of the image"));
  EXPECT_THAT(Fails(TarBuilder().Dir("d/").HardLink("a", "d").Take()).message(),
              HasSubstr("is a directory"));
  EXPECT_THAT(Fails(TarBuilder().File("f", "x").File("f/g", "y").Take()).message(),
              HasSubstr("is not a directory"));
  EXPECT_THAT(Fails(TarBuilder().Symlink("l", "l").File("l/x", "y").Take()).message(),
              HasSubstr("too many symbolic links"));
  EXPECT_THAT(Fails(TarBuilder().File(".wh...", "").Take()).message(), HasSubstr("whiteout"));
  EXPECT_THAT(Fails(TarBuilder().File(std::string(256, 'n'), "").Take()).message(),
              HasSubstr("longer than 255"));
  Build({Add(TarBuilder().File("/abs", "x").File("a/../b", "y").File("//c//d", "z").Take())});
  EXPECT_EQ(Contents("/abs"), "x");
  EXPECT_EQ(Contents("/b"), "y");
  EXPECT_EQ(Contents("/c/d"), "z");
}

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

TEST_F(ConvertTest, AttributesBeyondTheLimit_AreRefused) {
  TarEntry entry{.name = "f"};
  entry.pax["SCHILY.xattr.user.big"] = std::string(5000, 'v');
  EXPECT_THAT(Fails(TarBuilder().Add(entry).Take()).message(), HasSubstr("extended attributes"));
}

TEST_F(ConvertTest, DamagedAccessControlList_IsRefused) {
  TarEntry entry{.name = "f"};
  entry.pax["SCHILY.xattr.system.posix_acl_access"] = "nonsense";
  EXPECT_EQ(Fails(TarBuilder().Add(entry).Take()).code(), Code::kImage);
}

}  // namespace
}  // namespace boxlite::image
