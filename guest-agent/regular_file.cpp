#include "guest-agent/regular_file.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/sys.h"

namespace boxlite::agent {

Result<UniqueFd> OpenRegularFile(const std::string& path) {
  UniqueFd file = BOXLITE_TRY(sys::Open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat info = BOXLITE_TRY(sys::Stat(file.get()));
  if (S_ISDIR(info.st_mode)) return sys::ErrnoError("read " + path, EISDIR);
  if (!S_ISREG(info.st_mode)) {
    return Error(Code::kInvalidArgument, path + " is not a regular file").WithErrno(EINVAL);
  }
  return file;
}

Result<std::string> ReadRegularFile(const std::string& path, size_t limit) {
  UniqueFd file = BOXLITE_TRY(OpenRegularFile(path));
  auto text = sys::ReadFile(file.get(), limit);
  if (!text.ok()) return text.TakeError().Context(path);
  return text;
}

}  // namespace boxlite::agent
