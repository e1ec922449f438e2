#include "guest-agent/file_operations.h"

#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/sys.h"
#include "base/sys_files.h"
#include "guest-agent/record_output.h"
#include "guest-agent/tree_operations.h"
#include "tar/merge.h"
#include "tar/place.h"

namespace boxlite::agent {
namespace {

using proto::FileType;

constexpr mode_t kParentMode = 0755;
constexpr size_t kMaxLink = 4096;

FileType TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileType::kFile;
    case S_IFDIR:
      return FileType::kDirectory;
    case S_IFLNK:
      return FileType::kSymlink;
    case S_IFCHR:
      return FileType::kCharacterDevice;
    case S_IFBLK:
      return FileType::kBlockDevice;
    case S_IFIFO:
      return FileType::kFifo;
    case S_IFSOCK:
      return FileType::kSocket;
    default:
      return FileType::kUnknown;
  }
}

Result<proto::FileInfo> Describe(int directory, const std::string& path, int flags) {
  struct stat stat = BOXLITE_TRY(sys::StatAt(directory, path, flags));
  proto::FileInfo info;
  info.name = tar::LastName(path);
  info.type = TypeOf(stat.st_mode);
  info.mode = stat.st_mode & 07777;
  info.uid = stat.st_uid;
  info.gid = stat.st_gid;
  info.size = static_cast<uint64_t>(stat.st_size);
  info.mtime_ns = int64_t{stat.st_mtim.tv_sec} * 1'000'000'000 + stat.st_mtim.tv_nsec;
  if (info.type != FileType::kSymlink) return info;
  info.link.resize(kMaxLink);
  ssize_t size = ::readlinkat(directory, path.c_str(), info.link.data(), info.link.size());
  info.link.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return info;
}

Result<void> Run(const proto::ListFiles& request) {
  UniqueFd directory = BOXLITE_TRY(sys::Open(request.path, O_RDONLY | O_DIRECTORY));
  auto names = BOXLITE_TRY(sys::ListDir(directory.get()));
  std::sort(names.begin(), names.end());
  RecordOutput out;
  for (const std::string& name : names) {
    auto info = Describe(directory.get(), name, AT_SYMLINK_NOFOLLOW);
    // What was removed meanwhile is left out.
    if (info.ok()) BOXLITE_TRY(out.Add(info.TakeValue()));
  }
  return out.Flush();
}

Result<void> Run(const proto::StatFile& request) {
  bool follow = (request.flags & proto::kStatFollow) != 0;
  auto info = BOXLITE_TRY(Describe(AT_FDCWD, request.path, follow ? 0 : AT_SYMLINK_NOFOLLOW));
  RecordOutput out;
  BOXLITE_TRY(out.Add(std::move(info)));
  return out.Flush();
}

Result<void> Run(const proto::MakeDirectory& request) {
  const std::string& path = request.path;
  mode_t mode = request.mode & 07777;
  bool parents = (request.flags & proto::kMakeParents) != 0;
  for (size_t slash = path.find('/', 1); parents && slash != std::string::npos;
       slash = path.find('/', slash + 1))
    BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, path.substr(0, slash), kParentMode));
  if (::mkdir(path.c_str(), mode) == 0) return {};
  struct stat info {};
  bool there = errno == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  if (parents && there) return {};
  return sys::ErrnoError("make directory " + path, there ? EEXIST : errno);
}

Result<void> Run(const proto::RenameFile& request) {
  bool exclusive = (request.flags & proto::kRenameExclusive) != 0;
  if (::renameat2(AT_FDCWD, request.path.c_str(), AT_FDCWD, request.to.c_str(),
                  exclusive ? RENAME_NOREPLACE : 0) == 0)
    return {};
  std::string what = "rename " + request.path + " to " + request.to;
  if (errno == EXDEV)
    return Error(Code::kUnsupported, what + ": they lie on different file systems",
                 "Copy it there, and remove it here.")
        .WithErrno(EXDEV);
  if (errno == ENOTEMPTY || errno == EEXIST)
    return Error::FromErrno(Code::kAlreadyExists, what, errno);
  return sys::ErrnoError(what);
}

Result<void> Run(const proto::RemoveFile& request) {
  std::string name = tar::LastName(request.path);
  if (name.empty())
    return Error(Code::kInvalidArgument, request.path + " is not the path of a file to remove");
  std::string path = request.path;
  while (path.back() == '/') path.pop_back();
  if ((request.flags & proto::kRemoveRecursive) != 0) {
    UniqueFd parent =
        BOXLITE_TRY(sys::Open(path.substr(0, path.size() - name.size()), O_RDONLY | O_DIRECTORY));
    Result<void> removed = tar::RemoveTree(parent.get(), name);
    return removed.ok() ? std::move(removed) : removed.TakeError().Context(path);
  }
  if (::unlink(path.c_str()) == 0) return {};
  if (errno == EISDIR && ::rmdir(path.c_str()) == 0) return {};
  if (errno == ENOTEMPTY)
    return Error::FromErrno(Code::kInvalidArgument, "remove " + path, ENOTEMPTY)
        .WithHint("Remove it with everything in it, by the recursive option.");
  return sys::ErrnoError("remove " + path);
}

template <typename Request>
Result<std::unique_ptr<Operation>> Start(Loop& loop, Reaper& reaper, Stream stream,
                                         ByteSpan payload, uint32_t window) {
  auto request = BOXLITE_TRY(proto::Decode<Request>(payload));
  BOXLITE_TRY(CheckBoxPath(request.path));
  if constexpr (requires { request.to; }) BOXLITE_TRY(CheckBoxPath(request.to));
  return ForkedOperation::Create(loop, reaper, stream, "work on " + request.path,
                                 {ForkedOperation::Input::kNone, window},
                                 [&] { return Run(request); });
}

}  // namespace

Result<std::unique_ptr<Operation>> StartFileOperation(Loop& loop, Reaper& reaper, Stream stream,
                                                      proto::Op op, ByteSpan payload) {
  auto header = BOXLITE_TRY(proto::Decode<proto::OpenHeader>(payload));
  uint32_t window = header.window;
  switch (op) {
    case proto::Op::kListFiles:
      return Start<proto::ListFiles>(loop, reaper, stream, payload, window);
    case proto::Op::kStatFile:
      return Start<proto::StatFile>(loop, reaper, stream, payload, window);
    case proto::Op::kMakeDirectory:
      return Start<proto::MakeDirectory>(loop, reaper, stream, payload, window);
    case proto::Op::kRenameFile:
      return Start<proto::RenameFile>(loop, reaper, stream, payload, window);
    default:
      return Start<proto::RemoveFile>(loop, reaper, stream, payload, window);
  }
}

}  // namespace boxlite::agent
