#include "tar/place.h"

#include <cerrno>

#include "base/sys.h"
#include "base/sys_files.h"

namespace boxlite::tar {
namespace {

constexpr mode_t kParentMode = 0755;
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY;

// "a/b//" and "a/b/." without their ends; "" where nothing but slashes is there.
std::string Strip(std::string path) {
  for (;;) {
    if (path.ends_with('/')) {
      path.pop_back();
    } else if (path.ends_with("/.")) {
      path.resize(path.size() - 2);
    } else {
      return path;
    }
  }
}

Result<void> MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1))
    BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, path.substr(0, slash), kParentMode));
  return sys::MakeDirAt(AT_FDCWD, path, kParentMode);
}

Error Wrong(const std::string& message, int os_errno) {
  return Error(Code::kInvalidArgument, message).WithErrno(os_errno);
}

std::string ParentOf(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// `path` names nothing yet, or something that is replaced.
Result<Place> Beside(const std::string& path, Parents parents) {
  std::string parent = ParentOf(path);
  if (LastName(path).empty()) return Wrong("destination " + path + " is not a name", EINVAL);
  Result<UniqueFd> directory = OpenDestination(parent, parents);
  if (!directory.ok()) return directory.TakeError();
  return Place{directory.TakeValue(), LastName(path)};
}

Result<Place> Inside(const std::string& path, const Destination& destination, Root root) {
  UniqueFd directory = BOXLITE_TRY(sys::Open(path, kDirectoryFlags));
  bool contents = destination.contents == Contents::kYes && root == Root::kDirectory;
  if (!contents && destination.name.empty())
    return Wrong("the source has no name to have in " + path, EINVAL);
  return Place{std::move(directory), contents ? std::string() : destination.name};
}

}  // namespace

std::string LastName(const std::string& path) {
  std::string stripped = Strip(path);
  std::string name = stripped.substr(stripped.rfind('/') + 1);
  return name == "." || name == ".." ? std::string() : name;
}

Result<UniqueFd> OpenDestination(const std::string& path, Parents parents) {
  if (parents == Parents::kMake) BOXLITE_TRY(MakeDirectories(path));
  auto directory = sys::Open(path, kDirectoryFlags);
  if (!directory.ok() && directory.error().os_errno() == ENOTDIR)
    return Wrong(path + " is not a directory", ENOTDIR);
  if (!directory.ok() && directory.error().code() == Code::kNotFound)
    return Error(Code::kNotFound, "directory " + path + " does not exist", "Make it first.")
        .WithErrno(ENOENT);
  return directory;
}

Result<Place> FindPlace(const Destination& destination, Root root) {
  const std::string& given = destination.path;
  std::string path = Strip(given);
  if (path.empty()) path = "/";
  bool names_directory = path.size() < given.size() && path != "/";
  Result<struct stat> info = sys::StatAt(AT_FDCWD, path);
  if (!info.ok() && info.error().code() != Code::kNotFound) return info.TakeError();
  if (info.ok() && S_ISDIR(info.value().st_mode)) return Inside(path, destination, root);
  if (info.ok()) {
    if (root == Root::kDirectory)
      return Wrong("a directory cannot be copied onto the file " + path, ENOTDIR);
    if (names_directory) return Wrong(path + " is not a directory", ENOTDIR);
    // Behind a symbolic link: what it leads to is replaced, and not the link.
    std::string real = BOXLITE_TRY(sys::RealPath(path));
    return Beside(real, Parents::kMustExist);
  }
  if (names_directory && root == Root::kFile) {
    BOXLITE_TRY(OpenDestination(path, destination.parents));
    return Inside(path, destination, root);
  }
  return Beside(path, destination.parents);
}

}  // namespace boxlite::tar
