// Waiting for what another thread does. A test that waits in vain fails; how long it takes does not
// matter otherwise.
#pragma once

#include <chrono>
#include <thread>

namespace boxlite::hostile_test {

// For a guest that is to come back, a device that is to answer: nobody who is alive takes as long.
constexpr std::chrono::milliseconds kPatience{60'000};

// Whether `holds` became true.
template <typename Condition>
bool Eventually(Condition holds) {
  auto until = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace boxlite::hostile_test
