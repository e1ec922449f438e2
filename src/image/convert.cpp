#include "image/convert.h"

#include <memory>
#include <string>
#include <utility>

#include "base/sys.h"
#include "image/counted_source.h"
#include "image/data_writer.h"
#include "image/ext4_writer.h"
#include "image/hash.h"
#include "image/limits.h"
#include "image/pipeline.h"
#include "image/source.h"
#include "image/staging.h"
#include "image/tar_layer.h"
#include "image/tree.h"
#include "image/write_failed.h"
#include "oci/digest.h"

namespace boxlite::image {
namespace {

// A change of the output's format changes the identity of the images as well.
constexpr std::string_view kFormat = "boxlite ext4 1";

// A layer's file goes forward only: from a piece to a blob that is staged, to one in the store. Who
// looks there in this order may be overtaken, but not as often as that.
constexpr int kLooks = 3;

Result<UniqueFd> OpenLayer(const oci::Digest& digest, const LayerPlaces& places) {
  if (places.staging < 0) return BlobSet({places.store}).Open(digest);
  BlobSet both({places.store, places.staging});
  for (int look = 1;; ++look) {
    Result<UniqueFd> blob = both.Open(digest);
    if (blob.ok() || blob.error().code() != Code::kNotFound || look == kLooks) return blob;
    Result<UniqueFd> piece = sys::OpenAt(places.staging, PartName(digest), O_RDONLY | O_NOFOLLOW);
    if (piece.ok()) return piece;
  }
}

// Returns when nobody writes the blob any more.
Result<void> AwaitWhole(const proto::Layer& layer, int blob) {
  BOXLITE_TRY(sys::LockByte(blob, 0, sys::LockKind::kShared, sys::LockWait::kYes));
  BOXLITE_TRY(sys::UnlockByte(blob, 0));
  struct stat info = BOXLITE_TRY(sys::Stat(blob));
  if (static_cast<uint64_t>(info.st_size) < layer.size)
    return Error(Code::kStopped, "it was not fetched to its end", "try again");
  return {};
}

// The layer's diff id, where its blob is what its digest says.
Result<oci::Digest> Verify(const proto::Layer& layer, int blob) {
  oci::Digest digest = BOXLITE_TRY(oci::Digest::Parse(layer.digest));
  oci::Digest diff_id = BOXLITE_TRY(oci::Digest::Parse(layer.diff_id));
  oci::Digest found = BOXLITE_TRY(HashFile(blob));
  if (found != digest)
    return Error(Code::kImage, "the stored blob has the digest " + found.Text(),
                 "remove the image and pull it again");
  return diff_id;
}

class Converter {
 public:
  Converter(int output, Progress& progress, const Limits& limits)
      : output_(output),
        progress_(progress),
        limits_(limits),
        data_(output, kFirstDataBlock),
        tree_([this](const std::vector<Extent>& extents) { return data_.Release(extents); }) {
    seed_.Add(AsBytes(kFormat));
  }

  Result<void> Add(int blob, const oci::Digest& wanted) {
    std::unique_ptr<ByteSource> file = MakeFileSource(blob);
    CountedSource counted(*file, progress_);
    std::unique_ptr<ByteSource> unpacked = BOXLITE_TRY(MakeUnpacker(counted, limits_));
    Pipeline pipeline(*unpacked);
    Sha256 hash;
    NextBytes next = [&pipeline, &hash]() -> Result<ByteSpan> {
      ByteSpan bytes = BOXLITE_TRY(pipeline.Next());
      hash.Add(bytes);
      return bytes;
    };
    tree_.BeginLayer(++layers_);
    BOXLITE_TRY(ApplyLayer(next, tree_, data_, budget_));
    oci::Digest diff_id = hash.FinishDigest();
    if (diff_id != wanted)
      return Error(Code::kImage, "it unpacks to " + diff_id.Text() +
                                     " and the image's configuration says " + wanted.Text());
    seed_.Add(AsBytes(diff_id.hex()));
    progress_.Update([](proto::ProgressEvent& state) { ++state.layers_done; });
    return {};
  }

  Result<void> Finish() { return WriteExt4(output_, tree_, data_, seed_.Finish()); }

 private:
  int output_;
  Progress& progress_;
  Limits limits_;
  DataWriter data_;
  Tree tree_;
  Budget budget_ = {limits_.entries, limits_.unpacked_bytes};
  Sha256 seed_;
  uint32_t layers_ = 0;
};

std::string NameOf(const proto::Layer& layer, size_t index, size_t count) {
  return "layer " + std::to_string(index + 1) + " of " + std::to_string(count) + " (" +
         layer.digest.substr(0, 71) + ")";
}

Result<void> CheckCount(const std::vector<proto::Layer>& layers) {
  if (layers.size() <= kMaxLayers) return {};
  return Error(Code::kImage, "the image has more than " + std::to_string(kMaxLayers) + " layers");
}

}  // namespace

Result<std::vector<UniqueFd>> OpenLayers(const std::vector<proto::Layer>& layers,
                                         const LayerPlaces& places) {
  BOXLITE_TRY(CheckCount(layers));
  std::vector<UniqueFd> opened;
  for (size_t i = 0; i < layers.size(); ++i) {
    Result<oci::Digest> digest = oci::Digest::Parse(layers[i].digest);
    Result<UniqueFd> blob = digest.ok() ? OpenLayer(digest.value(), places) : digest.TakeError();
    if (!blob.ok()) return blob.TakeError().Context(NameOf(layers[i], i, layers.size()));
    opened.push_back(blob.TakeValue());
  }
  return opened;
}

Result<void> Convert(const std::vector<proto::Layer>& layers, const std::vector<UniqueFd>& blobs,
                     int output, Progress& progress, const Limits& limits) {
  BOXLITE_TRY(CheckCount(layers));
  progress.Update([&layers](proto::ProgressEvent& state) {
    state = {};
    state.phase = proto::Phase::kConvert;
    state.layers_total = static_cast<uint32_t>(layers.size());
    for (const proto::Layer& layer : layers) state.bytes_total += layer.size;
  });
  Result<void> emptied = sys::Truncate(output, 0);
  if (!emptied.ok()) return WriteFailed(emptied.TakeError(), "the image file");
  Converter converter(output, progress, limits);
  for (size_t i = 0; i < layers.size(); ++i) {
    std::string name = NameOf(layers[i], i, layers.size());
    Result<void> whole = AwaitWhole(layers[i], blobs[i].get());
    if (!whole.ok()) return whole.TakeError().Context(name);
    Result<oci::Digest> diff_id = Verify(layers[i], blobs[i].get());
    if (!diff_id.ok()) return diff_id.TakeError().Context(name);
    Result<void> added = converter.Add(blobs[i].get(), diff_id.value());
    if (!added.ok()) return added.TakeError().Context(name);
  }
  return converter.Finish();
}

}  // namespace boxlite::image
