#include "images/record.h"

#include <gtest/gtest.h>

#include "proto/messages.h"

namespace boxlite::images {
namespace {

std::string DigestOf(char digit) {
  return "sha256:" + std::string(64, digit);
}

proto::ImageClosed MakeAnswer() {
  proto::ImageClosed image;
  image.reference = "docker.io/library/a:1";
  image.digest = DigestOf('a');
  image.config_digest = DigestOf('b');
  image.config.env = {"A=\xff"};
  image.config.architecture = "amd64";
  image.layers = {{DigestOf('1'), "application/vnd.oci.image.layer.v1.tar", 7, DigestOf('2')}};
  image.source = "https://registry";
  return image;
}

Result<store::ImageRecord> Read(const proto::ImageClosed& image) {
  return ToRecord(image, "docker.io/library/a:1", 5);
}

TEST(ToRecord, OfAGoodAnswer_TakesEverythingOver) {
  store::ImageRecord image = Read(MakeAnswer()).TakeValue();
  EXPECT_EQ(image.reference, "docker.io/library/a:1");
  EXPECT_EQ(image.digest, DigestOf('a'));
  EXPECT_EQ(image.media_type, "application/vnd.oci.image.manifest.v1+json");
  EXPECT_EQ(image.config_digest, DigestOf('b'));
  EXPECT_EQ(image.env, std::vector<std::string>{"A=\xff"});
  EXPECT_EQ(image.size, 7u);
  EXPECT_EQ(image.layers.at(0).diff_id, DigestOf('2'));
  EXPECT_EQ(image.pulled_at_ms, 5);
}

TEST(ToRecord, OfDockerLayers_NamesDockersManifest) {
  proto::ImageClosed answer = MakeAnswer();
  answer.layers[0].media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
  EXPECT_EQ(Read(answer).TakeValue().media_type,
            "application/vnd.docker.distribution.manifest.v2+json");
}

TEST(ToRecord, OfAnAnswerForAnotherImage_IsAnImageError) {
  proto::ImageClosed answer = MakeAnswer();
  answer.reference = "docker.io/library/b:1";
  EXPECT_EQ(Read(answer).error().code(), Code::kImage);
}

TEST(ToRecord, OfDigestsThatAreNone_IsAnImageError) {
  std::string path = "sha256:../../../../../../../../../../../../../../../../../etc/passwd00000";
  for (int which = 0; which < 4; ++which) {
    proto::ImageClosed answer = MakeAnswer();
    std::string* fields[] = {&answer.digest, &answer.config_digest, &answer.layers[0].digest,
                             &answer.layers[0].diff_id};
    *fields[which] = path;
    EXPECT_EQ(Read(answer).error().code(), Code::kImage) << which;
  }
}

TEST(ToRecord, OfAHugeLayer_IsAnImageError) {
  proto::ImageClosed answer = MakeAnswer();
  answer.layers[0].size = ~uint64_t{0};
  EXPECT_EQ(Read(answer).error().code(), Code::kImage);
}

TEST(ToRecord, OfAConfigWithHistory_TakesLabelsAndStepsOver) {
  proto::ImageClosed answer = MakeAnswer();
  answer.config.labels = {"a=b"};
  answer.config.history = {{"2026-01-01T00:00:00Z", "ENV A=1", "why", 1}, {"", "COPY", "", 0}};
  store::ImageRecord image = Read(answer).TakeValue();
  EXPECT_EQ(image.labels, std::vector<std::string>{"a=b"});
  ASSERT_EQ(image.history.size(), 2u);
  EXPECT_EQ(image.history[0].created_by, "ENV A=1");
  EXPECT_EQ(store::LayerOfStep(image, 0), -1);
  EXPECT_EQ(store::LayerOfStep(image, 1), 0);
  EXPECT_EQ(store::LayerOfStep(image, 2), -1);
}

}  // namespace
}  // namespace boxlite::images
