// Device: what is behind a transport. The transport knows registers, the device knows rings.
//
// Thread rule: any thread may call, and a device guards itself with one lock of its own. The order
// of locks is transport, device, Interrupt: the transport calls Activate, Reset and the two for the
// configuration with its own lock held, a device never calls its transport but only its Interrupt,
// which calls nobody. Kick is called with no lock held, so that a device may call its owner from
// there.
//
// Errors: a device whose driver broke the protocol calls Interrupt::Fail, and from then on does
// nothing until Reset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "virtio/queue.h"

namespace boxlite::virtio {

// By their number; nothing where the driver set none up.
using Queues = std::vector<std::optional<Queue>>;

class Device {
 public:
  virtual ~Device() = default;

  virtual uint32_t id() const = 0;        // virtio 1.2, section 5
  virtual uint64_t features() const = 0;  // of the device; the transport adds its own
  virtual size_t queue_count() const = 0;
  virtual uint16_t queue_max_size(size_t index) const = 0;  // `index` is below queue_count()

  // `data` has 1, 2, 4 or 8 bytes, those of a read zero beforehand; what lies past the end of the
  // device's configuration stays zero, or is not written.
  virtual void ReadConfig(uint64_t offset, std::span<uint8_t> data) const = 0;
  virtual void WriteConfig(uint64_t offset, ByteSpan data) = 0;

  // The driver is ready: `features` were negotiated, and `queues` has queue_count() entries. Only
  // after construction or Reset.
  virtual void Activate(uint64_t features, Queues queues) = 0;

  // The driver made chains available in a queue; one that is inactive, or an index past the end, is
  // nothing. Also to be called for each queue after a restore: a kick may have been under way when
  // the state was saved.
  virtual void Kick(size_t index) = 0;

  // Returns once nothing is in flight: neither memory nor rings are touched after that.
  virtual void Reset() = 0;
};

// What an access reads of `config`, the whole of a device's configuration.
inline void CopyConfig(ByteSpan config, uint64_t offset, std::span<uint8_t> data) {
  for (size_t i = 0; i < data.size() && offset < config.size(); ++i, ++offset)
    data[i] = config[offset];
}

}  // namespace boxlite::virtio
