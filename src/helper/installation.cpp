#include "helper/installation.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "base/sys.h"
#include "base/sys_files.h"

namespace boxlite::helper {
namespace {

constexpr const char* kHint =
    "Install boxlite as a whole, or set BOXLITE_RUNTIME_DIR to the prefix that holds "
    "libexec/boxlite and share/boxlite.";

Error Missing(const std::string& path, const Error& cause) {
  return Error(Code::kConfig,
               "a part of boxlite is missing: " + cause.message() +
                   (cause.message().find(path) == std::string::npos ? path : ""),
               kHint)
      .WithErrno(cause.os_errno());
}

std::string Parent(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The file that this code was loaded from, without symlinks: a package may link to the library from
// somewhere else.
std::optional<std::string> OwnFile() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&Parent), &info) == 0 || info.dli_fname == nullptr)
    return std::nullopt;
  auto resolved = sys::RealPath(info.dli_fname);
  if (!resolved.ok()) return std::nullopt;
  return resolved.TakeValue();
}

Result<std::string> FindProgram(const std::string& path) {
  if (::access(path.c_str(), X_OK) != 0) return Missing(path, sys::ErrnoError("execute " + path));
  return path;
}

Result<UniqueFd> OpenPart(const std::string& path) {
  Result<UniqueFd> fd = sys::Open(path, O_RDONLY);
  if (!fd.ok()) return Missing(path, fd.error());
  return fd;
}

}  // namespace

Installation Installation::Locate() {
  const char* named = ::secure_getenv("BOXLITE_RUNTIME_DIR");
  if (named != nullptr && *named != '\0') return Installation(named);
  std::string directory = Parent(OwnFile().value_or("/usr/lib/libboxlite.so"));
  // lib/ or lib/x86_64-linux-gnu/: the prefix is one or two steps up.
  for (std::string prefix = Parent(directory), last; prefix != last;
       last = prefix, prefix = Parent(prefix)) {
    if (::access((prefix + "/libexec/boxlite").c_str(), F_OK) == 0) return Installation(prefix);
    if (prefix == Parent(Parent(directory))) break;
  }
  return Installation(Parent(directory));
}

Result<UniqueFd> Installation::OpenKernel() const {
  return OpenPart(KernelPath());
}
Result<UniqueFd> Installation::OpenInitramfs() const {
  return OpenPart(InitramfsPath());
}
Result<std::string> Installation::FindVm() const {
  return FindProgram(VmPath());
}
Result<std::string> Installation::FindImage() const {
  return FindProgram(ImagePath());
}

}  // namespace boxlite::helper
