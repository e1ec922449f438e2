#include "box/kvm_speed.h"

#include <fcntl.h>

#include <charconv>
#include <string>
#include <string_view>

#include "base/sys.h"

namespace boxlite::box {
namespace {

constexpr const char* kName = "kvm-speed";
constexpr const char* kHalf = "kvm-speed.new";
constexpr size_t kMaxSize = 128;

// Another one each time the kernel boots; "" where there is none to be had.
std::string BootId() {
  auto id = sys::ReadFileAt(AT_FDCWD, "/proc/sys/kernel/random/boot_id", kMaxSize);
  if (!id.ok()) return "";
  std::string text = id.TakeValue();
  return text.substr(0, text.find('\n'));
}

}  // namespace

uint32_t ReadKvmSpeed(const store::Home& home) {
  auto file = sys::ReadFileAt(home.root(), kName, kMaxSize);
  if (!file.ok()) return 0;
  std::string_view line = file.value();
  std::string boot = BootId() + " ";
  if (boot.size() == 1 || line.rfind(boot, 0) != 0) return 0;
  line.remove_prefix(boot.size());
  uint32_t speed = 0;
  auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), speed);
  bool whole = failure == std::errc() && end + 1 == line.data() + line.size() && *end == '\n';
  return whole && speed <= 1000 ? speed : 0;
}

Result<void> KeepKvmSpeed(const store::Home& home, uint32_t thousandths) {
  std::string boot = BootId();
  if (boot.empty()) return {};  // Nobody could tell when it is out of date.
  std::string line = boot + " " + std::to_string(thousandths) + "\n";
  // Two that write at once write the same, or nearly.
  UniqueFd file =
      BOXLITE_TRY(sys::OpenAt(home.root(), kHalf, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  BOXLITE_TRY(sys::WriteAll(file.get(), AsBytes(line)));
  return sys::RenameAt(home.root(), kHalf, home.root(), kName);
}

}  // namespace boxlite::box
