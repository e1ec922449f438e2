// What a device knows of interrupts.
#pragma once

namespace boxlite::kvm {

class InterruptLine {
 public:
  virtual ~InterruptLine() = default;
  // One edge. Any thread; never blocks.
  virtual void Raise() = 0;
};

}  // namespace boxlite::kvm
