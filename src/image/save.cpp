#include "image/save.h"

#include <archive.h>
#include <archive_entry.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sys.h"
#include "image/hash.h"
#include "image/limits.h"
#include "image/manifest.h"
#include "json/json.h"
#include "oci/digest.h"

namespace boxlite::image {
namespace {

constexpr size_t kCopyBytes = 256 * kKib;
constexpr mode_t kFileMode = 0444, kFolderMode = 0755;
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
constexpr const char* kLayoutText = "{\"imageLayoutVersion\":\"1.0.0\"}";

// An image of the archive with what its manifest says.
struct SavedImage {
  proto::SavedImage request;
  Descriptor self;
  Manifest manifest;
};

// A descriptor that may be a pipe, also one that does not block.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}

  Result<void> Write(ByteSpan bytes) {
    while (!bytes.empty()) {
      ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count >= 0) {
        bytes = bytes.subspan(static_cast<size_t>(count));
      } else if (errno == EAGAIN) {
        pollfd writable{fd_, POLLOUT, 0};
        ::poll(&writable, 1, -1);
      } else if (errno != EINTR) {
        return Failed(sys::ErrnoError("write the archive"));
      }
    }
    return {};
  }

 private:
  static Error Failed(Error error) {
    bool closed = error.os_errno() == EPIPE;
    Code code = error.code() == Code::kResourceExhausted ? error.code() : Code::kStorage;
    if (closed) error = std::move(error).WithHint("the reader of the pipe went away");
    return std::move(error).WithCode(code);
  }

  int fd_;
};

// libarchive's writer with our errors.
class TarWriter {
 public:
  explicit TarWriter(Output& output) : output_(output), writer_(archive_write_new()) {}

  Result<void> Open() {
    archive* writer = writer_.get();
    if (writer == nullptr) return Error(Code::kResourceExhausted, "no memory for libarchive");
    bool ready = archive_write_set_format_pax_restricted(writer) == ARCHIVE_OK &&
                 archive_write_set_bytes_in_last_block(writer, 1) == ARCHIVE_OK &&
                 archive_write_open(writer, this, nullptr, &WriteBlock, nullptr) == ARCHIVE_OK;
    return ready ? Result<void>() : Result<void>(WriterError());
  }

  Result<void> AddFolder(const char* name) { return AddEntry(name, AE_IFDIR, kFolderMode, 0); }
  Result<void> BeginFile(const std::string& name, uint64_t size) {
    return AddEntry(name.c_str(), AE_IFREG, kFileMode, size);
  }
  Result<void> Append(ByteSpan bytes) {
    if (archive_write_data(writer_.get(), bytes.data(), bytes.size()) < 0) return WriterError();
    return {};
  }
  Result<void> AddFile(const std::string& name, std::string_view text) {
    BOXLITE_TRY(BeginFile(name, text.size()));
    return Append(AsBytes(text));
  }
  Result<void> Close() {
    if (archive_write_close(writer_.get()) != ARCHIVE_OK) return WriterError();
    return {};
  }

 private:
  struct Free {
    void operator()(archive* writer) const {
      archive_write_fail(writer);  // Nothing is written after an error.
      archive_write_free(writer);
    }
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
  };

  static la_ssize_t WriteBlock(archive* writer, void* self, const void* data,
                               size_t size) noexcept {
    auto* tar = static_cast<TarWriter*>(self);
    Result<void> written = tar->output_.Write({static_cast<const uint8_t*>(data), size});
    if (written.ok()) return static_cast<la_ssize_t>(size);
    tar->output_error_ = written.TakeError();
    archive_set_error(writer, EIO, "output");
    return -1;
  }

  Error WriterError() {
    if (output_error_) return *output_error_;
    const char* text = archive_error_string(writer_.get());
    return Error(Code::kInternal, std::string("libarchive: ") + (text != nullptr ? text : "?"));
  }

  Result<void> AddEntry(const char* name, mode_t type, mode_t mode, uint64_t size) {
    std::unique_ptr<archive_entry, Free> entry(archive_entry_new());
    if (entry == nullptr) return Error(Code::kResourceExhausted, "no memory for libarchive");
    archive_entry_set_pathname(entry.get(), name);
    archive_entry_set_filetype(entry.get(), type);
    archive_entry_set_perm(entry.get(), mode);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    archive_entry_set_mtime(entry.get(), 0, 0);
    if (archive_write_header(writer_.get(), entry.get()) != ARCHIVE_OK) return WriterError();
    return {};
  }

  Output& output_;
  std::optional<Error> output_error_;  // to be told instead of libarchive's
  std::unique_ptr<archive, Free> writer_;
};

std::string PathOf(const oci::Digest& digest) {
  return std::string(kBlobFolder) + "/" + digest.hex();
}

Error Damaged(const oci::Digest& digest) {
  return Error(Code::kImage, "the stored blob " + digest.Text() + " is damaged",
               "remove the image and pull it again");
}

