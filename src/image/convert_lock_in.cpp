#include "image/convert_lock_in.h"

#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "image/filter_rules.h"
#include "image/limits.h"

namespace boxlite::image {
namespace {

constexpr jail::Limit kLimits[] = {
    {RLIMIT_AS, 2 * kGib},  // a tree of kMaxEntries takes half of it
    {RLIMIT_NOFILE, kMaxLayers + 128},
    {RLIMIT_CORE, 0},
};

constexpr jail::Rule kOwnRules[] = {
    // The layers and the output.
    {SYS_read, {}},
    {SYS_pread64, {}},
    {SYS_write, {}},
    {SYS_pwrite64, {}},
    {SYS_lseek, {}},
    {SYS_fstat, {}},
    {SYS_newfstatat, {}},  // glibc's fstat
    {SYS_ftruncate, {}},
    {SYS_fallocate, {}},
    {SYS_fsync, {}},
    {SYS_fcntl, {}},
    {SYS_close, {}},
    {SYS_ioctl, {jail::Is(1, BLKDISCARDZEROES)}},  // libext2fs asks what its output can do
    {SYS_prctl, {jail::Is(0, PR_GET_DUMPABLE)}},   // so it does before it looks at the environment
    // The clients.
    {SYS_accept4, {}},
    {SYS_recvfrom, {}},
    {SYS_sendto, {}},
    {SYS_poll, {}},
    // Memory: nothing becomes executable.
    {SYS_mmap, {jail::Lacks(2, PROT_EXEC)}},
    {SYS_mprotect, {jail::Lacks(2, PROT_EXEC)}},
};
constexpr auto kRules = WithCommon(kOwnRules);

// glibc then makes its threads by clone, whose flags a filter can see; who would open a file (a
// locale, a character set) does without.
constexpr int kUnknownCalls[] = {SYS_clone3, SYS_openat, SYS_open};

}  // namespace

std::span<const jail::Limit> ConvertResourceLimits() {
  return kLimits;
}

std::span<const jail::Rule> ConvertRules() {
  return kRules;
}

std::span<const int> ConvertUnknownCalls() {
  return kUnknownCalls;
}

}  // namespace boxlite::image
