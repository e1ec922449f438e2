#include "kvm/cpuid_x86_64.h"

#include <asm/kvm_para.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace boxlite::kvm {
namespace {

using Entry = kvm_cpuid_entry2;

constexpr uint32_t kAll = 0xffff'ffff;

Entry Leaf(uint32_t function, uint32_t index, uint32_t fill) {
  Entry entry{};
  entry.function = function;
  entry.index = index;
  entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
  entry.eax = entry.ebx = entry.ecx = entry.edx = fill;
  return entry;
}

// A leaf of a host that has every bit set, as a guest on this place sees it.
std::vector<Entry> GuestSees(std::vector<Entry> host, uint32_t index = 0, uint32_t cpus = 1) {
  return GuestCpuid(std::move(host), {index, cpus});
}
Entry GuestSees(uint32_t function, uint32_t leaf_index = 0, CpuPlace place = {}) {
  return GuestCpuid({Leaf(function, leaf_index, kAll)}, place).front();
}
const Entry* Find(const std::vector<Entry>& entries, uint32_t function, uint32_t index) {
  auto found = std::ranges::find_if(entries, [=](const Entry& entry) {
    return entry.function == function && entry.index == index;
  });
  return found == entries.end() ? nullptr : &*found;
}
bool IsZero(const Entry& entry) {
  return (entry.eax | entry.ebx | entry.ecx | entry.edx) == 0;
}
// Leaf 0 as a processor of `vendor`, twelve letters, has it.
Entry Vendor(const char* vendor) {
  Entry entry{};
  std::memcpy(&entry.ebx, vendor, 4);
  std::memcpy(&entry.edx, vendor + 4, 4);
  std::memcpy(&entry.ecx, vendor + 8, 4);
  return entry;
}
constexpr uint32_t Bit(unsigned number) {
  return uint32_t{1} << number;
}

// ---------------------------------------------------------------- what no guest may have

TEST(CpuidFeatures, VirtualizationOfItsOwn_IsGone) {
  EXPECT_EQ(GuestSees(0x1).ecx & Bit(5), 0u);          // VMX
  EXPECT_EQ(GuestSees(0x8000'0001).ecx & Bit(2), 0u);  // SVM
  EXPECT_TRUE(IsZero(GuestSees(0x8000'000a)));         // SVM's details
}

TEST(CpuidFeatures, SgxAndProcessorTrace_AreGone) {
  Entry features = GuestSees(0x7);
  EXPECT_EQ(features.ebx & (Bit(2) | Bit(25)), 0u);
  EXPECT_EQ(features.ecx & Bit(30), 0u);
  for (uint32_t index = 0; index < 3; ++index) {
    EXPECT_TRUE(IsZero(GuestSees(0x12, index)));
    EXPECT_TRUE(IsZero(GuestSees(0x14, index)));
  }
}

TEST(CpuidFeatures, PerformanceCounters_AreGone) {
  EXPECT_TRUE(IsZero(GuestSees(0xa)));
  EXPECT_TRUE(IsZero(GuestSees(0x8000'0022)));
  EXPECT_EQ(GuestSees(0x8000'0001).ecx & (Bit(23) | Bit(24)), 0u);
  // Their capabilities, and the store of what they saw in memory.
  EXPECT_EQ(GuestSees(0x1).ecx & (Bit(2) | Bit(4) | Bit(15)), 0u);
  EXPECT_EQ(GuestSees(0x1).edx & Bit(21), 0u);
}

TEST(CpuidFeatures, Monitor_IsGone) {
  EXPECT_EQ(GuestSees(0x1).ecx & Bit(3), 0u);
}

TEST(CpuidFeatures, WhatElseTheHostHas_Stays) {
  EXPECT_EQ(GuestSees(0x7).edx, kAll);
  EXPECT_EQ(GuestSees(0x7).ebx | Bit(2) | Bit(25), kAll);
  EXPECT_EQ(GuestSees(0x7, 1).ebx, kAll);
  EXPECT_EQ(GuestSees(0x8000'0001).edx, kAll);
  EXPECT_EQ(GuestSees(0x8000'0001).ecx | Bit(2) | Bit(23) | Bit(24), kAll);
  EXPECT_EQ(GuestSees(0x1).ecx | Bit(2) | Bit(3) | Bit(4) | Bit(5) | Bit(15), kAll);
}

// What a host has not is not promised either, but for what KVM does itself.
TEST(CpuidFeatures, WhatTheHostHasNot_StaysAway) {
  auto entries = GuestSees({Leaf(0x1, 0, 0), Leaf(0x7, 0, 0), Leaf(0x8000'0001, 0, 0)});
  EXPECT_EQ(entries[0].ecx, Bit(24) | Bit(31));
  EXPECT_EQ(entries[0].edx, 0u);
  EXPECT_TRUE(IsZero(entries[1]));
  EXPECT_TRUE(IsZero(entries[2]));
}

TEST(CpuidFeatures, TscDeadlineAndHypervisor_AreThere) {
  Entry basic = GuestSees({Leaf(0x1, 0, 0)}).front();
  EXPECT_NE(basic.ecx & Bit(24), 0u);
  EXPECT_NE(basic.ecx & Bit(31), 0u);
}

// The local APIC's timer runs always, and nothing else is said of power.
TEST(CpuidFeatures, Power_IsTheTimerThatAlwaysRuns) {
  Entry power = GuestSees(0x6);
  EXPECT_EQ(power.eax, Bit(2));
  EXPECT_EQ(power.ebx | power.ecx | power.edx, 0u);
}

TEST(CpuidFeatures, OfKvm_AreThoseThatHelpAnOrdinaryBox) {
  Entry features = GuestSees(KVM_CPUID_FEATURES);
  EXPECT_EQ(features.eax, Bit(KVM_FEATURE_CLOCKSOURCE) | Bit(KVM_FEATURE_NOP_IO_DELAY) |
                              Bit(KVM_FEATURE_CLOCKSOURCE2) | Bit(KVM_FEATURE_STEAL_TIME) |
                              Bit(KVM_FEATURE_PV_EOI) | Bit(KVM_FEATURE_PV_TLB_FLUSH) |
                              Bit(KVM_FEATURE_PV_SEND_IPI) |
                              Bit(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT));
  EXPECT_EQ(features.eax & Bit(KVM_FEATURE_ASYNC_PF), 0u);
  Entry few = Leaf(KVM_CPUID_FEATURES, 0, Bit(KVM_FEATURE_CLOCKSOURCE2));
  EXPECT_EQ(GuestSees({few}).front().eax, Bit(KVM_FEATURE_CLOCKSOURCE2));
}

TEST(CpuidFeatures, LeavesNobodyKnows_Stay) {
  for (uint32_t function : {0x0u, 0x2u, 0xdu, 0x19u, KVM_CPUID_SIGNATURE + 0u, 0x8000'0002u,
                            0x8000'0007u, 0xc000'0001u}) {
    Entry entry = GuestSees(function, 3);
    EXPECT_EQ(entry.index, 3u);
    for (uint32_t value : {entry.eax, entry.ebx, entry.ecx, entry.edx})
      EXPECT_EQ(value, kAll) << std::hex << function;
  }
}

// ---------------------------------------------------------------- topology

struct Shape {
  uint32_t cpus;
  uint32_t core_bits;  // of an APIC id
};

class CpuidTopology : public ::testing::TestWithParam<Shape> {
 protected:
  uint32_t cpus() const { return GetParam().cpus; }
  uint32_t bits() const { return GetParam().core_bits; }
  // The last one, whose number is not zero where there are several.
  CpuPlace place() const { return {cpus() - 1, cpus()}; }
};

TEST_P(CpuidTopology, BasicLeaf_CountsProcessorsAndHasTheId) {
  Entry basic = GuestSees(0x1, 0, place());
  EXPECT_EQ(basic.ebx >> 24, place().index);
  EXPECT_EQ(basic.ebx >> 16 & 0xff, cpus());
  EXPECT_EQ(basic.ebx & 0xffff, 0xffffu);
  Entry plain = GuestSees({Leaf(0x1, 0, 0)}, place().index, cpus()).front();
  EXPECT_EQ(plain.edx, cpus() > 1 ? Bit(28) : 0u);
}

TEST_P(CpuidTopology, ExtendedTopology_IsOneThreadInEachCoreOfOnePackage) {
  auto entries = GuestSees({Leaf(0xb, 0, kAll), Leaf(0xb, 1, kAll), Leaf(0xb, 2, kAll)},
                           place().index, cpus());
  ASSERT_EQ(entries.size(), 3u);
  const Entry& threads = entries[0];
  EXPECT_EQ(threads.eax, 0u);
  EXPECT_EQ(threads.ebx, 1u);
  EXPECT_EQ(threads.ecx, 0x100u);
  const Entry& cores = entries[1];
  EXPECT_EQ(cores.eax, bits());
  EXPECT_EQ(cores.ebx, cpus());
  EXPECT_EQ(cores.ecx, 0x201u);
  const Entry& end = entries[2];
  EXPECT_EQ(end.eax | end.ebx, 0u);
  EXPECT_EQ(end.ecx, 2u);
  for (const Entry& entry : entries) EXPECT_EQ(entry.edx, place().index);
}

TEST_P(CpuidTopology, MissingLevels_AreAdded) {
  auto entries = GuestSees({Leaf(0xb, 0, 0)}, place().index, cpus());
  const Entry* cores = Find(entries, 0xb, 1);
  ASSERT_NE(cores, nullptr);
  EXPECT_EQ(cores->flags, uint32_t{KVM_CPUID_FLAG_SIGNIFCANT_INDEX});
  EXPECT_EQ(cores->ebx, cpus());
  EXPECT_EQ(entries.size(), 2u);
}

// A type in bits 0 to 4, a level in 5 to 7; who shares it in 14 to 25, cores in 26 to 31.
TEST_P(CpuidTopology, IntelsCaches_AreACoresOrEverybodys) {
  constexpr uint32_t kRest = 0x3fff & ~0xffu;
  auto cache = [this](uint32_t type, uint32_t level) {
    Entry entry = Leaf(0x4, 0, kAll);
    entry.eax = ~uint32_t{0xff} | level << 5 | type;
    return GuestCpuid({entry}, place()).front();
  };
  uint32_t ids = (1u << bits()) - 1;
  EXPECT_EQ(cache(1, 1).eax, ids << 26 | kRest | 1 << 5 | 1);
  EXPECT_EQ(cache(3, 2).eax, ids << 26 | kRest | 2 << 5 | 3);
  EXPECT_EQ(cache(3, 3).eax, ids << 26 | ids << 14 | kRest | 3 << 5 | 3);
  EXPECT_EQ(cache(3, 3).ebx, kAll);
}

TEST_P(CpuidTopology, AmdsCaches_AreACoresOrEverybodys) {
  constexpr uint32_t kRest = 0x3fff & ~0xffu;
  auto cache = [this](uint32_t type, uint32_t level) {
    Entry entry = Leaf(0x8000'001d, 0, kAll);
    entry.eax = (0x03ff'ff00) | level << 5 | type;
    return GuestCpuid({entry}, place()).front().eax;
  };
  uint32_t ids = (1u << bits()) - 1;
  EXPECT_EQ(cache(1, 1), kRest | 1 << 5 | 1);
  EXPECT_EQ(cache(3, 2), kRest | 2 << 5 | 3);
  EXPECT_EQ(cache(3, 3), ids << 14 | kRest | 3 << 5 | 3);
}

TEST_P(CpuidTopology, AmdsLeaves_AgreeWithIt) {
  for (const char* vendor : {"AuthenticAMD", "HygonGenuine"}) {
    auto entries = GuestSees({Vendor(vendor), Leaf(0x8000'0008, 0, kAll)}, place().index, cpus());
    EXPECT_EQ(entries[1].ecx & 0xff, cpus() - 1) << vendor;
    EXPECT_EQ(entries[1].ecx >> 12 & 0xf, bits()) << vendor;
    EXPECT_EQ(entries[1].eax, kAll) << vendor;  // How wide addresses are stays the host's.
  }
  Entry topology = GuestSees(0x8000'001e, 0, place());
  EXPECT_EQ(topology.eax, place().index);
  EXPECT_EQ(topology.ebx & 0xff, place().index);
  EXPECT_EQ(topology.ebx >> 8 & 0xff, 0u);
  EXPECT_EQ(topology.ecx, 0u);
}

// Intel's have no number of cores there, and the bits are reserved.
TEST_P(CpuidTopology, SizesOfOthers_StayTheHosts) {
  for (uint32_t fill : {uint32_t{0}, kAll}) {
    auto entries =
        GuestSees({Vendor("GenuineIntel"), Leaf(0x8000'0008, 0, fill)}, place().index, cpus());
    const Entry& sizes = entries[1];
    for (uint32_t value : {sizes.eax, sizes.ebx, sizes.ecx, sizes.edx}) EXPECT_EQ(value, fill);
  }
}

INSTANTIATE_TEST_SUITE_P(Counts, CpuidTopology,
                         ::testing::Values(Shape{1, 0}, Shape{2, 1}, Shape{4, 2}, Shape{5, 3},
                                           Shape{32, 5}),
                         [](const auto& shape) { return std::to_string(shape.param.cpus); });

TEST(CpuidTopologyLeaves, TheHostsOtherDescriptions_AreGone) {
  EXPECT_TRUE(IsZero(GuestSees(0x1f, 1)));
  EXPECT_TRUE(IsZero(GuestSees(0x8000'0026, 1)));
}

TEST(CpuidTopologyLeaves, AHostWithoutThem_GetsNone) {
  auto entries = GuestSees({Leaf(0x1, 0, 0)}, 1, 2);
  EXPECT_EQ(entries.size(), 1u);
}

TEST(CpuidTopologyLeaves, TheListOfCachesEnd_Stays) {
  for (uint32_t function : {0x4u, 0x8000'001du})
    EXPECT_TRUE(IsZero(GuestSees({Leaf(function, 4, 0)}, 1, 4).front())) << std::hex << function;
}

}  // namespace
}  // namespace boxlite::kvm
