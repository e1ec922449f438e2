// Locking boxlite-vm in, before any byte of the guest's is read and any of its code runs. From then
// on it opens nothing by name.
//
// In this order: UseOneHeap and TidyUp first thing in main; GiveUpPrivileges once everything is
// open that the machine needs; then the machine starts its threads, each of which loads its
// filter; the loop's thread last. The filters are made before all that, because it takes time.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "base/result.h"
#include "jail/jail.h"
#include "vm/thread_rules.h"

namespace boxlite::vm {

// Threads share the allocator's first heap. One that had a heap of its own would make libc open a
// file when that shrinks, at a time that the guest may choose.
void UseOneHeap();

// Closes what was not handed over, forgets the environment, points the standard streams away from
// the caller's.
Result<void> TidyUp(char** environment);

enum class Namespaces : uint8_t { kOwn, kHosts };
// Main thread, while it is the only one. Notes each layer in `report`; one that our own design
// needs and that fails is an error.
Result<void> GiveUpPrivileges(jail::Report& report, Namespaces namespaces);

enum class SystemCalls : uint8_t { kFiltered, kUnfiltered };

class ThreadFilters {
 public:
  static Result<ThreadFilters> Make(std::span<const Thread> threads, SystemCalls calls);

  // The calling thread; one that cannot be locked in ends the process.
  void LockThreadIn(Thread thread) const;
  // The same for the loop's, whose owner is told, with a line of the report.
  Result<void> LockIn(jail::Report& report, Thread thread) const;

 private:
  std::map<Thread, jail::Filter> filters_;
  std::string without_;  // why there are none
};

}  // namespace boxlite::vm
