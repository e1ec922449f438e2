#include "image/convert.h"

#include <memory>
#include <string>
#include <utility>

#include "base/sys.h"
#include "image/data_writer.h"
#include "image/ext4_writer.h"
#include "image/hash.h"
#include "image/limits.h"
#include "image/pipeline.h"
#include "image/source.h"
#include "image/tar_layer.h"
#include "image/tree.h"
#include "oci/digest.h"

namespace boxlite::image {
namespace {

// A change of the output's format changes the identity of the images as well.
constexpr std::string_view kFormat = "boxlite ext4 1";

struct VerifiedLayer {
  UniqueFd blob;
  oci::Digest diff_id;
};

Result<VerifiedLayer> Verify(const proto::Layer& layer, const BlobSet& blobs) {
  VerifiedLayer out;
  oci::Digest digest = BOXLITE_TRY(oci::Digest::Parse(layer.digest));
  out.diff_id = BOXLITE_TRY(oci::Digest::Parse(layer.diff_id));
  out.blob = BOXLITE_TRY(blobs.Open(digest));
  oci::Digest found = BOXLITE_TRY(HashFile(out.blob.get()));
  if (found != digest)
    return Error(Code::kImage, "the stored blob has the digest " + found.Text(),
                 "remove the image and pull it again");
  return out;
}

// Counts the compressed bytes on their way into the unpacker.
class CountedSource final : public ByteSource {
 public:
  CountedSource(ByteSource& below, Progress& progress) : below_(below), progress_(progress) {}

  Result<size_t> Read(uint8_t* data, size_t size) override {
    size_t count = BOXLITE_TRY(below_.Read(data, size));
    progress_.Update([count](proto::ProgressEvent& state) { state.bytes_done += count; });
    return count;
  }

 private:
  ByteSource& below_;
  Progress& progress_;
};

class Converter {
 public:
  Converter(int output, Progress& progress)
      : output_(output),
        progress_(progress),
        data_(output, kFirstDataBlock),
        tree_([this](const std::vector<Extent>& extents) { return data_.Release(extents); }) {
    seed_.Add(AsBytes(kFormat));
  }

  Result<void> Add(const VerifiedLayer& layer) {
    std::unique_ptr<ByteSource> file = MakeFileSource(layer.blob.get());
    CountedSource counted(*file, progress_);
    std::unique_ptr<ByteSource> unpacked = BOXLITE_TRY(MakeUnpacker(counted));
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
    if (diff_id != layer.diff_id)
      return Error(Code::kImage, "it unpacks to " + diff_id.Text() +
                                     " and the image's configuration says " + layer.diff_id.Text());
    seed_.Add(AsBytes(diff_id.hex()));
    progress_.Update([](proto::ProgressEvent& state) { ++state.layers_done; });
    return {};
  }

  Result<void> Finish() { return WriteExt4(output_, tree_, data_, seed_.Finish()); }

 private:
  int output_;
  Progress& progress_;
  DataWriter data_;
  Tree tree_;
  Budget budget_;
  Sha256 seed_;
  uint32_t layers_ = 0;
};

std::string NameOf(const proto::Layer& layer, size_t index, size_t count) {
  return "layer " + std::to_string(index + 1) + " of " + std::to_string(count) + " (" +
         layer.digest.substr(0, 71) + ")";
}

}  // namespace

Result<void> Convert(const std::vector<proto::Layer>& layers, const BlobSet& blobs, int output,
                     Progress& progress) {
  if (layers.size() > kMaxLayers)
    return Error(Code::kImage, "the image has more than " + std::to_string(kMaxLayers) + " layers");
  progress.Update([&layers](proto::ProgressEvent& state) {
    state = {};
    state.phase = proto::Phase::kConvert;
    state.layers_total = static_cast<uint32_t>(layers.size());
    for (const proto::Layer& layer : layers) state.bytes_total += layer.size;
  });
  BOXLITE_TRY(sys::Truncate(output, 0));
  Converter converter(output, progress);
  for (size_t i = 0; i < layers.size(); ++i) {
    std::string name = NameOf(layers[i], i, layers.size());
    Result<VerifiedLayer> verified = Verify(layers[i], blobs);
    if (!verified.ok()) return verified.TakeError().Context(name);
    Result<void> added = converter.Add(verified.value());
    if (!added.ok()) return added.TakeError().Context(name);
  }
  return converter.Finish();
}

}  // namespace boxlite::image
