// What a device knows of interrupts, and who has the lines.
#pragma once

#include <cstdint>

namespace boxlite::kvm {

class InterruptLine {
 public:
  virtual ~InterruptLine() = default;
  // One edge. Any thread; never blocks.
  virtual void Raise() = 0;
};

class InterruptController {
 public:
  virtual ~InterruptController() = default;
  // The line that the guest knows by `number`. It is the controller's.
  virtual InterruptLine& line(uint32_t number) = 0;
};

}  // namespace boxlite::kvm
