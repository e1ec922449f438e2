#include "images/disk_file.h"

#include <utility>

#include "base/sys.h"
#include "base/sys_files.h"

namespace boxlite::images {
namespace {

// Somebody may remove the file just when it is there; not for ever.
constexpr int kMaxLooks = 5;

Result<UniqueFd> OpenTarget(const JobSpec& spec) {
  return sys::OpenAt(spec.target_dir, spec.target, O_RDONLY | O_NOFOLLOW);
}

// Every client of the job does this and the first one wins; the file is the same. kNotFound where
// it is removed by now.
Result<UniqueFd> NameTarget(const JobSpec& spec, int out) {
  struct stat info = BOXLITE_TRY(sys::Stat(out));
  if (info.st_size == 0) return Error(Code::kImage, "boxlite-image left " + spec.target + " empty");
  BOXLITE_TRY(sys::Sync(out));
  Result<void> linked = sys::LinkFd(out, spec.target_dir, spec.target);
  bool there = linked.ok() || linked.error().code() == Code::kAlreadyExists;
  if (!there) return linked.TakeError();
  return OpenTarget(spec);
}

}  // namespace

DiskFile::DiskFile(const JobHost& host, JobSpec spec, Job::EventHandler event, Done done)
    : host_(host),
      spec_(std::make_shared<const JobSpec>(std::move(spec))),
      event_(std::move(event)),
      done_(std::move(done)),
      tasks_(host.executor) {
  Look();
}

void DiskFile::Look() {
  ++looks_;
  tasks_.Run([spec = spec_] { return OpenTarget(*spec); },
             [this](Result<UniqueFd> file) { OnOpened(std::move(file)); });
}

void DiskFile::OnOpened(Result<UniqueFd> file) {
  bool missing = !file.ok() && file.error().code() == Code::kNotFound;
  if (!missing) return Finish(std::move(file));
  if (looks_ > kMaxLooks)
    return Finish(Error(Code::kBusy, spec_->target + " is removed whenever it is made"));
  job_ = std::make_unique<Job>(
      host_, spec_, [this](ByteSpan event) { event_(event); },
      [this](Result<JobResult> result) { OnMade(std::move(result)); });
}

void DiskFile::OnMade(Result<JobResult> result) {
  if (!result.ok()) {
    // Made by somebody else, or given up because the fetch of somebody else has.
    Code code = result.error().code();
    bool again = code == Code::kAlreadyExists || code == Code::kStopped;
    return again ? Look() : Finish(result.TakeError());
  }
  auto made = std::make_shared<JobResult>(result.TakeValue());
  tasks_.Run([made, spec = spec_] { return NameTarget(*spec, made->out.get()); },
             [this, made](Result<UniqueFd> file) {
               made->lock.Reset();
               bool gone = !file.ok() && file.error().code() == Code::kNotFound;
               return gone ? Look() : Finish(std::move(file));
             });
}

void DiskFile::Finish(Result<UniqueFd> file) {
  job_.reset();                  // Where it has failed, with its lock: somebody else may try.
  Done done = std::move(done_);  // It may destroy us.
  done(std::move(file));
}

}  // namespace boxlite::images
