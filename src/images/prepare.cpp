#include "images/prepare.h"

#include <utility>

#include "base/clock.h"
#include "base/sys.h"
#include "images/record.h"
#include "oci/digest.h"
#include "oci/reference.h"

namespace boxlite::images {
namespace {

constexpr const char* kArchitecture = "amd64";
constexpr const char* kOs = "linux";

JobSpec FetchJob(const Wanted& wanted, const std::string& canonical) {
  proto::Fetch fetch;
  fetch.reference = wanted.reference;
  fetch.registries = wanted.registries;
  fetch.architecture = kArchitecture;
  fetch.os = kOs;
  // As written as well: whether a name has a host decides where it is looked for.
  std::vector<std::string> parts = {canonical, wanted.reference};
  parts.insert(parts.end(), wanted.registries.begin(), wanted.registries.end());
  JobSpec spec;
  spec.key = JobKey("fetch", parts);
  spec.what = "pull " + wanted.reference;
  spec.request = proto::Encode(fetch);
  return spec;
}

JobSpec ImportJob(UniqueFd layout, const std::string& name, const std::string& what) {
  proto::Import import;
  import.reference = name;
  import.architecture = kArchitecture;
  import.os = kOs;
  JobSpec spec;
  spec.key = JobKey("import", {what, name});
  spec.what = "import " + what;
  spec.request = proto::Encode(import);
  spec.source = std::move(layout);
  return spec;
}

JobSpec ConvertJob(const store::ImageRecord& image, int rootfs_fd, const std::string& hex) {
  proto::Convert convert;
  for (const store::LayerRecord& layer : image.layers)
    convert.layers.push_back({layer.digest, layer.media_type, layer.size, layer.diff_id});
  JobSpec spec;
  spec.key = JobKey("convert", {image.digest});
  spec.what = "make the root file system of " + image.reference;
  spec.request = proto::Encode(convert);
  spec.output = Output::kFile;
  spec.target_dir = rootfs_fd;
  spec.target = hex + ".ext4";
  return spec;
}

}  // namespace

Prepare::Prepare(const JobHost& host, store::Store& store, Wanted wanted, ProgressHandler progress,
                 Done<Rootfs> done)
    : host_(host),
      store_(store),
      progress_(std::move(progress)),
      done_(std::move(done)),
      tasks_(host.executor) {
  tasks_.Run([records = &store, wanted = std::move(wanted)] { return Look(*records, wanted); },
             [this](Result<Plan> plan) { OnPlan(std::move(plan)); });
}

Result<Prepare::Plan> Prepare::Look(store::Store& store, const Wanted& wanted) {
  if (!wanted.digest.empty()) return LookForDigest(store, wanted.digest);
  if (!wanted.rootfs_path.empty()) return LookForLayout(wanted.rootfs_path);
  return LookForReference(store, wanted);
}

Result<Prepare::Plan> Prepare::LookForDigest(store::Store& store, const std::string& digest) {
  Plan plan;
  plan.image = BOXLITE_TRY(store.GetImageByDigest(digest));
  return plan;
}

Result<Prepare::Plan> Prepare::LookForLayout(const std::string& path) {
  Result<UniqueFd> layout = sys::Open(path, O_RDONLY | O_DIRECTORY);
  if (!layout.ok()) {
    return layout.TakeError()
        .Context("rootfs_path")
        .WithHint(
            "name a directory with an OCI image layout (as skopeo copy … oci:DIRECTORY makes it)");
  }
  Plan plan;
  plan.reference = LayoutReference(path);
  plan.job = ImportJob(layout.TakeValue(), {}, path);
  return plan;
}

Result<Prepare::Plan> Prepare::LookForReference(store::Store& store, const Wanted& wanted) {
  oci::Reference reference = BOXLITE_TRY(oci::ParseReference(wanted.reference));
  Plan plan;
  plan.reference = reference.Canonical();
  plan.job = FetchJob(wanted, plan.reference);
  if (wanted.refresh == Refresh::kAlways) return plan;
  Result<store::ImageRecord> image = store.GetImage(plan.reference);
  if (image.ok()) {
    plan.image = image.TakeValue();
    return plan;
  }
  if (image.error().code() != Code::kNotFound) return image.TakeError();
  // Perhaps another program has put it into our own layout.
  if (BOXLITE_TRY(store.LayoutNames(plan.reference))) {
    UniqueFd layout = BOXLITE_TRY(sys::Duplicate(store.home().images()));
    plan.job = ImportJob(std::move(layout), plan.reference, plan.reference);
  }
  return plan;
}

void Prepare::OnPlan(Result<Plan> plan) {
  if (!plan.ok()) return Finish(plan.TakeError());
  reference_ = plan.value().reference;
  if (plan.value().image) return OnStored(std::move(*plan.value().image));
  job_ = std::make_unique<Job>(
      host_, std::make_shared<const JobSpec>(std::move(plan.value().job)),
      [this](ByteSpan event) { OnEvent(event); },
      [this](Result<JobResult> result) { OnGot(std::move(result)); });
}

void Prepare::OnGot(Result<JobResult> result) {
  if (!result.ok()) return Finish(result.TakeError());
  auto got = std::make_shared<JobResult>(result.TakeValue());
  tasks_.Run(
      [got, reference = reference_, store = &store_]() -> Result<store::ImageRecord> {
        store::ImageRecord image = BOXLITE_TRY(ToRecord(got->record, reference, RealtimeMs()));
        BOXLITE_TRY(store->CommitImage(image, got->staging.get()));
        return image;
      },
      [this](Result<store::ImageRecord> image) { OnStored(std::move(image)); });
}

void Prepare::OnStored(Result<store::ImageRecord> image) {
  if (!image.ok()) return Finish(image.TakeError());
  job_.reset();
  image_ = image.TakeValue();
  Result<oci::Digest> digest = oci::Digest::Parse(image_.digest);
  if (!digest.ok()) return Finish(digest.TakeError());
  disk_ = std::make_unique<DiskFile>(
      host_, ConvertJob(image_, store_.home().rootfs(), digest.value().hex()),
      [this](ByteSpan event) { OnEvent(event); },
      [this](Result<UniqueFd> disk) { OnDisk(std::move(disk)); });
}

void Prepare::OnDisk(Result<UniqueFd> disk) {
  if (!disk.ok()) return Finish(disk.TakeError());
  std::weak_ptr<char> alive = alive_;
  proto::ProgressEvent ready;
  ready.phase = proto::Phase::kDone;
  Report(ready);
  if (alive.expired()) return;  // That was cancelled at the last moment.
  Finish(Rootfs{std::move(image_), disk.TakeValue()});
}

void Prepare::OnEvent(ByteSpan record) {
  Result<proto::ProgressEvent> event = proto::Decode<proto::ProgressEvent>(record);
  // The end is ours to tell, when everything is.
  bool known = event.ok() && event.value().type == proto::EventType::kProgress &&
               event.value().phase < proto::Phase::kDone;
  if (known) Report(event.value());
}

void Prepare::Report(const proto::ProgressEvent& event) {
  ProgressHandler progress = progress_;  // It may destroy us.
  if (progress) progress(event);
}

void Prepare::Finish(Result<Rootfs> result) {
  Done<Rootfs> done = std::move(done_);  // It may destroy us.
  done(std::move(result));
}

}  // namespace boxlite::images
