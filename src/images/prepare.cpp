#include "images/prepare.h"

#include <utility>

#include "base/clock.h"
#include "base/disk_full.h"
#include "base/sys.h"
#include "images/platform.h"
#include "images/record.h"
#include "oci/digest.h"
#include "oci/reference.h"
#include "store/in_use.h"

namespace boxlite::images {
namespace {

// `made` is the digest of the image whose disk is there, or empty.
JobSpec FetchJob(const Wanted& wanted, const std::string& canonical, const std::string& made) {
  proto::Fetch fetch;
  fetch.reference = wanted.reference;
  fetch.registries = wanted.registries;
  fetch.architecture = kArchitecture;
  fetch.os = kOs;
  fetch.made = made;
  // As written as well: whether a name has a host decides where it is looked for.
  std::vector<std::string> parts = {canonical, wanted.reference};
  parts.insert(parts.end(), wanted.registries.begin(), wanted.registries.end());
  JobSpec spec;
  spec.key = JobKey("fetch", parts);
  spec.what = "pull " + wanted.reference;
  spec.request = proto::Encode(fetch);
  spec.environment = wanted.environment;
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

Result<JobSpec> ConvertJob(const store::ImageRecord& image, int rootfs_fd) {
  oci::Digest digest = BOXLITE_TRY(oci::Digest::Parse(image.digest));
  proto::Convert convert;
  for (const store::LayerRecord& layer : image.layers)
    convert.layers.push_back({layer.digest, layer.media_type, layer.size, layer.diff_id});
  JobSpec spec;
  spec.key = JobKey("convert", {image.digest});
  spec.what = "make the root file system of " + image.reference;
  spec.request = proto::Encode(convert);
  spec.output = Output::kFile;
  spec.target_dir = rootfs_fd;
  spec.target = digest.hex() + ".ext4";
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
  if (!wanted.rootfs_path.empty()) return LookForLayout(store.home(), wanted.rootfs_path);
  return LookForReference(store, wanted);
}

Result<Prepare::Plan> Prepare::LookForDigest(store::Store& store, const std::string& digest) {
  Plan plan;
  plan.in_use = BOXLITE_TRY(store::UseImage(store.home(), digest));
  plan.image = BOXLITE_TRY(store.GetImageByDigest(digest));
  return plan;
}

Result<Prepare::Plan> Prepare::LookForLayout(const store::Home& home, const std::string& path) {
  // Not blocking, as the user may have named a pipe by mistake.
  Result<UniqueFd> source = sys::Open(path, O_RDONLY | O_NONBLOCK);
  Error what = Error(Code::kInvalidArgument, path + " is neither a directory nor a plain file");
  bool usable = source.ok();
  if (usable) {
    struct stat info = BOXLITE_TRY(sys::Stat(source.value().get()));
    usable = S_ISDIR(info.st_mode) || S_ISREG(info.st_mode);
  } else {
    what = source.TakeError();
  }
  if (!usable)
    return std::move(what)
        .Context("rootfs_path")
        .WithHint(
            "name a directory with an OCI image layout (as skopeo copy … oci:DIRECTORY makes it), "
            "an archive of an image, or a tar of a root file system");
  Plan plan;
  plan.in_use = BOXLITE_TRY(store::UseBlobs(home));
  plan.reference = LayoutReference(path);
  plan.job = ImportJob(source.TakeValue(), {}, path);
  return plan;
}

Result<Prepare::Plan> Prepare::LookForReference(store::Store& store, const Wanted& wanted) {
  oci::Reference reference = BOXLITE_TRY(oci::ParseReference(wanted.reference));
  Plan plan;
  plan.reference = reference.Canonical();
  Result<store::HeldImage> held =
      store::Hold(store.home(), [&] { return store.GetImage(plan.reference); });
  if (!held.ok() && held.error().code() != Code::kNotFound) return held.TakeError();
  if (held.ok() && wanted.refresh == Refresh::kIfMissing) {
    plan.image = std::move(held.value().image);
    plan.in_use = std::move(held.value().in_use);
    return plan;
  }
  bool made = held.ok() && held.value().image.disk_bytes > 0;
  plan.job = FetchJob(wanted, plan.reference, made ? held.value().image.digest : std::string());
  plan.in_use = BOXLITE_TRY(store::UseBlobs(store.home()));
  if (wanted.refresh == Refresh::kAlways) return plan;
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
  in_use_ = std::move(plan.value().in_use);
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
      [got, reference = reference_, store = &store_]() -> Result<store::HeldImage> {
        auto closed = BOXLITE_TRY(proto::Decode<proto::ImageClosed>(got->record));
        store::HeldImage held{BOXLITE_TRY(ToRecord(closed, reference, RealtimeMs())), {}};
        held.in_use = BOXLITE_TRY(store::UseImage(store->home(), held.image.digest));
        BOXLITE_TRY(store->CommitImage(held.image, got->staging.get()));
        held.image = BOXLITE_TRY(store->GetImage(reference));
        return held;
      },
      [this](Result<store::HeldImage> held) {
        if (!held.ok()) return Finish(held.TakeError());
        in_use_ = std::move(held.value().in_use);
        OnStored(std::move(held.value().image));
      });
}

void Prepare::OnStored(store::ImageRecord image) {
  job_.reset();
  image_ = std::move(image);
  Result<JobSpec> convert = ConvertJob(image_, store_.home().rootfs());
  if (!convert.ok()) return Finish(convert.TakeError());
  disk_ = std::make_unique<DiskFile>(
      host_, convert.TakeValue(), [this](ByteSpan event) { OnEvent(event); },
      [this](Result<UniqueFd> disk) { OnDisk(std::move(disk)); });
}

void Prepare::OnDisk(Result<UniqueFd> disk) {
  // The conversion that was begun early may have read a damaged layer which was then brought again.
  bool outdated = !disk.ok() && disk.error().code() == Code::kImage;
  if (outdated && std::exchange(early_, nullptr)) return OnStored(std::move(image_));
  if (!disk.ok()) return Finish(disk.TakeError());
  image_.disk_bytes = store::BytesOf(disk.value().get());
  std::weak_ptr<char> alive = alive_;
  proto::ProgressEvent ready;
  ready.phase = proto::Phase::kDone;
  Report(ready);
  if (alive.expired()) return;  // That was cancelled at the last moment.
  Finish(Rootfs{std::move(image_), disk.TakeValue(), std::move(in_use_)});
}

void Prepare::OnEvent(ByteSpan record) {
  Result<proto::EventHeader> header = proto::Decode<proto::EventHeader>(record);
  if (!header.ok()) return;
  if (header.value().type == proto::EventType::kProgress) return OnProgress(record);
  if (header.value().type == proto::EventType::kFound && job_) return OnFound(record);
}

void Prepare::OnFound(ByteSpan record) {
  Result<proto::FoundEvent> found = proto::Decode<proto::FoundEvent>(record);
  Result<store::ImageRecord> image =
      found.ok() ? ToRecord(found.value().image, reference_, RealtimeMs()) : found.TakeError();
  Result<UniqueFd> staging = sys::Duplicate(job_->staging());
  // What is wrong with it the end of the job will say.
  if (image.ok() && staging.ok()) MakeEarly(image.value(), staging.TakeValue());
}

void Prepare::MakeEarly(const store::ImageRecord& image, UniqueFd staging) {
  Result<JobSpec> convert = ConvertJob(image, store_.home().rootfs());
  if (!convert.ok()) return;
  convert.value().source = std::move(staging);
  early_ = std::make_unique<DiskFile>(
      host_, convert.TakeValue(), [](ByteSpan) {}, [](Result<UniqueFd>) {});
}

void Prepare::OnProgress(ByteSpan record) {
  Result<proto::ProgressEvent> event = proto::Decode<proto::ProgressEvent>(record);
  // The end is ours to tell, when everything is.
  bool known = event.ok() && event.value().phase < proto::Phase::kDone;
  if (known) Report(event.value());
}

void Prepare::Report(const proto::ProgressEvent& event) {
  ProgressHandler progress = progress_;  // It may destroy us.
  if (progress) progress(event);
}

void Prepare::Finish(Result<Rootfs> result) {
  if (!result.ok()) result = WithHomeRoomHint(result.TakeError());
  Done<Rootfs> done = std::move(done_);  // It may destroy us.
  done(std::move(result));
}

}  // namespace boxlite::images