Result<SavedImage> Describe(const proto::SavedImage& request, const BlobSet& blobs) {
  SavedImage image{request, {}, {}};
  image.self.digest = BOXLITE_TRY(oci::Digest::Parse(request.digest));
  image.self.media_type = request.media_type;
  UniqueFd file = BOXLITE_TRY(blobs.Open(image.self.digest));
  std::string text = BOXLITE_TRY(sys::ReadFile(file.get(), kMaxManifestBytes));
  Sha256 hash;
  hash.Add(AsBytes(text));
  if (hash.FinishDigest() != image.self.digest) return Damaged(image.self.digest);
  image.self.size = text.size();
  Document document = BOXLITE_TRY(ParseDocument(text, request.media_type));
  if (!std::holds_alternative<Manifest>(document)) return Damaged(image.self.digest);
  image.manifest = std::get<Manifest>(std::move(document));
  return image;
}

std::vector<Descriptor> BlobsOf(const SavedImage& image) {
  std::vector<Descriptor> blobs = {image.self, image.manifest.config};
  blobs.insert(blobs.end(), image.manifest.layers.begin(), image.manifest.layers.end());
  return blobs;
}

json::Value IndexEntry(const SavedImage& image, const std::string& reference) {
  json::Value entry = json::Value::Object();
  entry.Set("mediaType", json::Value::OfText(image.self.media_type))
      .Set("digest", json::Value::OfText(image.self.digest.Text()))
      .Set("size", json::Value::OfInteger(static_cast<int64_t>(image.self.size)));
  if (reference.empty()) return entry;
  json::Value annotations = json::Value::Object();
  annotations.Set("io.containerd.image.name", json::Value::OfText(reference))
      .Set("org.opencontainers.image.ref.name", json::Value::OfText(reference));
  return entry.Set("annotations", annotations);
}

std::string MakeIndex(const std::vector<SavedImage>& images) {
  json::Value list = json::Value::Array();
  for (const SavedImage& image : images) {
    if (image.request.references.empty()) list.Append(IndexEntry(image, {}));
    for (const std::string& reference : image.request.references)
      list.Append(IndexEntry(image, reference));
  }
  return json::Value::Object()
      .Set("schemaVersion", json::Value::OfInteger(2))
      .Set("mediaType", json::Value::OfText(kIndexType))
      .Set("manifests", list)
      .Dump();
}

// manifest.json, which older versions of docker read alone.
std::string MakeDockerManifest(const std::vector<SavedImage>& images) {
  json::Value list = json::Value::Array();
  for (const SavedImage& image : images) {
    json::Value tags = json::Value::Array(), layers = json::Value::Array();
    for (const std::string& reference : image.request.references)
      tags.Append(json::Value::OfText(reference));
    for (const Descriptor& layer : image.manifest.layers)
      layers.Append(json::Value::OfText(PathOf(layer.digest)));
    json::Value entry = json::Value::Object();
    entry.Set("Config", json::Value::OfText(PathOf(image.manifest.config.digest)))
        .Set("RepoTags", tags)
        .Set("Layers", layers);
    list.Append(entry);
  }
  return list.Dump();
}

Result<void> CopyBlob(const Descriptor& blob, const BlobSet& blobs, TarWriter& tar,
                      Progress& progress) {
  UniqueFd file = BOXLITE_TRY(blobs.Open(blob.digest));
  struct stat info = BOXLITE_TRY(sys::Stat(file.get()));
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) != blob.size)
    return Damaged(blob.digest);
  BOXLITE_TRY(tar.BeginFile(PathOf(blob.digest), blob.size));
  Sha256 hash;
  Bytes buffer(kCopyBytes);
  for (uint64_t at = 0; at < blob.size;) {
    size_t count = BOXLITE_TRY(sys::ReadAt(file.get(), buffer.data(), buffer.size(), at));
    if (count == 0) return Damaged(blob.digest);
    hash.Add({buffer.data(), count});
    BOXLITE_TRY(tar.Append({buffer.data(), count}));
    at += count;
    progress.Update([count](proto::ProgressEvent& state) { state.bytes_done += count; });
  }
  return hash.FinishDigest() == blob.digest ? Result<void>() : Result<void>(Damaged(blob.digest));
}

}  // namespace

Result<void> SaveImages(const proto::Save& request, const BlobSet& blobs, int output,
                        Progress& progress) {
  std::vector<SavedImage> images;
  for (const proto::SavedImage& image : request.images)
    images.push_back(BOXLITE_TRY(Describe(image, blobs)));
  progress.Update([&images](proto::ProgressEvent& state) {
    state = {};
    state.phase = proto::Phase::kSave;
    for (const SavedImage& image : images) {
      state.layers_total += static_cast<uint32_t>(image.manifest.layers.size());
      for (const Descriptor& blob : BlobsOf(image)) state.bytes_total += blob.size;
    }
  });
  Output sink(output);
  TarWriter tar(sink);
  BOXLITE_TRY(tar.Open());
  BOXLITE_TRY(tar.AddFile("oci-layout", kLayoutText));
  BOXLITE_TRY(tar.AddFile("index.json", MakeIndex(images)));
  BOXLITE_TRY(tar.AddFile("manifest.json", MakeDockerManifest(images)));
  BOXLITE_TRY(tar.AddFolder("blobs"));
  BOXLITE_TRY(tar.AddFolder(kBlobFolder));
  std::set<std::string> written;
  for (const SavedImage& image : images) {
    for (const Descriptor& blob : BlobsOf(image))
      if (written.insert(blob.digest.hex()).second)
        BOXLITE_TRY(CopyBlob(blob, blobs, tar, progress));
  }
  return tar.Close();
}

}  // namespace boxlite::image
