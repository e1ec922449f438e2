#include "guest-agent/file_writer.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/bytes.h"
#include "base/sys.h"
#include "guest-agent/users.h"

namespace boxlite::agent {
namespace {

constexpr uint32_t kFileWindow = 4 * 1024 * 1024;
constexpr mode_t kParentMode = 0755;

Result<void> CheckPath(const std::string& path) {
  bool names_a_file = path.size() > 1 && path.front() == '/' && path.back() != '/';
  if (names_a_file && path.find('\0') == std::string::npos) return {};
  return Error(Code::kInvalidArgument,
               "path \"" + path + "\" is not the absolute path of a file in the box");
}

Result<void> MakeParents(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, path.substr(0, slash), kParentMode));
  }
  return {};
}

// /proc, /sys and control groups: their files are knobs, and no other can be made beside them.
bool IsKernelFile(const std::string& path) {
  struct statfs system {};
  if (::statfs(path.c_str(), &system) < 0) return false;
  return system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC ||
         system.f_type == CGROUP2_SUPER_MAGIC;
}

std::string RandomSuffix() {
  uint8_t bytes[8] = {};
  static_cast<void>(sys::FillRandom(bytes, sizeof bytes));
  return ToHex(bytes);
}

}  // namespace

Result<std::unique_ptr<Operation>> FileWriter::Create(Loop& loop, Stream stream, ByteSpan payload) {
  auto request = BOXLITE_TRY(proto::Decode<proto::WriteFile>(payload));
  BOXLITE_TRY(CheckPath(request.path));
  auto writer = std::make_unique<FileWriter>(loop, stream, request.path);
  BOXLITE_TRY(writer->Open(request));
  proto::Accepted accepted;
  accepted.window = kFileWindow;
  stream.Accept(accepted);
  return std::unique_ptr<Operation>(std::move(writer));
}

FileWriter::FileWriter(Loop& loop, Stream stream, std::string path)
    : stream_(stream),
      watch_(loop, [this](uint32_t) { Write(); }),
      path_(std::move(path)),
      window_(kFileWindow) {}

FileWriter::~FileWriter() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> FileWriter::Open(const proto::WriteFile& request) {
  struct stat info {};
  if (::lstat(path_.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return sys::ErrnoError("write " + path_, EISDIR);
    if (!S_ISREG(info.st_mode) || IsKernelFile(path_)) return OpenInPlace(request);
  } else if (errno != ENOENT) {
    return sys::ErrnoError("write " + path_);
  }
  return OpenBeside(request);
}

Result<void> FileWriter::OpenInPlace(const proto::WriteFile& request) {
  int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY;
  file_ = BOXLITE_TRY(sys::Open(path_, flags, request.mode & 07777));
  return {};
}

Result<void> FileWriter::OpenBeside(const proto::WriteFile& request) {
  Identity owner = BOXLITE_TRY(LookUpUser(request.user));
  BOXLITE_TRY(MakeParents(path_));
  std::string name = path_.substr(0, path_.rfind('/') + 1) + ".boxlite-" + RandomSuffix();
  file_ = BOXLITE_TRY(sys::Open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  temporary_ = std::move(name);
  // The owner first: a change of owner clears set-user-ID.
  if (::fchown(file_.get(), owner.uid, owner.gid) < 0) return sys::ErrnoError("own " + path_);
  if (::fchmod(file_.get(), request.mode & 07777) < 0) {
    return sys::ErrnoError("set the mode of " + path_);
  }
  return {};
}

void FileWriter::OnData(ByteSpan bytes) {
  if (finished_) return;
  auto received = window_.Receive(bytes.size());
  if (!received.ok()) return stream_.Broken(received.error());
  if (waiting_.size() == 0) bytes = WriteSome(bytes);
  if (finished_) return;
  waiting_.Append(bytes);
  Write();
}

void FileWriter::OnEnd() {
  ended_ = true;
  if (!finished_) Write();
}

void FileWriter::Write() {
  ByteSpan rest = WriteSome(waiting_.waiting());
  if (finished_) return;
  waiting_.Consume(waiting_.size() - rest.size());
  if (waiting_.size() > 0) {
    auto watched = watch_.Want(file_.get(), EPOLLOUT);
    return watched.ok() ? void() : Finish(watched);
  }
  watch_.Stop();
  if (!ended_) return;
  if (temporary_.empty()) return Finish({});
  Result<void> renamed = sys::RenameAt(AT_FDCWD, temporary_, AT_FDCWD, path_);
  if (renamed.ok()) temporary_.clear();
  Finish(renamed);
}

// Writes until the file takes no more, and returns what is left over.
ByteSpan FileWriter::WriteSome(ByteSpan bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) {
      Finish(sys::ErrnoError("write " + path_));
      break;
    }
    auto size = static_cast<size_t>(count);
    bytes = bytes.subspan(size);
    uint32_t grant = window_.Consume(size);
    if (!ended_) stream_.Credit(grant);
  }
  return bytes;
}

Result<void> FileWriter::OnCredit(proto::Channel, uint32_t) {
  return Error(Code::kInternal, "protocol error: credit for a file that is being written");
}

void FileWriter::OnCancel() {
  if (!finished_) Finish(Error(Code::kCancelled, "writing " + path_ + " was cancelled"));
}

void FileWriter::Finish(const Result<void>& result) {
  finished_ = true;
  watch_.Stop();
  file_.Reset();  // Before anybody knows: a program that is open for writing cannot be executed.
  proto::Closed closed;
  if (!result.ok()) closed.status = proto::ToRecord(result.error());
  stream_.Close(closed);
}

}  // namespace boxlite::agent
