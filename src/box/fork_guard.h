// ForkGuard: knows whether this process is the one that made it, or a child that fork made of it. A
// child has our memory but none of our threads, and shares our sockets: it must not touch them.
//
// A page that the kernel clears in a forked child, so that asking costs no system call and a
// process id that came back cannot deceive it.
//
// Thread rule: any thread.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"

namespace boxlite::box {

class ForkGuard {
 public:
  static Result<std::unique_ptr<ForkGuard>> Create();
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;

  bool InForkedChild() const { return *page_ == 0; }

 private:
  explicit ForkGuard(volatile uint8_t* page) : page_(page) {}
  volatile uint8_t* page_;
};

}  // namespace boxlite::box
