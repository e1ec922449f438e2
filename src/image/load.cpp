#include "image/load.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/sys.h"
#include "image/archive.h"
#include "image/counted_source.h"
#include "image/limits.h"
#include "image/manifest.h"
#include "image/pipeline.h"
#include "image/resolve.h"
#include "image/source.h"
#include "json/json.h"
#include "oci/reference.h"

namespace boxlite::image {
namespace {

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* kSource = "archive";
constexpr size_t kMaxTags = 1024;  // of one image

// One image of an archive as its first document, and its names, which may be none.
struct Found {
  std::string document;
  std::string media_type;
  std::vector<std::string> names;
};

Error NotAnArchive(std::string why) {
  return Error(Code::kImage, "it is no archive of images: " + std::move(why),
               "give what docker save, skopeo copy … oci-archive: or boxlite save writes");
}

Result<std::string> ReadDocument(const ArchivedFile& file, const Staging& staging) {
  if (file.size > kMaxManifestBytes)
    return Error(Code::kImage, file.digest.Text() + " is larger than a manifest may be (" +
                                   std::to_string(kMaxManifestBytes / kMib) + " MiB)");
  return staging.Read(file.digest, kMaxManifestBytes);
}

// Empty for what is no name.
std::string CanonicalName(const std::string& text) {
  Result<oci::Reference> reference = oci::ParseReference(text);
  return reference.ok() ? reference.value().Canonical() : std::string();
}

// In a layout a name may be whole or a bare tag ("latest"), which names nothing.
std::string WholeName(const std::string& text) {
  return text.find_first_of("/:") == std::string::npos ? std::string() : CanonicalName(text);
}

void AddName(std::vector<std::string>& names, const std::string& name) {
  bool known = name.empty() || std::find(names.begin(), names.end(), name) != names.end();
  if (!known) names.push_back(name);
}

// ---------------------------------------------------------------- Docker's manifest.json

struct DockerImage {
  std::string config;
  std::vector<std::string> names, layers;
};

Result<std::vector<DockerImage>> ParseDocker(const std::string& text) {
  json::Value root = BOXLITE_TRY(json::Parse(text, kMaxManifestBytes));
  std::vector<DockerImage> images;
  for (const json::Value& value : BOXLITE_TRY(root.Elements(kMaxArchivedImages))) {
    DockerImage& image = images.emplace_back();
    image.config = BOXLITE_TRY(value.Text("Config"));
    image.layers = BOXLITE_TRY(value.Texts("Layers", kMaxLayers));
    for (const std::string& tag : BOXLITE_TRY(value.Texts("RepoTags", kMaxTags)))
      AddName(image.names, CanonicalName(tag));
  }
  return images;
}

Result<std::vector<DockerImage>> ReadDocker(const Archive& archive, const Staging& staging) {
  std::optional<ArchivedFile> file = archive.Find("manifest.json");
  if (!file) return std::vector<DockerImage>();
  std::string text = BOXLITE_TRY(ReadDocument(*file, staging));
  Result<std::vector<DockerImage>> images = ParseDocker(text);
  if (images.ok()) return images;
  return images.TakeError().WithCode(Code::kImage).Context("manifest.json");
}

Result<ArchivedFile> Need(const Archive& archive, const std::string& name) {
  std::optional<ArchivedFile> file = archive.Find(name);
  if (file) return *file;
  return Error(Code::kImage, "manifest.json names " + ShownPath(name) + ", which is not there");
}

// What a blob is compressed with, as the end of its media type.
Result<std::string> Compression(const oci::Digest& digest, const Staging& staging) {
  UniqueFd file = BOXLITE_TRY(staging.Open(digest));
  uint8_t head[4] = {};
  size_t count = BOXLITE_TRY(sys::ReadAt(file.get(), head, sizeof head, 0));
  return std::string(CompressionSuffix({head, count}));
}

json::Value DescriptorOf(const std::string& media_type, const ArchivedFile& file) {
  return json::Value::Object()
      .Set("mediaType", json::Value::OfText(media_type))
      .Set("digest", json::Value::OfText(file.digest.Text()))
      .Set("size", json::Value::OfInteger(static_cast<int64_t>(file.size)));
}

// The manifest that Docker's form does without.
Result<std::string> MakeManifest(const ArchivedFile& config,
                                 const std::vector<ArchivedFile>& layers, const Staging& staging) {
  json::Value list = json::Value::Array();
  for (const ArchivedFile& layer : layers)
    list.Append(DescriptorOf(kLayerType + BOXLITE_TRY(Compression(layer.digest, staging)), layer));
  return json::Value::Object()
      .Set("schemaVersion", json::Value::OfInteger(2))
      .Set("mediaType", json::Value::OfText(kManifestType))
      .Set("config", DescriptorOf(kConfigType, config))
      .Set("layers", list)
      .Dump();
}

Result<std::vector<Found>> FindDockerImages(const std::vector<DockerImage>& images,
                                            const Archive& archive, const Staging& staging) {
  std::vector<Found> found;
  for (const DockerImage& image : images) {
    ArchivedFile config = BOXLITE_TRY(Need(archive, image.config));
    std::vector<ArchivedFile> layers;
    layers.reserve(image.layers.size());
    for (const std::string& layer : image.layers)
      layers.push_back(BOXLITE_TRY(Need(archive, layer)));
    std::string manifest = BOXLITE_TRY(MakeManifest(config, layers, staging));
    found.push_back({std::move(manifest), kManifestType, image.names});
  }
  return found;
}

// ---------------------------------------------------------------- an OCI layout

// Docker's new form has an image's further tags in manifest.json alone.
Result<void> AddDockerNames(Found& image, const std::vector<DockerImage>& docker,
                            const Archive& archive) {
  Document document = BOXLITE_TRY(ParseDocument(image.document, image.media_type));
  if (!std::holds_alternative<Manifest>(document)) return {};
  const oci::Digest& config = std::get<Manifest>(document).config.digest;
  for (const DockerImage& other : docker) {
    std::optional<ArchivedFile> file = archive.Find(other.config);
    if (!file || file->digest != config) continue;
    for (const std::string& name : other.names) AddName(image.names, name);
  }
  return {};
}

Result<std::vector<Found>> FindLayoutImages(const ArchivedFile& index,
                                            const std::vector<DockerImage>& docker,
                                            const Archive& archive, const Staging& staging) {
  std::string text = BOXLITE_TRY(ReadDocument(index, staging));
  Document document = BOXLITE_TRY(ParseDocument(text, {}));
  if (!std::holds_alternative<Index>(document)) return NotAnArchive("index.json is not an index");
  std::map<std::string, Found> found;  // by digest: one image may be there under several names
  for (const Descriptor& entry : std::get<Index>(document).manifests) {
    if (!archive.Has(entry.digest, entry.size))
      return Error(Code::kImage, "blob " + entry.digest.Text() + " is missing in the archive");
    Found& image = found[entry.digest.hex()];
    image.document = BOXLITE_TRY(ReadDocument({entry.digest, entry.size}, staging));
    image.media_type = entry.media_type;
    AddName(image.names, WholeName(entry.full_name));
    if (image.names.empty() || entry.full_name.empty()) AddName(image.names, WholeName(entry.name));
    BOXLITE_TRY(AddDockerNames(image, docker, archive));
  }
  std::vector<Found> images;
  images.reserve(found.size());
  for (auto& [digest, image] : found) images.push_back(std::move(image));
  return images;
}

Result<std::vector<Found>> FindImages(const Archive& archive, const Staging& staging) {
  if (!archive.foreign().empty())
    return NotAnArchive("it has \"" + ShownPath(archive.foreign()) + "\"");
  std::vector<DockerImage> docker = BOXLITE_TRY(ReadDocker(archive, staging));
  std::optional<ArchivedFile> index = archive.Find("index.json");
  std::vector<Found> images;
  if (index && archive.Find("oci-layout")) {
    images = BOXLITE_TRY(FindLayoutImages(*index, docker, archive, staging));
  } else {
    images = BOXLITE_TRY(FindDockerImages(docker, archive, staging));
  }
  if (images.empty()) return NotAnArchive("it names no image");
  return images;
}

// ---------------------------------------------------------------- from a document to an answer

// An uncompressed layer is its own diff id; where a config says something else, the image could
// never be converted.
Result<void> CheckLayers(const proto::ImageClosed& image, const Archive& archive) {
  for (const proto::Layer& layer : image.layers) {
    oci::Digest digest = BOXLITE_TRY(oci::Digest::Parse(layer.digest));
    if (!archive.Has(digest, layer.size))
      return Error(Code::kImage, "layer " + layer.digest + " is missing in the archive");
    if (layer.media_type == kLayerType && layer.digest != layer.diff_id)
      return Error(Code::kImage,
                   "layer " + layer.digest +
                       " is not what the image's configuration says: " + layer.diff_id);
  }
  return {};
}

Result<proto::ImageClosed> Resolve(const Found& image, const oci::Platform& platform,
                                   const Staging& staging) {
  ReadSmallBlob read = [](const Descriptor& blob) -> Result<std::string> {
    return Error(Code::kImage, "blob " + blob.digest.Text() + " is missing in the archive");
  };
  Resolved resolved =
      BOXLITE_TRY(ResolveImage(image.document, image.media_type, platform, read, staging));
  resolved.answer.source = kSource;
  return std::move(resolved.answer);
}

std::set<std::string> BlobsOf(const std::vector<proto::ImageClosed>& images) {
  std::set<std::string> hexes;
  auto add = [&hexes](const std::string& text) {
    Result<oci::Digest> digest = oci::Digest::Parse(text);
    if (digest.ok()) hexes.insert(digest.value().hex());
  };
  for (const proto::ImageClosed& image : images) {
    add(image.digest);
    add(image.config_digest);
    for (const proto::Layer& layer : image.layers) add(layer.digest);
  }
  return hexes;
}

// The bytes of `source` and below, unpacked, with the progress of what is read of it.
class Unpacking {
 public:
  static Result<std::unique_ptr<Unpacking>> Create(std::unique_ptr<ByteSource> file,
                                                   const Limits& limits, Progress& progress) {
    std::unique_ptr<Unpacking> unpacking(new Unpacking(std::move(file), progress));
    unpacking->unpacked_ = BOXLITE_TRY(MakeUnpacker(unpacking->counted_, limits));
    unpacking->pipeline_ = std::make_unique<Pipeline>(*unpacking->unpacked_);
    return unpacking;
  }
  const NextBytes& next() const { return next_; }

