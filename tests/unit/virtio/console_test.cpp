#include "virtio/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/virtio/console_driver.h"

namespace boxlite::virtio {
namespace {

using testing::ElementsAre;

class ConsoleTest : public testing::Test {
 protected:
  void Start(uint64_t features = kTransportFeatures) {
    console_.Activate(features, driver_.MakeQueues(features));
  }
  void StartOpen(uint64_t features = kTransportFeatures) {
    Start(features);
    driver_.Open(console_);
    raised_ = line_.count();
    ears_.readable = ears_.writable = 0;
  }
  std::string ReadAll(size_t size = 64 * 1024) {
    Bytes into(size);
    size_t count = console_.Read(into);
    return std::string(AsText(ByteSpan(into).first(count)));
  }
  int Interrupts() { return line_.count() - raised_; }

  std::unique_ptr<kvm::GuestMemory> memory_ = MakeMemory();
  Line line_;
  Interrupt interrupt_{line_};
  Ears ears_;
  Console console_{*memory_, interrupt_, ears_};
  ConsoleDriver driver_{*memory_};
  int raised_ = 0;
};

Bytes Named() {
  Bytes message = ConsoleDriver::Message(1, 7, 1);
  ByteSpan name = AsBytes("boxlite.agent");
  message.insert(message.end(), name.begin(), name.end());
  return message;
}

TEST_F(ConsoleTest, Config_SaysTwoPorts) {
  Bytes whole(8);
  console_.ReadConfig(0, whole);
  EXPECT_EQ(whole, (Bytes{0, 0, 0, 0, 2, 0, 0, 0}));
  Bytes past(4);
  console_.ReadConfig(6, past);
  console_.ReadConfig(8, past);
  console_.ReadConfig(UINT64_MAX - 1, past);
  EXPECT_EQ(past, Bytes(4));
  console_.WriteConfig(0, Bytes(8, 0xff));
  console_.ReadConfig(0, whole);
  EXPECT_EQ(whole[4], 2);
}

TEST_F(ConsoleTest, Handshake_AsLinuxDoesIt) {
  Start();
  driver_.GiveControlBuffers(console_, 8);
  driver_.SendControl(console_, 0xffffffff, 0, 1);
  EXPECT_THAT(driver_.ReceiveControl(), ElementsAre(ConsoleDriver::Message(1, 1, 1)));
  driver_.SendControl(console_, 1, 3, 1);
  EXPECT_THAT(driver_.ReceiveControl(), ElementsAre(Named(), ConsoleDriver::Message(1, 6, 1)));
  EXPECT_EQ(ears_.writable, 0);
  driver_.SendControl(console_, 1, 6, 1);
  EXPECT_EQ(ears_.writable, 1);
}

TEST_F(ConsoleTest, Handshake_BuffersComeLater_MessagesWait) {
  Start();
  driver_.SendControl(console_, 0xffffffff, 0, 1);
  driver_.SendControl(console_, 1, 3, 1);
  EXPECT_TRUE(driver_.ReceiveControl().empty());
  driver_.GiveControlBuffers(console_, 2);
  EXPECT_THAT(driver_.ReceiveControl(), ElementsAre(ConsoleDriver::Message(1, 1, 1), Named()));
  driver_.GiveControlBuffers(console_, 1);
  EXPECT_THAT(driver_.ReceiveControl(), ElementsAre(ConsoleDriver::Message(1, 6, 1)));
}

TEST_F(ConsoleTest, Control_FloodWithoutBuffers_WaitsInTheRing) {
  Start();
  // 14 fill the queue of answers up to where the next may not fit; the others stay where they are.
  Put(*memory_, 0x20000, ConsoleDriver::Message(1, 3, 1));
  for (int i = 0; i < 14; ++i) driver_.control_output.Add({{0x20000, 8, false}});
  console_.Kick(kControlOutput);
  EXPECT_EQ(driver_.control_output.used_index(), ConsoleControl::kMaxWaiting / 2);
  EXPECT_EQ(console_.Save().control.waiting.size(), ConsoleControl::kMaxWaiting);
  size_t received = 0;
  for (int i = 0; i < 28; ++i) {
    driver_.GiveControlBuffers(console_, 1);
    received += driver_.ReceiveControl().size();
  }
  EXPECT_EQ(received, 28u);
  EXPECT_EQ(driver_.control_output.used_index(), 14);
  EXPECT_FALSE(interrupt_.failed());
}

TEST_F(ConsoleTest, Control_UnknownShortOrForeign_IsNothing) {
  Start();
  driver_.GiveControlBuffers(console_, 8);
  driver_.SendControl(console_, 1, 99, 1);
  driver_.SendControl(console_, 0, 3, 1);
  driver_.SendControl(console_, 7, 3, 1);
  driver_.SendControl(console_, 1, 3, 0);
  driver_.SendControl(console_, 0, 6, 1);
  driver_.control_output.Add({{0x20000, 7, false}});
  driver_.control_output.Add({{0x20000, 8, true}});
  console_.Kick(kControlOutput);
  EXPECT_TRUE(driver_.ReceiveControl().empty());
  EXPECT_EQ(driver_.control_output.used_index(), 7);
  EXPECT_FALSE(interrupt_.failed());
  EXPECT_EQ(ears_.writable, 0);
}

TEST_F(ConsoleTest, Control_BufferTooSmall_NeedsReset) {
  Start();
  driver_.control_input.Add({{0x30000, 7, true}});
  driver_.SendControl(console_, 0xffffffff, 0, 1);
  EXPECT_TRUE(interrupt_.failed());
  console_.Kick(kControlOutput);
  EXPECT_EQ(ReadAll(), "");
}

TEST_F(ConsoleTest, Read_WhatTheGuestSaid_InOrder) {
  StartOpen();
  driver_.Say(console_, "hello ");
  driver_.Say(console_, "world");
  EXPECT_EQ(ears_.readable, 2);
  EXPECT_EQ(ReadAll(), "hello world");
  EXPECT_EQ(ReadAll(), "");
  EXPECT_EQ(driver_.port_output.used_index(), 2);
}

TEST_F(ConsoleTest, Read_InSmallPieces_RemembersTheChain) {
  StartOpen();
  driver_.Say(console_, "abcdef");
  driver_.Say(console_, "gh");
  EXPECT_EQ(ReadAll(4), "abcd");
  EXPECT_EQ(driver_.port_output.used_index(), 0);
  EXPECT_EQ(ReadAll(3), "efg");
  EXPECT_EQ(driver_.port_output.used_index(), 1);
  EXPECT_EQ(ReadAll(3), "h");
  EXPECT_EQ(driver_.port_output.used_index(), 2);
}

TEST_F(ConsoleTest, Read_AMebibyte_MovesInFewLargeCopies) {
  StartOpen();
  std::string piece(32 * 1024, 'x');
  for (int i = 0; i < 32; ++i) driver_.Say(console_, piece);
  Bytes into(256 * 1024);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(console_.Read(into), into.size());
  EXPECT_EQ(console_.Read(into), 0u);
  EXPECT_LE(Interrupts(), 4);
}

TEST_F(ConsoleTest, Read_ManyChains_InterruptsOnce) {
  for (uint64_t features : {kVersion1, kTransportFeatures}) {
    console_.Reset();
    memory_ = nullptr;
    memory_ = MakeMemory();
    Console console(*memory_, interrupt_, ears_);
    ConsoleDriver driver(*memory_);
    console.Activate(features, driver.MakeQueues(features));
    for (int i = 0; i < 20; ++i) driver.Say(console, "line\n");
    int before = line_.count();
    Bytes into(1000);
    EXPECT_EQ(console.Read(into), 100u);
    EXPECT_EQ(line_.count() - before, 1);
  }
}

TEST_F(ConsoleTest, Read_NothingLeft_KicksAreWantedAgain) {
  StartOpen();
  driver_.Say(console_, "one");
  uint16_t before = driver_.port_output.available();
  driver_.Say(console_, "two");
  EXPECT_FALSE(driver_.port_output.WantsKick(before));
  EXPECT_EQ(ReadAll(), "onetwo");
  before = driver_.port_output.available();
  driver_.Say(console_, "three");
  EXPECT_TRUE(driver_.port_output.WantsKick(before));
}

TEST_F(ConsoleTest, Write_BeforeTheGuestOpened_TakesNothing) {
  Start();
  driver_.GiveBuffers(console_, 4);
  EXPECT_EQ(console_.Write(AsBytes("lost?")), 0u);
  EXPECT_EQ(ears_.writable, 0);
  driver_.Open(console_);
  EXPECT_EQ(ears_.writable, 1);
  EXPECT_EQ(console_.Write(AsBytes("heard")), 5u);
  EXPECT_EQ(driver_.Hear(), "heard");
}

TEST_F(ConsoleTest, Write_GuestClosesAndOpensAgain_WaitsMeanwhile) {
  StartOpen();
  driver_.GiveBuffers(console_, 4);
  driver_.SendControl(console_, 1, 6, 0);
  EXPECT_EQ(console_.Write(AsBytes("x")), 0u);
  driver_.SendControl(console_, 1, 6, 1);
  EXPECT_EQ(console_.Write(AsBytes("x")), 1u);
}

TEST_F(ConsoleTest, Write_MoreThanBuffersHold_TellsWhenToGoOn) {
  StartOpen();
  driver_.GiveBuffers(console_, 2);
  ears_.writable = 0;
  std::string text(3 * ConsoleDriver::kPage, 'y');
  EXPECT_EQ(console_.Write(AsBytes(text)), 2u * ConsoleDriver::kPage);
  EXPECT_EQ(Interrupts(), 1);
  EXPECT_EQ(console_.Write(AsBytes(text)), 0u);
  EXPECT_EQ(driver_.Hear().size(), 2u * ConsoleDriver::kPage);
  uint16_t before = driver_.port_input.available();
  driver_.GiveBuffers(console_, 1);
  EXPECT_TRUE(driver_.port_input.WantsKick(before));
  EXPECT_EQ(ears_.writable, 1);
  EXPECT_EQ(console_.Write(AsBytes("rest")), 4u);
  EXPECT_EQ(driver_.Hear(), "rest");
}

TEST_F(ConsoleTest, Write_EmptyBytes_TakesNoBuffer) {
  StartOpen();
  driver_.GiveBuffers(console_, 1);
  EXPECT_EQ(console_.Write({}), 0u);
  EXPECT_EQ(driver_.port_input.used_index(), 0);
}

TEST_F(ConsoleTest, Read_EmptyAndWritableChains_ArePassedOver) {
  StartOpen();
  driver_.port_output.Add({{kBuffers, 0, false}});
  driver_.port_output.Add({{kBuffers, 100, true}});
  driver_.Say(console_, "text");
  EXPECT_EQ(ReadAll(), "text");
  EXPECT_EQ(driver_.port_output.used_index(), 3);
}

TEST_F(ConsoleTest, Write_ReadOnlyBuffers_ArePassedOver) {
  StartOpen();
  driver_.port_input.Add({{kBuffers, 100, false}});
  EXPECT_EQ(console_.Write(AsBytes("x")), 0u);
  EXPECT_EQ(driver_.port_input.used_index(), 1);
}

TEST_F(ConsoleTest, BrokenRing_NeedsReset_AndAnswersNothing) {
  for (size_t index : {kControlInput, kControlOutput, kPortInput, kPortOutput}) {
    auto memory = MakeMemory();
    Interrupt interrupt(line_);
    Console console(*memory, interrupt, ears_);
    ConsoleDriver driver(*memory);
    console.Activate(kTransportFeatures, driver.MakeQueues());
    driver.Open(console);
    DriverQueue* queues[] = {&driver.control_input, &driver.control_output, &driver.port_input,
                             &driver.port_output};
    queues[index - kControlInput]->SetAvailableIndex(0x4000);
    Put(*memory, 0x20000, ConsoleDriver::Message(0, 0, 1));
    if (index == kControlInput) driver.control_output.Add({{0x20000, 8, false}});
    console.Kick(index);
    Bytes into(10);
    static_cast<void>(console.Read(into));
    static_cast<void>(console.Write(into));
    EXPECT_TRUE(interrupt.failed()) << index;
    EXPECT_EQ(console.Write(into), 0u);
    for (size_t i = 0; i < 8; ++i) console.Kick(i);
  }
}

TEST_F(ConsoleTest, Reset_ForgetsChainAndHandshake) {
  StartOpen();
  driver_.Say(console_, "abcdef");
  EXPECT_EQ(ReadAll(2), "ab");
  console_.Reset();
  EXPECT_EQ(ReadAll(), "");
  EXPECT_EQ(console_.Write(AsBytes("x")), 0u);
  ears_.readable = 0;
  console_.Kick(kPortOutput);
  EXPECT_EQ(ears_.readable, 0);
  EXPECT_EQ(driver_.port_output.used_index(), 0);
  Put(*memory_, 0x10000, Bytes(0x10000));
  driver_ = ConsoleDriver(*memory_);
  StartOpen();
  driver_.Say(console_, "new");
  EXPECT_EQ(ReadAll(), "new");
}

TEST_F(ConsoleTest, SaveAndRestore_InTheMiddle_GoesOn) {
  StartOpen();
  driver_.Say(console_, "first");
  driver_.Say(console_, "second");
  EXPECT_EQ(ReadAll(7), "firstse");
  driver_.GiveBuffers(console_, 3);
  EXPECT_EQ(console_.Write(AsBytes("in")), 2u);
  driver_.SendControl(console_, 0xffffffff, 0, 1);  // one more answer, which takes the last buffer
  driver_.SendControl(console_, 0xffffffff, 0, 1);  // and one that waits
  ConsoleState state = console_.Save();
  EXPECT_EQ(state.control.waiting.size(), 1u);
  console_.Reset();

  Line line;
  Interrupt interrupt(line);
  Console console(*memory_, interrupt, ears_);
  ASSERT_TRUE(console.Restore(state).ok());
  Bytes into(100);
  size_t count = console.Read(into);
  EXPECT_EQ(AsText(ByteSpan(into).first(count)), "cond");
  EXPECT_EQ(console.Write(AsBytes("put")), 3u);
  EXPECT_EQ(driver_.Hear(), "input");
  static_cast<void>(driver_.ReceiveControl());
  driver_.GiveControlBuffers(console, 1);
  EXPECT_THAT(driver_.ReceiveControl(), ElementsAre(ConsoleDriver::Message(1, 1, 1)));
  EXPECT_EQ(driver_.port_output.used_index(), 2);
}

TEST_F(ConsoleTest, Restore_NonsenseState_IsRefusedOrHarmless) {
  StartOpen();
  driver_.Say(console_, "abc");
  ConsoleState state = console_.Save();
  console_.Reset();
  ConsoleState bad = state;
  bad.control.waiting = {static_cast<ControlMessage>(9)};
  EXPECT_FALSE(console_.Restore(bad).ok());
  bad.control.waiting.assign(ConsoleControl::kMaxWaiting + 1, ControlMessage::kPortAdd);
  EXPECT_FALSE(console_.Restore(bad).ok());
  bad = state;
  bad.queues[kPortInput]->config.size = 0x8000;
  EXPECT_FALSE(console_.Restore(bad).ok());
  state.consumed = UINT64_MAX;
  Console console(*memory_, interrupt_, ears_);
  ASSERT_TRUE(console.Restore(state).ok());
  Bytes into(10);
  EXPECT_EQ(console.Read(into), 0u);
}

}  // namespace
}  // namespace boxlite::virtio
