#include "images/images.h"

#include <utility>

#include "images/archive.h"
#include "images/disk_file.h"
#include "images/job.h"
#include "images/prepare.h"
#include "images/task.h"
#include "oci/reference.h"

namespace boxlite::images {
namespace {

JobSpec BlankJob(uint64_t size, proto::Journal journal, int templates_fd) {
  std::string name = "blank-" + std::to_string(size) +
                     (journal == proto::Journal::kYes ? "-journal.ext4" : ".ext4");
  proto::Blank blank;
  blank.size = size;
  blank.journal = journal;
  JobSpec spec;
  spec.key = JobKey("blank", {name});
  spec.what = "make a blank disk of " + std::to_string(size) + " bytes";
  spec.request = proto::Encode(blank);
  spec.output = Output::kFile;
  spec.target_dir = templates_fd;
  spec.target = name;
  return spec;
}

class BlankDiskOperation : public Operation {
 public:
  BlankDiskOperation(const JobHost& host, JobSpec spec, Done<UniqueFd> done)
      : file_(
            host, std::move(spec), [](ByteSpan) {}, std::move(done)) {}

 private:
  DiskFile file_;
};

Result<void> RemoveFrom(store::Store& store, const std::string& reference) {
  if (reference.rfind(kLayoutScheme, 0) == 0) return store.RemoveImage(reference);
  oci::Reference parsed = BOXLITE_TRY(oci::ParseReference(reference));
  return store.RemoveImage(parsed.Canonical());
}

class RemoveOperation : public Operation {
 public:
  RemoveOperation(Executor& executor, store::Store& store, std::string reference, Done<void> done)
      : tasks_(executor) {
    tasks_.Run([records = &store,
                reference = std::move(reference)] { return RemoveFrom(*records, reference); },
               std::move(done));
  }

 private:
  Tasks tasks_;
};

class PruneOperation : public Operation {
 public:
  PruneOperation(Executor& executor, store::Store& store, store::Store::Prune what,
                 Done<store::PruneReport> done)
      : tasks_(executor) {
    tasks_.Run([records = &store, what] { return records->PruneImages(what); }, std::move(done));
  }

 private:
  Tasks tasks_;
};

}  // namespace

std::string LayoutReference(const std::string& rootfs_path) {
  return std::string(kLayoutScheme) + rootfs_path;
}

ImageManager::ImageManager(Parts parts)
    : parts_(std::move(parts)), reaper_(std::make_shared<Reaper>(parts_.loop)) {}

ImageManager::~ImageManager() = default;

JobHost ImageManager::Host() {
  return {parts_.loop, parts_.store.home(), parts_.executor, parts_.log, parts_.program, reaper_};
}

std::unique_ptr<Operation> ImageManager::Prepare(Wanted wanted, ProgressHandler progress,
                                                 Done<Rootfs> done) {
  wanted.environment = parts_.environment;
  return std::make_unique<images::Prepare>(Host(), parts_.store, std::move(wanted),
                                           std::move(progress), std::move(done));
}

std::unique_ptr<Operation> ImageManager::Remove(std::string reference, Done<void> done) {
  return std::make_unique<RemoveOperation>(parts_.executor, parts_.store, std::move(reference),
                                           std::move(done));
}

std::unique_ptr<Operation> ImageManager::Load(UniqueFd source, std::string name,
                                              ProgressHandler progress,
                                              Done<std::vector<store::ImageRecord>> done) {
  return std::make_unique<LoadArchive>(Host(), parts_.store, std::move(source), std::move(name),
                                       std::move(progress), std::move(done));
}

std::unique_ptr<Operation> ImageManager::Save(std::vector<std::string> names, UniqueFd sink,
                                              ProgressHandler progress, Done<void> done) {
  return std::make_unique<SaveArchive>(Host(), parts_.store, std::move(names), std::move(sink),
                                       std::move(progress), std::move(done));
}

std::unique_ptr<Operation> ImageManager::Prune(store::Store::Prune what,
                                               Done<store::PruneReport> done) {
  return std::make_unique<PruneOperation>(parts_.executor, parts_.store, what, std::move(done));
}

std::unique_ptr<Operation> ImageManager::BlankDisk(uint64_t size, proto::Journal journal,
                                                   Done<UniqueFd> done) {
  return std::make_unique<BlankDiskOperation>(
      Host(), BlankJob(size, journal, parts_.store.home().templates()), std::move(done));
}

}  // namespace boxlite::images
