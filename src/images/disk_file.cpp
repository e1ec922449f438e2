#include "images/disk_file.h"

#include <utility>

#include "base/sys.h"
#include "base/sys_files.h"

namespace boxlite::images {
namespace {

Result<UniqueFd> OpenDisk(int dir_fd, const std::string& name) {
  return sys::OpenAt(dir_fd, name, O_RDONLY | O_NOFOLLOW);
}

// Every client of the job does this and the first one wins; the file is the same.
Result<UniqueFd> NameDisk(int out, int dir_fd, const std::string& name) {
  struct stat info = BOXLITE_TRY(sys::Stat(out));
  if (info.st_size == 0) return Error(Code::kImage, "boxlite-image left " + name + " empty");
  BOXLITE_TRY(sys::Sync(out));
  Result<void> linked = sys::LinkFd(out, dir_fd, name);
  if (!linked.ok() && linked.error().code() == Code::kNotFound)
    return Error(Code::kBusy, name + " was removed while it was being made", "try again");
  bool there = linked.ok() || linked.error().code() == Code::kAlreadyExists;
  if (!there) return linked.TakeError();
  return OpenDisk(dir_fd, name);
}

}  // namespace

DiskFile::DiskFile(const JobHost& host, int dir_fd, std::string name, JobSpec spec,
                   Job::EventHandler event, Done done)
    : host_(host),
      dir_fd_(dir_fd),
      name_(std::move(name)),
      spec_(std::move(spec)),
      event_(std::move(event)),
      done_(std::move(done)),
      tasks_(host.executor) {
  tasks_.Run([dir_fd, file = name_] { return OpenDisk(dir_fd, file); },
             [this](Result<UniqueFd> file) { OnOpened(std::move(file)); });
}

void DiskFile::OnOpened(Result<UniqueFd> file) {
  if (file.ok() || file.error().code() != Code::kNotFound) return Finish(std::move(file));
  job_ = std::make_unique<Job>(
      host_, std::move(spec_), [this](ByteSpan event) { event_(event); },
      [this](Result<JobResult> result) { OnMade(std::move(result)); });
}

void DiskFile::OnMade(Result<JobResult> result) {
  if (!result.ok()) return Finish(result.TakeError());
  auto out = std::make_shared<UniqueFd>(std::move(result.value().out));
  tasks_.Run([out, dir_fd = dir_fd_, name = name_] { return NameDisk(out->get(), dir_fd, name); },
             [this](Result<UniqueFd> file) { Finish(std::move(file)); });
}

void DiskFile::Finish(Result<UniqueFd> file) {
  Done done = std::move(done_);  // It may destroy us.
  done(std::move(file));
}

}  // namespace boxlite::images
