// Hostile rings: every way to lay out a chain or an index that no driver would, for every queue
// that has a device behind it. What is always true afterwards: nothing outside was touched, and a
// well-behaved driver that begins with a reset gets all that the device is for.
#include "hostile/target_test.h"
#include "kvm/layout.h"

namespace boxlite::hostile_test {
namespace {

using virtio::kIndirect;
using virtio::kNext;
using virtio::kWritable;

// Where a case lays out what it is about.
struct Ring {
  kvm::GuestMemory& memory;
  virtio::DriverQueue& queue;
  const Target& target;

  uint16_t flags() const { return target.writable ? kWritable : 0; }
  // One buffer, made available.
  void Offer(uint64_t address, uint32_t length) const {
    queue.SetDescriptor(0, address, length, flags());
    queue.MakeAvailable(0);
  }
  void OfferIndirect(uint64_t table, uint32_t length, uint16_t more = 0) const {
    queue.SetDescriptor(0, table, length, static_cast<uint16_t>(kIndirect | more), 1);
    queue.SetDescriptor(1, kBuffers, 64, flags());
    queue.MakeAvailable(0);
  }
};

struct Case {
  const char* name;
  void (*lay_out)(const Ring& ring);
};

void CircleOfTwo(const Ring& ring) {
  ring.queue.SetDescriptor(0, kBuffers, 16, kNext | ring.flags(), 1);
  ring.queue.SetDescriptor(1, kBuffers, 16, kNext | ring.flags(), 0);
  ring.queue.MakeAvailable(0);
}

void CircleOfEmptyOnes(const Ring& ring) {
  for (uint16_t i = 0; i < ring.target.size; ++i)
    ring.queue.SetDescriptor(i, kBuffers, 0, kNext | ring.flags(),
                             static_cast<uint16_t>((i + 1) % ring.target.size));
  ring.queue.MakeAvailable(0);
}

void ReadableAfterWritable(const Ring& ring) {
  ring.queue.SetDescriptor(0, kBuffers, 16, kNext | kWritable, 1);
  ring.queue.SetDescriptor(1, kBuffers + 64, 16, 0);
  ring.queue.MakeAvailable(0);
}

void MoreBytesThanAllowed(const Ring& ring) {
  constexpr uint32_t kLength = 40 * kMib;
  ring.queue.SetDescriptor(0, 16 * kMib, kLength, kNext | ring.flags(), 1);
  ring.queue.SetDescriptor(1, 16 * kMib, kLength, ring.flags());
  ring.queue.MakeAvailable(0);
}

void IndirectInIndirect(const Ring& ring) {
  ring.queue.WriteDescriptor(kTables, kTables + 64, 16, kIndirect, 0);
  ring.queue.WriteDescriptor(kTables + 64, kBuffers, 16, ring.flags(), 0);
  ring.OfferIndirect(kTables, 16);
}

void IndirectInItself(const Ring& ring) {
  ring.queue.WriteDescriptor(kTables, kTables, 16, kIndirect, 0);
  ring.OfferIndirect(kTables, 16);
}

void IndirectCircle(const Ring& ring) {
  ring.queue.WriteDescriptor(kTables, kBuffers, 16, kNext | ring.flags(), 1);
  ring.queue.WriteDescriptor(kTables + 16, kBuffers, 16, kNext | ring.flags(), 0);
  ring.OfferIndirect(kTables, 32);
}

void IndirectNextPastItsEnd(const Ring& ring) {
  ring.queue.WriteDescriptor(kTables, kBuffers, 16, kNext | ring.flags(), 1);
  ring.OfferIndirect(kTables, 16);
}

// All of these break the protocol, and the device says so.
const Case kBroken[] = {
    {"HeadPastTheEnd", [](const Ring& ring) { ring.queue.MakeAvailable(ring.target.size); }},
    {"HeadFarPastTheEnd", [](const Ring& ring) { ring.queue.MakeAvailable(0xffff); }},
    {"NextPastTheEnd",
     [](const Ring& ring) {
       ring.queue.SetDescriptor(0, kBuffers, 16, kNext | ring.flags(), ring.target.size);
       ring.queue.MakeAvailable(0);
     }},
    {"CircleOfOne",
     [](const Ring& ring) {
       ring.queue.SetDescriptor(0, kBuffers, 16, kNext | ring.flags(), 0);
       ring.queue.MakeAvailable(0);
     }},
    {"CircleOfTwo", CircleOfTwo},
    {"CircleOfEmptyOnes", CircleOfEmptyOnes},
    {"HugeLength", [](const Ring& ring) { ring.Offer(kBuffers, 0xffffffff); }},
    {"AddressThatWraps", [](const Ring& ring) { ring.Offer(~uint64_t{0xfff}, 0x2000); }},
    {"HighestAddress", [](const Ring& ring) { ring.Offer(~uint64_t{0}, 1); }},
    {"AcrossTheEndOfMemory", [](const Ring& ring) { ring.Offer(kMemoryEnd - 16, 32); }},
    {"PastTheEndOfMemory", [](const Ring& ring) { ring.Offer(kMemoryEnd, 16); }},
    {"IntoTheGap", [](const Ring& ring) { ring.Offer(kvm::kGapStart - 16, 32); }},
    {"OutOfTheGap", [](const Ring& ring) { ring.Offer(kvm::kGapEnd - 16, 32); }},
    {"AcrossTheGap",
     [](const Ring& ring) { ring.Offer(kvm::kGapStart - 16, kvm::kGapEnd - kvm::kGapStart + 32); }},
    {"DeviceRegisters", [](const Ring& ring) { ring.Offer(kvm::kMmioStart, 16); }},
    {"MoreBytesThanAllowed", MoreBytesThanAllowed},
    {"ReadableAfterWritable", ReadableAfterWritable},
    {"IndirectInIndirect", IndirectInIndirect},
    {"IndirectInItself", IndirectInItself},
    {"IndirectCircle", IndirectCircle},
    {"IndirectNextPastItsEnd", IndirectNextPastItsEnd},
    {"IndirectEmpty", [](const Ring& ring) { ring.OfferIndirect(kTables, 0); }},
    {"IndirectOddLength", [](const Ring& ring) { ring.OfferIndirect(kTables, 24); }},
    {"IndirectHugeLength", [](const Ring& ring) { ring.OfferIndirect(kTables, 0xfffffff0); }},
    {"IndirectTooLong", [](const Ring& ring) { ring.OfferIndirect(kTables, 1025 * 16); }},
    {"IndirectThatGoesOn", [](const Ring& ring) { ring.OfferIndirect(kTables, 16, kNext); }},
    {"IndirectInTheGap", [](const Ring& ring) { ring.OfferIndirect(kvm::kGapStart, 16); }},
    {"IndirectIntoTheGap", [](const Ring& ring) { ring.OfferIndirect(kvm::kGapStart - 16, 32); }},
    {"IndirectThatWraps", [](const Ring& ring) { ring.OfferIndirect(~uint64_t{15}, 32); }},
    {"IndexOneTooFar",
     [](const Ring& ring) {
       ring.queue.SetAvailableIndex(static_cast<uint16_t>(ring.target.size + 1));
     }},
    {"IndexFarTooFar", [](const Ring& ring) { ring.queue.SetAvailableIndex(0x8000); }},
    {"IndexBackwards", [](const Ring& ring) { ring.queue.SetAvailableIndex(0xffff); }},
};

class HostileRing : public TargetTest<Case> {};

TEST_P(HostileRing, NeedsResetAndWorksAfterIt) {
  // The handshake of a console has taken entries of its own rings before the hostile ones.
  case_.lay_out({bench_->memory(), queue(), target_});
  driver_->Provoke();
  EXPECT_TRUE(driver_->Fails());
  EXPECT_TRUE(driver_->Works());
}

INSTANTIATE_TEST_SUITE_P(All, HostileRing,
                         testing::Combine(testing::ValuesIn(kTargets), testing::ValuesIn(kBroken)),
                         NameOf<Case>);

}  // namespace
}  // namespace boxlite::hostile_test
