#include "image/import.h"

#include <string>
#include <utility>
#include <vector>

#include "base/sys.h"
#include "image/blobs.h"
#include "image/limits.h"
#include "image/manifest.h"
#include "image/resolve.h"
#include "json/json.h"

namespace boxlite::image {
namespace {

constexpr size_t kMaxLayoutFile = 64 * kKib;
constexpr size_t kCopyBytes = 256 * kKib;

Error NotALayout(std::string why) {
  return Error(Code::kImage, "the directory is not an OCI image layout: " + std::move(why),
               "name a directory with oci-layout, index.json and blobs, as skopeo or umoci write");
}

Result<void> CheckLayoutVersion(int layout) {
  Result<std::string> text = sys::ReadFileAt(layout, "oci-layout", kMaxLayoutFile);
  if (!text.ok()) return NotALayout(text.error().message());
  Result<json::Value> root = json::Parse(text.value(), kMaxLayoutFile);
  if (!root.ok()) return NotALayout("oci-layout: " + root.error().message());
  Result<std::string> version = root.value().Text("imageLayoutVersion");
  if (!version.ok()) return NotALayout("oci-layout: " + version.error().message());
  if (version.value().substr(0, 2) != "1.")
    return NotALayout("its version is " + version.value().substr(0, 40) + " and not 1");
  return {};
}

std::string Names(const Index& index) {
  std::string names;
  for (const Descriptor& entry : index.manifests)
    names += (names.empty() ? "" : ", ") + (entry.name.empty() ? entry.digest.Text() : entry.name);
  return names;
}

// The entries that `wanted` names: by annotation or digest; all of them where it is empty.
std::vector<Descriptor> Named(const Index& index, const std::string& wanted) {
  std::vector<Descriptor> found;
  for (const Descriptor& entry : index.manifests)
    if (wanted.empty() || entry.name == wanted || entry.digest.Text() == wanted)
      found.push_back(entry);
  return found;
}

Result<Descriptor> Choose(const Index& index, const std::string& wanted,
                          const oci::Platform& platform) {
  std::vector<Descriptor> found = Named(index, wanted);
  if (found.size() == 1) return found[0];
  if (found.empty())
    return Error(Code::kNotFound,
                 wanted.empty() ? std::string("the layout has no images")
                                : "the layout has no image \"" + wanted + "\"",
                 index.manifests.empty() ? std::string() : "it has: " + Names(index));
  // One name may stand for several platforms.
  Index same;
  for (Descriptor& entry : found) {
    if (entry.name != found[0].name)
      return Error(Code::kImage, "the layout has several images", "name one of: " + Names(index));
    same.manifests.push_back(std::move(entry));
  }
  return ChoosePlatform(same, platform);
}

Result<UniqueFd> OpenBlob(int layout, const Descriptor& blob) {
  std::string path = std::string(kBlobFolder) + "/" + blob.digest.hex();
  Result<UniqueFd> file = sys::OpenAt(layout, path, O_RDONLY | O_NONBLOCK);
  if (file.ok()) return file;
  if (file.error().code() != Code::kNotFound) return file;
  return NotALayout("blob " + blob.digest.Text() + " is missing");
}

Result<std::string> ReadSmall(int layout, const Descriptor& blob) {
  UniqueFd file = BOXLITE_TRY(OpenBlob(layout, blob));
  return sys::ReadFile(file.get(), kMaxManifestBytes);
}

Result<void> CopyLayer(int layout, const Descriptor& layer, const Staging& staging,
                       Progress& progress) {
  UniqueFd file = BOXLITE_TRY(OpenBlob(layout, layer));
  StagedBlob staged = BOXLITE_TRY(staging.Create(layer.digest, layer.size));
  Bytes buffer(kCopyBytes);
  for (;;) {
    size_t count = BOXLITE_TRY(sys::Read(file.get(), buffer.data(), buffer.size()));
    if (count == 0) break;
    BOXLITE_TRY(staged.Append({buffer.data(), count}));
    progress.Update([count](proto::ProgressEvent& state) { state.bytes_done += count; });
  }
  Result<void> whole = staged.Commit();
  // Here nothing came over a network: a blob that is too short is a damaged layout.
  if (!whole.ok() && whole.error().code() == Code::kNetwork)
    return whole.TakeError().WithCode(Code::kImage).WithHint("copy the layout again");
  return whole;
}

}  // namespace

Result<proto::ImageClosed> ImportImage(const proto::Import& request, int layout,
                                       const Staging& staging, Progress& progress) {
  oci::Platform platform = WantedPlatform(request.os, request.architecture);
  BOXLITE_TRY(CheckLayoutVersion(layout));
  Result<std::string> text = sys::ReadFileAt(layout, "index.json", kMaxManifestBytes);
  if (!text.ok()) return NotALayout(text.error().message());
  Document document = BOXLITE_TRY(ParseDocument(text.value(), {}));
  if (!std::holds_alternative<Index>(document)) return NotALayout("index.json is not an index");
  Descriptor chosen = BOXLITE_TRY(Choose(std::get<Index>(document), request.reference, platform));

  ReadSmallBlob read = [layout](const Descriptor& blob) { return ReadSmall(layout, blob); };
  std::string first = BOXLITE_TRY(ReadSmall(layout, chosen));
  Sha256 hash;
  hash.Add(AsBytes(first));
  if (hash.FinishDigest() != chosen.digest)
    return Error(Code::kImage, "blob " + chosen.digest.Text() + " of the layout is damaged");
  Resolved image = BOXLITE_TRY(ResolveImage(first, chosen.media_type, platform, read, staging));
  image.answer.reference = request.reference.empty() ? chosen.name : request.reference;
  image.answer.source = "oci layout";
  progress.Update([&image](proto::ProgressEvent& state) {
    state.phase = proto::Phase::kFetch;
    state.layers_total = static_cast<uint32_t>(image.manifest.layers.size());
    for (const Descriptor& layer : image.manifest.layers) state.bytes_total += layer.size;
  });
  for (const Descriptor& layer : image.manifest.layers) {
    if (BOXLITE_TRY(staging.Has(layer.digest, layer.size))) {
      progress.Update([&layer](proto::ProgressEvent& state) { state.bytes_done += layer.size; });
    } else {
      BOXLITE_TRY(CopyLayer(layout, layer, staging, progress));
    }
    progress.Update([](proto::ProgressEvent& state) { ++state.layers_done; });
  }
  return image.answer;
}

}  // namespace boxlite::image