 private:
  Unpacking(std::unique_ptr<ByteSource> file, Progress& progress)
      : file_(std::move(file)), counted_(*file_, progress) {}

  std::unique_ptr<ByteSource> file_;
  CountedSource counted_;
  std::unique_ptr<ByteSource> unpacked_;
  std::unique_ptr<Pipeline> pipeline_;
  NextBytes next_ = [this] { return pipeline_->Next(); };
};

void BeginProgress(int source, Progress& progress) {
  Result<struct stat> info = sys::Stat(source);
  bool sized = info.ok() && S_ISREG(info.value().st_mode);
  uint64_t total = sized ? static_cast<uint64_t>(info.value().st_size) : 0;
  progress.Update([total](proto::ProgressEvent& state) {
    state = {};
    state.phase = proto::Phase::kFetch;
    state.bytes_total = total;
  });
}

Result<Archive> ReadArchive(std::unique_ptr<ByteSource> source, const Limits& limits,
                            const Staging& staging, Progress& progress) {
  auto unpacking = BOXLITE_TRY(Unpacking::Create(std::move(source), limits, progress));
  return Archive::Read(unpacking->next(), staging);
}

// ---------------------------------------------------------------- a plain tar

Result<ArchivedFile> SpoolFile(int source, const Staging& staging) {
  std::unique_ptr<ByteSource> file = MakeFileSource(source);
  SpooledBlob blob = BOXLITE_TRY(staging.Spool());
  ArchivedFile spooled;
  Bytes buffer(kChunkBytes);
  while (size_t count = BOXLITE_TRY(file->Read(buffer.data(), buffer.size()))) {
    BOXLITE_TRY(blob.Append({buffer.data(), count}));
    spooled.size += count;
    if (spooled.size > kMaxLayerBytes)
      return Error(Code::kImage,
                   "it is larger than " + std::to_string(kMaxLayerBytes / kGib) + " GiB");
  }
  spooled.digest = BOXLITE_TRY(blob.Commit());
  return spooled;
}

Result<oci::Digest> UnpackedDigest(const ArchiveSource& source, Progress& progress) {
  auto unpacking =
      BOXLITE_TRY(Unpacking::Create(MakeFileSource(source.fd), source.limits, progress));
  Sha256 hash;
  for (;;) {
    ByteSpan bytes = BOXLITE_TRY(unpacking->next()());
    if (bytes.empty()) return hash.FinishDigest();
    hash.Add(bytes);
  }
}

std::string MakeConfig(const oci::Platform& platform, const oci::Digest& diff_id) {
  json::Value diff_ids = json::Value::Array();
  diff_ids.Append(json::Value::OfText(diff_id.Text()));
  json::Value rootfs = json::Value::Object();
  rootfs.Set("type", json::Value::OfText("layers")).Set("diff_ids", diff_ids);
  return json::Value::Object()
      .Set("architecture", json::Value::OfText(platform.architecture))
      .Set("os", json::Value::OfText(platform.os))
      .Set("config", json::Value::Object())
      .Set("rootfs", rootfs)
      .Dump();
}

Result<Found> WrapPlainTar(const ArchiveSource& source, const oci::Platform& platform,
                           const Staging& staging, Progress& progress) {
  ArchivedFile layer = BOXLITE_TRY(SpoolFile(source.fd, staging));
  BeginProgress(source.fd, progress);
  oci::Digest diff_id = BOXLITE_TRY(UnpackedDigest(source, progress));
  std::string text = MakeConfig(platform, diff_id);
  SpooledBlob blob = BOXLITE_TRY(staging.Spool());
  BOXLITE_TRY(blob.Append(AsBytes(text)));
  ArchivedFile config{BOXLITE_TRY(blob.Commit()), text.size()};
  return Found{BOXLITE_TRY(MakeManifest(config, {layer}, staging)), kManifestType, {}};
}

Result<Found> ChooseOne(std::vector<Found> images, const std::string& wanted) {
  std::string names;
  std::vector<Found> chosen;
  for (Found& image : images) {
    for (const std::string& name : image.names) names += (names.empty() ? "" : ", ") + name;
    auto at = std::find(image.names.begin(), image.names.end(), wanted);
    if (wanted.empty() || at != image.names.end()) chosen.push_back(std::move(image));
  }
  if (chosen.size() == 1) return std::move(chosen.front());
  return Error(Code::kImage, "the archive has several images",
               "load it, and make the box from one of: " + names);
}

}  // namespace

Result<proto::LoadClosed> LoadImages(const proto::Load& request, const ArchiveSource& source,
                                     const Staging& staging, Progress& progress) {
  oci::Platform platform = WantedPlatform(request.os, request.architecture);
  BeginProgress(source.fd, progress);
  Archive archive =
      BOXLITE_TRY(ReadArchive(MakeStreamSource(source.fd), source.limits, staging, progress));
  std::vector<Found> images = BOXLITE_TRY(FindImages(archive, staging));
  proto::LoadClosed closed;
  for (Found& image : images) {
    if (image.names.empty() && images.size() == 1) AddName(image.names, request.name);
    if (image.names.empty())
      return Error(Code::kInvalidArgument, "the archive does not name its image",
                   "give a name for it");
    proto::ImageClosed answer = BOXLITE_TRY(Resolve(image, platform, staging));
    BOXLITE_TRY(CheckLayers(answer, archive));
    for (std::string& name : image.names) {
      answer.reference = std::move(name);
      closed.images.push_back(answer);
    }
  }
  BOXLITE_TRY(staging.KeepOnly(BlobsOf(closed.images)));
  return closed;
}

Result<proto::ImageClosed> ImportFile(const proto::Import& request, const ArchiveSource& source,
                                      const Staging& staging, Progress& progress) {
  oci::Platform platform = WantedPlatform(request.os, request.architecture);
  BeginProgress(source.fd, progress);
  Archive archive =
      BOXLITE_TRY(ReadArchive(MakeFileSource(source.fd), source.limits, staging, progress));
  bool plain = !archive.foreign().empty();
  Found image;
  if (plain) {
    image = BOXLITE_TRY(WrapPlainTar(source, platform, staging, progress));
  } else {
    std::vector<Found> images = BOXLITE_TRY(FindImages(archive, staging));
    image = BOXLITE_TRY(ChooseOne(std::move(images), request.reference));
  }
  proto::ImageClosed answer = BOXLITE_TRY(Resolve(image, platform, staging));
  if (!plain) BOXLITE_TRY(CheckLayers(answer, archive));
  answer.reference = request.reference;
  BOXLITE_TRY(staging.KeepOnly(BlobsOf({answer})));
  return answer;
}

}  // namespace boxlite::image
