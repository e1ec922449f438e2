#include "box/fork_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"

namespace boxlite::box {
namespace {

size_t PageSize() {
  return static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<std::unique_ptr<ForkGuard>> ForkGuard::Create() {
  void* page =
      ::mmap(nullptr, PageSize(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return sys::ErrnoError("map a page");
  std::unique_ptr<ForkGuard> guard(new ForkGuard(static_cast<volatile uint8_t*>(page)));
  if (::madvise(page, PageSize(), MADV_WIPEONFORK) != 0)
    return sys::ErrnoError("mark a page to be cleared on fork");
  *guard->page_ = 1;
  return guard;
}

ForkGuard::~ForkGuard() {
  ::munmap(const_cast<uint8_t*>(page_), PageSize());
}

}  // namespace boxlite::box
