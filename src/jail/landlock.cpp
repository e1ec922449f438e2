#include "jail/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/sys.h"
#include "base/unique_fd.h"

namespace boxlite::jail {
namespace {

// Newer than the headers that this is built with.
constexpr uint64_t kTruncate = 1ULL << 14;     // since version 3
constexpr uint64_t kDeviceIoctl = 1ULL << 15;  // since version 5

constexpr uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr uint64_t kRead = kReadFile | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWriteFile = kReadFile | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr uint64_t kWrite = kRead | kWriteFile | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                            LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                            LANDLOCK_ACCESS_FS_MAKE_DIR;

// Everything that a kernel of that version can refuse.
uint64_t HandledBy(long version) {
  uint64_t handled = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (version >= 2) handled |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) handled |= kTruncate;
  if (version >= 5) handled |= kDeviceIoctl;
  return handled;
}

Result<void> AddRule(int ruleset, const FileRule& rule, uint64_t handled) {
  UniqueFd opened;
  int fd = rule.fd;
  if (fd < 0) {
    Result<UniqueFd> found = sys::Open(rule.path, O_PATH);
    if (!found.ok() && found.error().code() == Code::kNotFound) return {};
    if (!found.ok()) return found.TakeError();
    opened = found.TakeValue();
    fd = opened.get();
  }
  struct stat info = BOXLITE_TRY(sys::Stat(fd));
  bool writes = rule.access == FileAccess::kWrite;
  uint64_t access =
      S_ISDIR(info.st_mode) ? (writes ? kWrite : kRead) : (writes ? kWriteFile : kReadFile);
  landlock_path_beneath_attr below{access & handled, fd};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0)
    return sys::ErrnoError("add a Landlock rule for " + (rule.fd < 0 ? rule.path : "a directory"));
  return {};
}

}  // namespace

Result<bool> RestrictFiles(std::span<const FileRule> rules) {
  long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  landlock_ruleset_attr attributes{HandledBy(version)};
  UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!ruleset) return sys::ErrnoError("create Landlock rules");
  for (const FileRule& rule : rules)
    BOXLITE_TRY(AddRule(ruleset.get(), rule, attributes.handled_access_fs));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) < 0)
    return sys::ErrnoError("keep to the Landlock rules");
  return true;
}

}  // namespace boxlite::jail
