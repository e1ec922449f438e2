// A serial port as a PC's 16550A (COM1): what the guest's kernel says goes out byte by byte;
// nothing ever comes in. It has the loop-back and the scratch register by which a driver finds out
// that it is one, and says that it is empty after each byte.
//
// Source: National Semiconductor PC16550D. Thread rule: any vCPU's thread; `sink` is called there,
// under the port's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

#include "kvm/bus.h"
#include "kvm/interrupt_line.h"

namespace boxlite::kvm {

constexpr uint16_t kSerialPort = 0x3f8;
constexpr uint16_t kSerialPortSize = 8;
constexpr uint32_t kSerialInterrupt = 4;

class SerialPort : public BusDevice {
 public:
  // `line` outlives the port.
  SerialPort(InterruptLine& line, std::function<void(uint8_t)> sink)
      : line_(line), sink_(std::move(sink)) {}

  void Read(uint64_t offset, std::span<uint8_t> data) override;
  void Write(uint64_t offset, ByteSpan data) override;

 private:
  uint8_t ReadRegister(uint64_t offset);
  void WriteRegister(uint64_t offset, uint8_t value);
  bool divisor_shown() const;

  InterruptLine& line_;
  const std::function<void(uint8_t)> sink_;
  std::mutex mutex_;  // guards what follows
  uint16_t divisor_ = 1;
  uint8_t interrupt_enable_ = 0;
  uint8_t fifo_control_ = 0;
  uint8_t line_control_ = 0;
  uint8_t modem_control_ = 0;
  uint8_t scratch_ = 0;
  bool empty_pending_ = false;  // "transmitter empty" is what the interrupt would say
};

}  // namespace boxlite::kvm
