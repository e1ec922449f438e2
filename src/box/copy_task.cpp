#include "box/copy_task.h"

#include <utility>

#include "base/sys_files.h"
#include "tar/packer.h"
#include "tar/place.h"
#include "tar/reader.h"
#include "tar/unpacker.h"

namespace boxlite::box {
namespace {

constexpr size_t kPiece = 256 * 1024;
constexpr int kPiecesAhead = 2;

bool Has(const CopyRequest& request, uint32_t flag) {
  return (request.options.flags & flag) != 0;
}

// As with cp and docker cp: a path that ends so means what is in the directory.
bool MeansContents(const CopyRequest& request, const std::string& path) {
  return Has(request, kCopyContents) || path == "." || path.ends_with("/.");
}

// Calls `function(task, value)` where the task is still there and not finished.
template <typename Task, typename Function>
auto WhileAlive(Task* task, Function function) {
  std::weak_ptr<FileTask> weak = task->weak_from_this();
  return [weak = std::move(weak), task, function](auto value) {
    auto alive = weak.lock();
    if (alive) function(*task, std::move(value));
  };
}

}  // namespace

Result<void> CheckCopyFlags(uint32_t flags) {
  constexpr uint32_t kAll =
      kCopyNoOverwrite | kCopyFollowLink | kCopyContents | kCopyParents | kCopyOwners;
  if ((flags & ~kAll) == 0) return {};
  return Error(Code::kInvalidArgument, "options.flags has bits that are not known");
}

// ---------------------------------------------------------------- in

struct CopyInTask::Source {
  std::string path;
  tar::PackOptions options;
  std::unique_ptr<tar::Packer> packer;
  uint64_t bytes = 0;
};

struct CopyInTask::Piece {
  Bytes bytes;
  CopyProgress progress;
  bool more = false;
};

CopyInTask::CopyInTask(CopyRequest request, Worker& worker, CompletionPtr<void> completion)
    : FileTask(std::move(completion)), request_(std::move(request)), worker_(worker) {}

CopyInTask::~CopyInTask() = default;

void CopyInTask::OnRunning(LiveBox& box) {
  target_ = &box;
  source_ = std::make_shared<Source>();
  source_->path = request_.host_path;
  source_->options.name = "tree";
  bool follow = Has(request_, kCopyFollowLink);
  source_->options.follow = follow ? tar::Follow::kYes : tar::Follow::kNo;
  Produce();
}

void CopyInTask::Produce() {
  if (producing_ || ended_ || waiting_ >= kPiecesAhead || !source_) return;
  producing_ = true;
  auto work = [source = source_]() -> Result<Piece> {
    if (!source->packer)
      source->packer = BOXLITE_TRY(tar::Packer::Open(source->path, source->options));
    Piece piece;
    piece.more = BOXLITE_TRY(source->packer->Next(piece.bytes, kPiece));
    source->bytes += piece.bytes.size();
    piece.progress = {source->packer->files(), source->bytes};
    return piece;
  };
  worker_.Compute(std::move(work), WhileAlive(this, [](CopyInTask& self, Result<Piece> piece) {
                    self.OnPiece(std::move(piece));
                  }));
}

void CopyInTask::OnPiece(Result<Piece> piece) {
  producing_ = false;
  if (!source_) return;  // It has ended meanwhile.
  if (!piece.ok()) return Finish(piece.TakeError().Context("copy " + request_.host_path));
  // Only now: a host's path that is not there is told before the box hears of anything.
  Result<void> opened = upload_ ? Result<void>() : OpenUpload();
  if (!opened.ok()) return Finish(opened.TakeError());
  ended_ = !piece.value().more;
  ++waiting_;
  auto taken = [this, progress = piece.value().progress](const Result<void>& how) {
    --waiting_;
    if (!how.ok()) return;
    request_.progress->Put(progress);
    Produce();
  };
  upload_->Write(std::move(piece.value().bytes), std::move(taken));
  if (ended_) upload_->End();
  Produce();
}

Result<void> CopyInTask::OpenUpload() {
  if (!target_->connected()) return Error(Code::kStopped, "the box has ended");
  proto::PutTree put;
  put.path = request_.guest_path;
  put.name = tar::LastName(request_.host_path);
  put.user = request_.options.user;
  if (MeansContents(request_, request_.host_path) || put.name.empty())
    put.flags |= proto::kPutContents;
  if (Has(request_, kCopyNoOverwrite)) put.flags |= proto::kPutExclusive;
  if (Has(request_, kCopyParents)) put.flags |= proto::kPutParents;
  if (Has(request_, kCopyOwners)) put.flags |= proto::kPutOwners;
  upload_ = BOXLITE_TRY(client::Upload::Open(target_->connection(), proto::Encode(std::move(put)),
                                             [this](Result<void> how) { OnDone(std::move(how)); }));
  return {};
}

void CopyInTask::OnDone(Result<void> how) {
  if (how.ok() && !ended_) how = Error(Code::kInternal, "the box took less than it was given");
  Finish(std::move(how));
}

void CopyInTask::DropTransfer() {
  upload_.reset();
  source_.reset();
}

// ---------------------------------------------------------------- out

struct CopyOutTask::Target {
  explicit Target(std::unique_ptr<tar::Unpacker> made)
      : unpacker(std::move(made)), reader(*unpacker) {}

