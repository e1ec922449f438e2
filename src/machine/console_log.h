// What the guest's kernel writes to the serial console: the last lines in memory, the beginning and
// the end in a file. The guest is the attacker and may write without end, so that both are bounded,
// and control characters never reach a person's terminal. Thread rule: one thread.
//
// The file holds its first half for good and writes its second half round and round, with a mark
// line where it wrapped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace boxlite::machine {

class ConsoleLog {
 public:
  static constexpr size_t kTailSize = 16 * 1024;
  static constexpr size_t kLineLimit = 1024;

  // `file_limit` bytes at most are in the file, whose descriptor is borrowed; -1 for none.
  ConsoleLog(int file, size_t file_limit) : file_(file), file_limit_(file_limit) {}

  void Append(std::string_view bytes);
  // A line of our own among the guest's.
  void AppendOwn(std::string_view line);

  // Whole lines, the newest last, `limit` bytes at most.
  std::string Tail(size_t limit) const;

  // What the kernel said, in its own log format, about its end; empty where it said nothing.
  const std::string& panic() const { return panic_; }
  // Whether it was for want of memory.
  bool out_of_memory() const;
  // The same of a machine that it has switched off, or halted for good.
  const std::string& halt() const { return halt_; }

 private:
  void EndLine();
  void ReadKernelLine();
  void Write(std::string_view line);
  void WriteFile(std::string_view text);

  int file_;
  const size_t file_limit_;
  size_t file_at_ = 0;
  std::string line_;
  std::string tail_;
  std::string panic_;
  std::string halt_;
};

}  // namespace boxlite::machine
