#include "hostile/raw_guest.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "kvm/layout.h"

namespace boxlite::hostile_test {
namespace {

// What a processor has of its own.
struct Own {
  uint64_t code, table_register, stack, interrupt_table, script;
};
constexpr Own kOwn[kMaxRawCpus] = {{0x1000, 0x1f00, 0x3000, 0x4000, 0x20000},
                                   {0x12000, 0x12f00, 0x14000, 0x15000, 0x30000}};
constexpr uint64_t kNoTableRegister = 0x1f10;
constexpr uint64_t kMoreTables = 0xc000;  // after those of the first GiB; four pages
constexpr size_t kStepSize = 32;
constexpr size_t kMaxSteps = (kGuestEnd - kOwn[1].script) / kStepSize;

// What runs around the steps; the addresses are the first processor's. RSI is the step that runs.
constexpr uint8_t kFrame[] = {
    0xbc, 0x00, 0x30, 0x00, 0x00,                    //         mov esp, 0x3000
    0x0f, 0x01, 0x1c, 0x25, 0x00, 0x1f, 0x00, 0x00,  //         lidt [kTableRegister]
    0xba, 0x10, 0x05, 0x00, 0x00,                    // next:   mov edx, kTurnstilePort
    0xec,                                            //         in al, dx
    0xbe, 0x00, 0x00, 0x02, 0x00,                    //         mov esi, kScript
    0x8b, 0x0e,                                      // step:   mov ecx, [rsi]
    0x48, 0x8b, 0x7e, 0x08,                          //         mov rdi, [rsi+8]
    0x48, 0x8b, 0x46, 0x10,                          //         mov rax, [rsi+16]
    0xc1, 0xe1, 0x04,                                //         shl ecx, 4
    0x81, 0xc1, 0x50, 0x10, 0x00, 0x00,              //         add ecx, cells
    0xff, 0xd1,                                      //         call rcx
    0x48, 0x89, 0x46, 0x18,                          //         mov [rsi+24], rax
    0x83, 0xc6, 0x20,                                // onward: add esi, 32
    0xeb, 0xe2,                                      //         jmp step
    0xb0, 0x0d,                                      // gp:     mov al, 13
    0xeb, 0x06,                                      //         jmp fault
    0xb0, 0x06,                                      // ud:     mov al, 6
    0xeb, 0x02,                                      //         jmp fault
    0xb0, 0x0e,                                      // pf:     mov al, 14
    0x0f, 0xb6, 0xc0,                                // fault:  movzx eax, al
    0x89, 0x46, 0x04,                                //         mov [rsi+4], eax
    0xbc, 0x00, 0x30, 0x00, 0x00,                    //         mov esp, 0x3000
    0xeb, 0xe4,                                      //         jmp onward
};
// Offsets in it.
constexpr uint64_t kNext = 0x0d, kCells = 0x50;
constexpr uint64_t kGpHandler = 0x36, kUdHandler = 0x3a, kPfHandler = 0x3e;
constexpr size_t kStackIn = 1, kTableRegisterIn = 9, kPortIn = 14, kScriptIn = 20, kCellsIn = 39,
                 kFaultStackIn = 71;
static_assert(sizeof kFrame <= kCells);

// One for each Op: address in RDI, value in RAX, which is also what was read.
using Cell = std::array<uint8_t, 16>;
constexpr Cell kCode[] = {
    {0xb9, 0x0d, 0x10, 0, 0, 0x58, 0xff, 0xe1},  // mov ecx, next; pop rax; jmp rcx
    {0x0f, 0xb6, 0x07, 0xc3},                    // movzx eax, byte [rdi]; ret
    {0x0f, 0xb7, 0x07, 0xc3},                    // movzx eax, word [rdi]; ret
    {0x8b, 0x07, 0xc3},                          // mov eax, [rdi]; ret
    {0x48, 0x8b, 0x07, 0xc3},                    // mov rax, [rdi]; ret
    {0x88, 0x07, 0xc3},                          // mov [rdi], al; ret
    {0x66, 0x89, 0x07, 0xc3},                    // mov [rdi], ax; ret
    {0x89, 0x07, 0xc3},                          // mov [rdi], eax; ret
    {0x48, 0x89, 0x07, 0xc3},                    // mov [rdi], rax; ret
    {0x89, 0xfa, 0xec, 0x0f, 0xb6, 0xc0, 0xc3},  // mov edx, edi; in al, dx; movzx eax, al; ret
    {0x89, 0xfa, 0x66, 0xed, 0x0f, 0xb7, 0xc0, 0xc3},  // mov edx, edi; in ax, dx; movzx …; ret
    {0x89, 0xfa, 0xed, 0xc3},                          // mov edx, edi; in eax, dx; ret
    {0x89, 0xfa, 0xee, 0xc3},                          // mov edx, edi; out dx, al; ret
    {0x89, 0xfa, 0x66, 0xef, 0xc3},                    // mov edx, edi; out dx, ax; ret
    {0x89, 0xfa, 0xef, 0xc3},                          // mov edx, edi; out dx, eax; ret
    // mov edx, edi; mov ecx, [rsi+24]; 1: out dx, al; dec ecx; jnz 1b; ret
    {0x89, 0xfa, 0x8b, 0x4e, 0x18, 0xee, 0xff, 0xc9, 0x75, 0xfb, 0xc3},
    // mov ecx, [rsi+24]; 1: mov [rdi], eax; dec ecx; jnz 1b; ret
    {0x8b, 0x4e, 0x18, 0x89, 0x07, 0xff, 0xc9, 0x75, 0xfa, 0xc3},
    // mov ecx, [rsi+24]; 1: xor [rdi], rax; dec ecx; jnz 1b; ret
    {0x8b, 0x4e, 0x18, 0x48, 0x31, 0x07, 0xff, 0xc9, 0x75, 0xf9, 0xc3},
    // mov ecx, edi; rdmsr; shl rdx, 32; or rax, rdx; ret
    {0x89, 0xf9, 0x0f, 0x32, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0xc3},
    // mov ecx, edi; mov rdx, rax; shr rdx, 32; wrmsr; ret
    {0x89, 0xf9, 0x48, 0x89, 0xc2, 0x48, 0xc1, 0xea, 0x20, 0x0f, 0x30, 0xc3},
    {0xfa, 0xf4, 0xc3},                                            // cli; hlt; ret
    {0x0f, 0x01, 0x1c, 0x25, 0x10, 0x1f, 0x00, 0x00, 0x0f, 0x0b},  // lidt [kNoTableRegister]; ud2
    {0x0f, 0x01, 0xd8, 0xc3},                                      // vmrun; ret
    {0xf3, 0x0f, 0xc7, 0x36, 0xc3},                                // vmxon [rsi]; ret
    {0xeb, 0xfe},                                                  // jmp $
};
static_assert(std::size(kCode) == static_cast<size_t>(Op::kSpin) + 1);

// An interrupt gate of 64-bit mode (Intel SDM volume 3A, 6.14.1); 0x10 is the code segment.
void PutGate(Bytes& table, uint32_t vector, uint64_t handler) {
  constexpr uint64_t kPresentGate = 0x8e00, kCodeSegment = 0x10;
  StoreLe(table.data() + 16 * size_t{vector},
          (handler & 0xffff) | kCodeSegment << 16 | kPresentGate << 32 | (handler >> 16) << 48);
}

Bytes TableRegister(uint16_t limit, uint64_t base) {
  Bytes bytes;
  AppendLe(bytes, limit);
  AppendLe(bytes, base);
  return bytes;
}

bool PutInterruptTable(kvm::GuestMemory& memory, const Own& own) {
  constexpr uint32_t kPageFault = 14;
  Bytes table(kvm::kPageSize);
  PutGate(table, kInvalidOpcode, own.code + kUdHandler);
  PutGate(table, kGeneralProtection, own.code + kGpHandler);
  PutGate(table, kPageFault, own.code + kPfHandler);
  return memory.Write(own.interrupt_table, table) &&
         memory.Write(own.table_register, TableRegister(kvm::kPageSize - 1, own.interrupt_table)) &&
         memory.Write(kNoTableRegister, TableRegister(0, 0));
}

bool PutCode(kvm::GuestMemory& memory, uint32_t cpu) {
  const Own& own = kOwn[cpu];
  Bytes frame(std::begin(kFrame), std::end(kFrame));
  auto set = [](uint8_t* at, uint64_t value) { StoreLe(at, static_cast<uint32_t>(value)); };
  set(frame.data() + kStackIn, own.stack);
  set(frame.data() + kFaultStackIn, own.stack);
  set(frame.data() + kTableRegisterIn, own.table_register);
  set(frame.data() + kPortIn, uint64_t{kTurnstilePort} + cpu);
  set(frame.data() + kScriptIn, own.script);
  set(frame.data() + kCellsIn, own.code + kCells);
  bool put = memory.Write(own.code, frame);
  for (size_t i = 0; i < std::size(kCode); ++i) {
    Cell cell = kCode[i];
    if (i == static_cast<size_t>(Op::kEnd)) set(cell.data() + 1, own.code + kNext);
    put = put && memory.Write(own.code + kCells + i * sizeof cell, cell);
  }
  return put && PutInterruptTable(memory, own);
}

// Pages of 2 MiB for the GiBs after the first.
bool PutMorePageTables(kvm::GuestMemory& memory) {
  constexpr uint64_t kPresent = 3, kLarge = 1 << 7, kLargePage = 2 * 1024 * 1024, kEntries = 512;
  constexpr uint64_t kSecondLevel = kvm::kPageTables + kvm::kPageSize;
  bool put = true;
  for (uint64_t gib = 1; gib <= 4; ++gib) {
    uint64_t table = kMoreTables + (gib - 1) * kvm::kPageSize;
    put = put && memory.Store(kSecondLevel + 8 * gib, table | kPresent);
    for (uint64_t i = 0; i < kEntries; ++i)
      put =
          put && memory.Store(table + 8 * i, (gib * kEntries + i) * kLargePage | kPresent | kLarge);
  }
  return put;
}

}  // namespace

uint64_t EntryOf(uint32_t cpu) {
  return kOwn[cpu].code;
}

Result<void> PutRawGuest(kvm::GuestMemory& memory) {
  bool put = PutMorePageTables(memory);
  for (uint32_t cpu = 0; cpu < kMaxRawCpus; ++cpu) put = put && PutCode(memory, cpu);
  if (!put) return Error(Code::kInternal, "the raw guest does not fit into memory");
  return {};
}

Result<void> PutScript(kvm::GuestMemory& memory, const Script& script, uint32_t cpu) {
  Bytes bytes;
  for (const Step& step : script) {
    AppendLe<uint32_t>(bytes, static_cast<uint32_t>(step.op));
    AppendLe<uint32_t>(bytes, 0);
    AppendLe<uint64_t>(bytes, step.address);
    AppendLe<uint64_t>(bytes, step.value);
    AppendLe<uint64_t>(bytes, step.result);
  }
  bytes.resize(bytes.size() + kStepSize);  // kEnd
  if (script.size() >= kMaxSteps || !memory.Write(kOwn[cpu].script, bytes))
    return Error(Code::kInvalidArgument, "a script is too long");
  return {};
}

Script TakeScript(const kvm::GuestMemory& memory, size_t steps, uint32_t cpu) {
  Bytes bytes(steps * kStepSize);
  if (!memory.Read(kOwn[cpu].script, bytes)) return {};
  ByteReader reader(bytes);
  Script script;
  for (size_t i = 0; i < steps; ++i) {
    Step step;
    step.op = static_cast<Op>(reader.Take<uint32_t>());
    step.fault = reader.Take<uint32_t>();
    step.address = reader.Take<uint64_t>();
    step.value = reader.Take<uint64_t>();
    step.result = reader.Take<uint64_t>();
    script.push_back(step);
  }
  return script;
}

void Turnstile::Read(uint64_t, std::span<uint8_t>) {
  std::unique_lock lock(mutex_);
  waiting_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return passes_ || open_; });
  waiting_ = passes_ = false;
}

void Turnstile::LetThrough() {
  std::lock_guard lock(mutex_);
  passes_ = true;
  changed_.notify_all();
}

bool Turnstile::WaitUntilBack(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return waiting_ && !passes_; });
}

void Turnstile::Open() {
  std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

}  // namespace boxlite::hostile_test
