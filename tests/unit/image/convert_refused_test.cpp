// Layers that are damaged, too much, or hostile.
#include "compress.h"
#include "convert_fixture.h"
#include "tar_builder.h"

namespace boxlite::image {
namespace {

using testing::HasSubstr;

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
