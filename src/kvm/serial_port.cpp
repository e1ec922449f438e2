#include "kvm/serial_port.h"

namespace boxlite::kvm {
namespace {

// Registers. The first two are the divisor's halves while the line control register says so.
constexpr uint64_t kData = 0;
constexpr uint64_t kInterruptEnable = 1;
constexpr uint64_t kInterruptIdentity = 2;  // read; FIFO control when written
constexpr uint64_t kLineControl = 3;
constexpr uint64_t kModemControl = 4;
constexpr uint64_t kLineStatus = 5;
constexpr uint64_t kModemStatus = 6;
constexpr uint64_t kScratch = 7;

constexpr uint8_t kEnableTransmitterEmpty = 0x02;
constexpr uint8_t kIdentityNone = 0x01;
constexpr uint8_t kIdentityTransmitterEmpty = 0x02;
constexpr uint8_t kIdentityFifos = 0xc0;
constexpr uint8_t kFifoEnable = 0x01;
constexpr uint8_t kShowDivisor = 0x80;
constexpr uint8_t kLoopBack = 0x10;
constexpr uint8_t kTransmitterEmpty = 0x60;  // holding register and shift register
constexpr uint8_t kPeerIsThere = 0xb0;       // carrier, data set ready, clear to send

// In loop-back the four modem outputs are the four inputs, in another order.
uint8_t LoopedStatus(uint8_t control) {
  int status = 0;
  if (control & 0x02) status |= 0x10;  // request to send: clear to send
  if (control & 0x01) status |= 0x20;  // terminal ready: data set ready
  if (control & 0x04) status |= 0x40;  // output 1: ring
  if (control & 0x08) status |= 0x80;  // output 2: carrier
  return static_cast<uint8_t>(status);
}

}  // namespace

bool SerialPort::divisor_shown() const {
  return (line_control_ & kShowDivisor) != 0;
}

void SerialPort::Read(uint64_t offset, std::span<uint8_t> data) {
  if (data.size() != 1) return;
  std::lock_guard lock(mutex_);
  data[0] = ReadRegister(offset);
}

void SerialPort::Write(uint64_t offset, ByteSpan data) {
  if (data.size() != 1) return;
  std::lock_guard lock(mutex_);
  WriteRegister(offset, data[0]);
}

uint8_t SerialPort::ReadRegister(uint64_t offset) {
  switch (offset) {
    case kData:
      return divisor_shown() ? static_cast<uint8_t>(divisor_) : uint8_t{0};
    case kInterruptEnable:
      return divisor_shown() ? static_cast<uint8_t>(divisor_ >> 8) : interrupt_enable_;
    case kInterruptIdentity: {
      uint8_t identity = empty_pending_ ? kIdentityTransmitterEmpty : kIdentityNone;
      empty_pending_ = false;
      return identity | ((fifo_control_ & kFifoEnable) ? kIdentityFifos : uint8_t{0});
    }
    case kLineControl:
      return line_control_;
    case kModemControl:
      return modem_control_;
    case kLineStatus:
      return kTransmitterEmpty;
    case kModemStatus:
      return (modem_control_ & kLoopBack) ? LoopedStatus(modem_control_) : kPeerIsThere;
    default:
      return scratch_;
  }
}

void SerialPort::WriteRegister(uint64_t offset, uint8_t value) {
  bool interrupt = false;
  switch (offset) {
    case kData:
      if (divisor_shown()) {
        divisor_ = static_cast<uint16_t>((divisor_ & 0xff00) | value);
      } else {
        if (!(modem_control_ & kLoopBack)) sink_(value);
        interrupt = (interrupt_enable_ & kEnableTransmitterEmpty) != 0;
      }
      break;
    case kInterruptEnable:
      if (divisor_shown()) {
        divisor_ = static_cast<uint16_t>((divisor_ & 0x00ff) | (value << 8));
      } else {
        interrupt = (value & ~interrupt_enable_ & kEnableTransmitterEmpty) != 0;
        if (!(value & kEnableTransmitterEmpty)) empty_pending_ = false;
        interrupt_enable_ = value & 0x0f;
      }
      break;
    case kInterruptIdentity:
      fifo_control_ = value;
      break;
    case kLineControl:
      line_control_ = value;
      break;
    case kModemControl:
      modem_control_ = value & 0x1f;
      break;
    case kScratch:
      scratch_ = value;
      break;
    default:
      break;
  }
  if (!interrupt) return;
  empty_pending_ = true;
  line_.Raise();
}

}  // namespace boxlite::kvm
