#include "machine/console_log.h"

#include <unistd.h>

#include <algorithm>

#include "base/sys.h"

namespace boxlite::machine {
namespace {

constexpr std::string_view kPanic = "Kernel panic - not syncing";
constexpr std::string_view kWrapMark = "\n[... the log continues at its middle ...]\n";

// What the kernel gives for a reason where it has nothing left to kill, and where it was told to
// panic rather than to kill (panic_on_oom). It never kills the agent, its first process.
constexpr std::string_view kForMemory[] = {"System is deadlocked on memory", "Out of memory: "};

// What it says last of all where its machine has no switch, as none of ours has (kernel/reboot.c).
constexpr std::string_view kHalts[] = {"reboot: Power down", "reboot: System halted",
                                       "reboot: Power off not available"};

char Printable(char c) {
  bool plain = (c >= ' ' && c <= '~') || c == '\t';
  return plain ? c : '?';
}

// "[    1.234567] Kernel panic …": a program may write the words, too, but the kernel's own lines
// carry the time. (Root in the guest can forge that as well, and lies about its own box only.)
bool IsKernelLine(std::string_view line) {
  return !line.empty() && line.front() == '[' && line.find("] ") != std::string_view::npos;
}

}  // namespace

void ConsoleLog::Append(std::string_view bytes) {
  for (char c : bytes) {
    if (c == '\r') continue;
    if (c == '\n' || line_.size() >= kLineLimit) EndLine();
    if (c != '\n') line_ += Printable(c);
  }
}

// Before a line of the guest's that is not whole yet: that may be its kernel's last one.
void ConsoleLog::AppendOwn(std::string_view line) {
  std::string own = "boxlite-vm: ";
  for (char c : line) own += Printable(c);
  Write(own + '\n');
}

void ConsoleLog::ReadKernelLine() {
  size_t at = line_.find(kPanic);
  if (at != std::string::npos && panic_.empty()) panic_ = line_.substr(at);
  for (std::string_view words : kHalts) {
    at = line_.find(words);
    if (at != std::string::npos && halt_.empty()) halt_ = line_.substr(at);
  }
}

void ConsoleLog::EndLine() {
  if (IsKernelLine(line_)) ReadKernelLine();
  Write(line_ + '\n');
  line_.clear();
}

void ConsoleLog::Write(std::string_view line) {
  WriteFile(line);
  tail_ += line;
  if (tail_.size() > 2 * kTailSize) tail_.erase(0, tail_.size() - kTailSize);
}

void ConsoleLog::WriteFile(std::string_view text) {
  if (file_ < 0 || file_limit_ == 0) return;
  if (file_at_ + text.size() > file_limit_) {
    file_at_ = file_limit_ / 2;
    static_cast<void>(::lseek(file_, static_cast<off_t>(file_at_), SEEK_SET));
    static_cast<void>(sys::WriteAll(file_, AsBytes(kWrapMark)));
    file_at_ += kWrapMark.size();
  }
  // At the file's own position, which our standard error shares. A full disk or the like costs the
  // log and nothing else.
  static_cast<void>(sys::WriteAll(file_, AsBytes(text)));
  file_at_ += text.size();
}

bool ConsoleLog::out_of_memory() const {
  if (panic_.empty()) return false;
  std::string_view reason = std::string_view(panic_).substr(kPanic.size());
  return std::ranges::any_of(kForMemory, [reason](std::string_view words) {
    return reason.substr(std::min<size_t>(reason.size(), 2)).starts_with(words);
  });
}

std::string ConsoleLog::Tail(size_t limit) const {
  std::string text = tail_ + line_;
  if (text.size() <= limit) return text;
  size_t from = text.size() - limit;
  size_t line = text.find('\n', from);
  if (line != std::string::npos && line + 1 < text.size()) from = line + 1;
  return text.substr(from);
}

}  // namespace boxlite::machine
