#include "images/archive.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "images/platform.h"
#include "images/record.h"
#include "oci/reference.h"
#include "store/in_use.h"

namespace boxlite::images {
namespace {

constexpr const char* kSaveJob = "save-";

// Nobody waits for the directory's end, and a crash leaves it to CollectGarbage.
void RemoveJobDir(const JobHost& host, std::string key) {
  if (key.empty()) return;
  host.executor.Run(
      [home = &host.home, key = std::move(key)] {
        static_cast<void>(store::RemoveTree(home->jobs(), key));
      },
      [] {});
}

Job::EventHandler Forward(ProgressHandler progress) {
  return [progress = std::move(progress)](ByteSpan record) {
    Result<proto::ProgressEvent> event = proto::Decode<proto::ProgressEvent>(record);
    bool known = event.ok() && event.value().type == proto::EventType::kProgress &&
                 event.value().phase != proto::Phase::kDone;
    if (known && progress) progress(event.value());
  };
}

// The image as it is to be saved: under the reference by which it was named, without one where it
// was named by its digest.
void AddSaved(proto::Save& save, const store::ImageRecord& image, const std::string& name) {
  auto same = [&](const proto::SavedImage& saved) { return saved.digest == image.digest; };
  auto at = std::find_if(save.images.begin(), save.images.end(), same);
  if (at == save.images.end()) at = save.images.insert(at, {image.digest, image.media_type, {}});
  Result<oci::Reference> reference = oci::ParseReference(name);
  std::string canonical = reference.ok() ? reference.value().Canonical() : std::string();
  const std::vector<std::string>& known = image.references;
  bool by_reference = std::find(known.begin(), known.end(), canonical) != known.end();
  bool twice =
      std::find(at->references.begin(), at->references.end(), canonical) != at->references.end();
  if (by_reference && !twice) at->references.push_back(canonical);
}

}  // namespace

// ---------------------------------------------------------------- load

LoadArchive::LoadArchive(const JobHost& host, store::Store& store, UniqueFd source,
                         std::string name, ProgressHandler progress, Done<Images> done)
    : host_(host),
      store_(store),
      progress_(std::move(progress)),
      done_(std::move(done)),
      tasks_(host.executor) {
  auto archive =
      std::make_shared<UniqueFd>(std::move(source));  // std::function wants to be copied.
  tasks_.Run([records = &store, archive,
              name = std::move(name)] { return MakePlan(*records, std::move(*archive), name); },
             [this](Result<Plan> plan) { OnPlan(std::move(plan)); });
}

LoadArchive::~LoadArchive() {
  job_.reset();
  RemoveJobDir(host_, std::move(key_));
}

Result<LoadArchive::Plan> LoadArchive::MakePlan(store::Store& store, UniqueFd source,
                                                const std::string& name) {
  proto::Load load;
  load.architecture = kArchitecture;
  load.os = kOs;
  if (!name.empty()) load.name = BOXLITE_TRY(oci::ParseReference(name)).Canonical();
  Plan plan;
  plan.in_use = BOXLITE_TRY(store::UseBlobs(store.home()));
  plan.job.key = std::string(store::kLoadJob) + BOXLITE_TRY(store.NewId());
  plan.job.what = "load an archive";
  plan.job.request = proto::Encode(load);
  plan.job.source = std::move(source);
  return plan;
}

void LoadArchive::OnPlan(Result<Plan> plan) {
  if (!plan.ok()) return Finish(plan.TakeError());
  in_use_ = std::move(plan.value().in_use);
  key_ = plan.value().job.key;
  job_ = std::make_unique<Job>(host_, std::make_shared<const JobSpec>(std::move(plan.value().job)),
                               Forward(progress_),
                               [this](Result<JobResult> result) { OnLoaded(std::move(result)); });
}

Result<LoadArchive::Images> LoadArchive::Commit(store::Store& store, const JobResult& result) {
  auto closed = BOXLITE_TRY(proto::Decode<proto::LoadClosed>(result.record));
  Images images;
  for (const proto::ImageClosed& image : closed.images) {
    Result<oci::Reference> reference = oci::ParseReference(image.reference);
    if (!reference.ok()) return reference.TakeError().WithCode(Code::kImage);
    images.push_back(BOXLITE_TRY(ToRecord(image, reference.value().Canonical(), RealtimeMs())));
  }
  if (images.empty()) return Error(Code::kImage, "the archive has no images");
  for (store::ImageRecord& image : images) {
    BOXLITE_TRY(store.CommitImage(image, result.staging.get()));
    image = BOXLITE_TRY(store.GetImage(image.reference));
  }
  return images;
}

void LoadArchive::OnLoaded(Result<JobResult> result) {
  if (!result.ok()) return Finish(result.TakeError());
  auto loaded = std::make_shared<JobResult>(result.TakeValue());
  tasks_.Run([records = &store_, loaded] { return Commit(*records, *loaded); },
             [this](Result<Images> images) { Finish(std::move(images)); });
}

void LoadArchive::Finish(Result<Images> result) {
  Done<Images> done = std::move(done_);  // It may destroy us.
  done(std::move(result));
}

// ---------------------------------------------------------------- save

SaveArchive::SaveArchive(const JobHost& host, store::Store& store, std::vector<std::string> names,
                         UniqueFd sink, ProgressHandler progress, Done<void> done)
    : host_(host), progress_(std::move(progress)), done_(std::move(done)), tasks_(host.executor) {
  auto output = std::make_shared<UniqueFd>(std::move(sink));  // std::function wants to be copied.
  tasks_.Run([records = &store, output,
              names = std::move(names)] { return MakePlan(*records, names, std::move(*output)); },
             [this](Result<Plan> plan) { OnPlan(std::move(plan)); });
}

SaveArchive::~SaveArchive() {
  job_.reset();
  RemoveJobDir(host_, std::move(key_));
}

Result<SaveArchive::Plan> SaveArchive::MakePlan(store::Store& store,
                                                const std::vector<std::string>& names,
                                                UniqueFd sink) {
  Plan plan;
  proto::Save save;
  for (const std::string& name : names) {
    auto held = BOXLITE_TRY(store::Hold(store.home(), [&] { return store.FindImage(name); }));
    AddSaved(save, held.image, name);
    plan.in_use.push_back(std::move(held.in_use));
  }
  plan.job.key = kSaveJob + BOXLITE_TRY(store.NewId());
  plan.job.what = "save " + names.front() + (names.size() > 1 ? " and others" : "");
  plan.job.request = proto::Encode(save);
  plan.job.output = Output::kSink;
  plan.job.sink = std::move(sink);
  return plan;
}

void SaveArchive::OnPlan(Result<Plan> plan) {
  if (!plan.ok()) return Finish(plan.TakeError());
  in_use_ = std::move(plan.value().in_use);
  key_ = plan.value().job.key;
  job_ = std::make_unique<Job>(host_, std::make_shared<const JobSpec>(std::move(plan.value().job)),
                               Forward(progress_),
                               [this](const Result<JobResult>& result) { OnSaved(result); });
}

void SaveArchive::OnSaved(const Result<JobResult>& result) {
  Finish(result.ok() ? Result<void>() : Result<void>(result.error()));
}

void SaveArchive::Finish(Result<void> result) {
  Done<void> done = std::move(done_);  // It may destroy us.
  done(std::move(result));
}

}  // namespace boxlite::images
