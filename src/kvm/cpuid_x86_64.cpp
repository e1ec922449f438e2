#include "kvm/cpuid_x86_64.h"

#include <asm/kvm_para.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace boxlite::kvm {
namespace {

using Entry = kvm_cpuid_entry2;

constexpr uint32_t Bit(unsigned number) {
  return uint32_t{1} << number;
}

// Leaf 1.
constexpr uint32_t kMonitor = Bit(3), kVmx = Bit(5), kTscDeadline = Bit(24), kHypervisor = Bit(31);
constexpr uint32_t kHyperThreading = Bit(28);
// What the counters of Intel's have besides leaf 0xa: the debug store in memory, their
// capabilities.
constexpr uint32_t kDebugStore64 = Bit(2), kDebugStoreByRing = Bit(4), kCounterAbilities = Bit(15);
constexpr uint32_t kDebugStore = Bit(21);  // in EDX
// Leaf 7.
constexpr uint32_t kSgx = Bit(2), kProcessorTrace = Bit(25), kSgxLaunch = Bit(30);
// Leaf 6: the local APIC's timer runs in every power state.
constexpr uint32_t kArat = Bit(2);
// Leaf 0x80000001.
constexpr uint32_t kSvm = Bit(2), kPerformanceCounters = Bit(23), kNorthBridgeCounters = Bit(24);

// What the kernel may ask KVM for: clocks, no delay at ports, stolen time, interrupts between vCPUs
// and the end of interrupts without an exit. The rest is for hosts that swap guests out.
constexpr uint32_t kKvmFeatures =
    Bit(KVM_FEATURE_CLOCKSOURCE) | Bit(KVM_FEATURE_NOP_IO_DELAY) | Bit(KVM_FEATURE_CLOCKSOURCE2) |
    Bit(KVM_FEATURE_STEAL_TIME) | Bit(KVM_FEATURE_PV_EOI) | Bit(KVM_FEATURE_PV_TLB_FLUSH) |
    Bit(KVM_FEATURE_PV_SEND_IPI) | Bit(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);

// Bits of an APIC id that number the cores: as many as cpus - 1 takes.
uint32_t CoreBits(const CpuPlace& place) {
  return static_cast<uint32_t>(std::bit_width(place.cpus - 1));
}

void Basic(Entry& entry, const CpuPlace& place) {
  entry.ecx &= ~(kVmx | kMonitor | kDebugStore64 | kDebugStoreByRing | kCounterAbilities);
  entry.edx &= ~kDebugStore;
  entry.ecx |= kTscDeadline | kHypervisor;
  uint32_t logical = std::min(place.cpus, uint32_t{255});
  entry.ebx = (entry.ebx & 0x0000ffff) | logical << 16 | place.index << 24;
  if (place.cpus > 1) entry.edx |= kHyperThreading;
}

// Who shares a cache: a first or second level is one core's, a third one all of them's. An entry
// of no type ends the list.
void AmdCache(Entry& entry, const CpuPlace& place) {
  if ((entry.eax & 0x1f) == 0) return;
  uint32_t level = entry.eax >> 5 & 7;
  uint32_t sharing = level < 3 ? 0 : (uint32_t{1} << CoreBits(place)) - 1;
  entry.eax = (entry.eax & 0x3fff) | sharing << 14;
}

// The same, and how many cores there are.
void IntelCache(Entry& entry, const CpuPlace& place) {
  if ((entry.eax & 0x1f) == 0) return;
  AmdCache(entry, place);
  uint32_t cores = std::min((uint32_t{1} << CoreBits(place)) - 1, uint32_t{63});
  entry.eax |= cores << 26;
}

void Power(Entry& entry) {
  entry.eax = kArat;
  entry.ebx = entry.ecx = entry.edx = 0;
}

void StructuredFeatures(Entry& entry) {
  if (entry.index != 0) return;
  entry.ebx &= ~(kSgx | kProcessorTrace);
  entry.ecx &= ~kSgxLaunch;
}

// Level 0 is a core with one thread, level 1 the package with its cores.
void Topology(Entry& entry, const CpuPlace& place) {
  constexpr uint32_t kThreads = 1, kCores = 2;
  uint32_t level = entry.index;
  entry.eax = entry.ebx = 0;
  entry.ecx = level;
  entry.edx = place.index;
  if (level == 0) entry.ebx = 1, entry.ecx |= kThreads << 8;
  if (level == 1) {
    entry.eax = CoreBits(place);
    entry.ebx = place.cpus;
    entry.ecx |= kCores << 8;
  }
}

// Who made the processor: leaf 0 spells it out in EBX, EDX and ECX. Hygon's are AMD's design.
bool IsAmd(const std::vector<Entry>& entries) {
  auto spells = [](const Entry& entry, const char* name) {
    const uint32_t words[] = {entry.ebx, entry.edx, entry.ecx};
    return std::memcmp(words, name, sizeof words) == 0;
  };
  return std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
    return entry.function == 0 && (spells(entry, "AuthenticAMD") || spells(entry, "HygonGenuine"));
  });
}

// How many cores there are; where Intel made the processor, these bits are reserved.
void AmdSizes(Entry& entry, const CpuPlace& place) {
  entry.ecx = (place.cpus - 1) | CoreBits(place) << 12;
}

void AmdTopology(Entry& entry, const CpuPlace& place) {
  entry.eax = place.index;
  entry.ebx = place.index;  // one thread in each core
  entry.ecx = entry.edx = 0;
}

void Clear(Entry& entry) {
  entry.eax = entry.ebx = entry.ecx = entry.edx = 0;
}

void Adjust(Entry& entry, const CpuPlace& place) {
  switch (entry.function) {
    case 0x1:
      return Basic(entry, place);
    case 0x4:
      return IntelCache(entry, place);
    case 0x6:
      return Power(entry);
    case 0x7:
      return StructuredFeatures(entry);
    case 0xa:         // performance counters
    case 0x12:        // SGX
    case 0x14:        // processor trace
    case 0x1f:        // the topology once more, in another form
    case 0x8000000a:  // SVM
    case 0x80000022:  // performance counters
    case 0x80000026:  // the topology once more
      return Clear(entry);
    case 0xb:
      return Topology(entry, place);
    case KVM_CPUID_FEATURES:
      entry.eax &= kKvmFeatures;
      return;
    case 0x80000001:
      entry.ecx &= ~(kSvm | kPerformanceCounters | kNorthBridgeCounters);
      return;
    case 0x8000001d:
      return AmdCache(entry, place);
    case 0x8000001e:
      return AmdTopology(entry, place);
    default:
      return;
  }
}

bool Has(const std::vector<Entry>& entries, uint32_t function, uint32_t index) {
  return std::any_of(entries.begin(), entries.end(), [=](const Entry& entry) {
    return entry.function == function && entry.index == index;
  });
}

// KVM tells the host's own levels, perhaps fewer than two.
void AddTopologyLevels(std::vector<Entry>& entries) {
  for (uint32_t level = 0; level < 2; ++level) {
    if (!Has(entries, 0xb, 0) && level == 0) return;
    if (Has(entries, 0xb, level)) continue;
    Entry entry{};
    entry.function = 0xb;
    entry.index = level;
    entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    entries.push_back(entry);
  }
}

}  // namespace

std::vector<Entry> GuestCpuid(std::vector<Entry> entries, CpuPlace place) {
  AddTopologyLevels(entries);
  bool amd = IsAmd(entries);
  for (Entry& entry : entries) {
    Adjust(entry, place);
    if (amd && entry.function == 0x80000008) AmdSizes(entry, place);
  }
  return entries;
}

}  // namespace boxlite::kvm
