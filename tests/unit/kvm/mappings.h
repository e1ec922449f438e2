// What the kernel says of this process's mappings in a range of addresses (/proc/self/smaps).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "base/sys.h"

namespace boxlite::kvm {

struct Mappings {
  uint64_t size = 0;               // bytes of the range that are mapped
  uint64_t resident = 0;           // bytes that are in memory
  std::vector<std::string> flags;  // of each mapping, as "rd wr mr …"

  bool all_have(const std::string& flag) const {
    return !flags.empty() && std::all_of(flags.begin(), flags.end(), [&](const std::string& text) {
      return (" " + text + " ").find(" " + flag + " ") != std::string::npos;
    });
  }
};

// Mappings that begin before the range or end after it count whole but for their size.
inline Mappings MappingsAt(const void* start, uint64_t size) {
  constexpr size_t kEnough = 64 * 1024 * 1024;
  auto first = reinterpret_cast<uint64_t>(start), last = first + size;
  std::istringstream lines(sys::ReadFileAt(AT_FDCWD, "/proc/self/smaps", kEnough).TakeValue());
  Mappings found;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    unsigned long from = 0, to = 0, kib = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) {
      inside = from < last && to > first;
      if (inside) found.size += std::min<uint64_t>(to, last) - std::max<uint64_t>(from, first);
    } else if (inside && std::sscanf(line.c_str(), "Rss: %lu kB", &kib) == 1) {
      found.resident += kib * 1024;
    } else if (inside && line.starts_with("VmFlags: ")) {
      found.flags.push_back(line.substr(9));
    }
  }
  return found;
}

}  // namespace boxlite::kvm