  Result<void> Feed(ByteSpan bytes) {
    Result<void> fed = reader.Feed(bytes);
    if (!fed.ok()) unpacker.reset();  // Nothing half stays.
    return fed;
  }
  Result<void> Finish() {
    Result<void> finished = reader.Finish();
    if (finished.ok()) finished = unpacker->Finish();
    unpacker.reset();
    return finished;
  }

  std::unique_ptr<tar::Unpacker> unpacker;
  tar::Reader reader;
  CopyProgress progress;
};

CopyOutTask::CopyOutTask(CopyRequest request, Worker& worker, CompletionPtr<void> completion)
    : FileTask(std::move(completion)), request_(std::move(request)), worker_(worker) {}

CopyOutTask::~CopyOutTask() = default;

void CopyOutTask::OnRunning(LiveBox& box) {
  tar::Destination destination;
  destination.path = request_.host_path;
  destination.name = tar::LastName(request_.guest_path);
  bool contents = MeansContents(request_, request_.guest_path) || destination.name.empty();
  destination.contents = contents ? tar::Contents::kYes : tar::Contents::kNo;
  bool parents = Has(request_, kCopyParents);
  destination.parents = parents ? tar::Parents::kMake : tar::Parents::kMustExist;
  tar::UnpackOptions options;
  bool exclusive = Has(request_, kCopyNoOverwrite);
  options.overwrite = exclusive ? tar::Overwrite::kNo : tar::Overwrite::kYes;
  options.owners = Has(request_, kCopyOwners) ? tar::Owners::kStream : tar::Owners::kOurs;
  options.max_bytes = request_.options.max_bytes;
  target_ =
      std::make_shared<Target>(std::make_unique<tar::Unpacker>(std::move(destination), options));
  proto::GetTree get;
  get.path = request_.guest_path;
  get.name = "tree";
  if (Has(request_, kCopyFollowLink)) get.flags |= proto::kGetFollow;
  auto download = client::Download::Open(
      box.connection(), client::EncodeDownload(std::move(get)),
      [this](ByteSpan data) {
        waiting_.insert(waiting_.end(), data.begin(), data.end());
        Pass();
      },
      [this](Result<void> how) { OnDone(std::move(how)); });
  if (!download.ok()) return Finish(download.TakeError());
  download_ = download.TakeValue();
}

// What has come goes to the worker; when everything has, the last word.
void CopyOutTask::Pass() {
  if (passing_ || !target_ || (waiting_.empty() && !whole_)) return;
  passing_ = true;
  bool last = waiting_.empty();
  auto bytes = std::make_shared<Bytes>(std::exchange(waiting_, {}));
  struct Passed {
    size_t size = 0;
    bool last = false;
    CopyProgress progress;
    Result<void> how;
  };
  auto work = [target = target_, bytes, last] {
    Passed passed;
    passed.size = bytes->size();
    passed.last = last;
    passed.how = last ? target->Finish() : target->Feed(*bytes);
    if (target->unpacker) target->progress = {target->unpacker->files(), target->unpacker->bytes()};
    passed.progress = target->progress;
    return passed;
  };
  worker_.Compute(std::move(work), WhileAlive(this, [](CopyOutTask& self, Passed passed) {
                    self.passing_ = false;
                    if (!self.target_) return;  // It has ended meanwhile.
                    if (passed.how.ok()) self.request_.progress->Put(passed.progress);
                    if (passed.last || !passed.how.ok()) return self.Finish(std::move(passed.how));
                    self.OnPassed(passed.size);
                  }));
}

void CopyOutTask::OnPassed(size_t size) {
  if (download_ && !whole_) download_->Consume(size);
  Pass();
}

void CopyOutTask::OnDone(Result<void> how) {
  if (!how.ok()) return Finish(how.TakeError());
  whole_ = true;
  Pass();
}

// What was made half is removed where the disk may be waited for.
void CopyOutTask::DropTransfer() {
  download_.reset();
  auto target = std::exchange(target_, nullptr);
  if (target) worker_.Run([target] { target->unpacker.reset(); }, [] {});
}

}  // namespace boxlite::box
