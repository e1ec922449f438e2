#include "vm/raw_kernel.h"

#include <initializer_list>

#include "kvm/layout.h"
#include "unit/kvm/kernel_image.h"

namespace boxlite::vm_test {
namespace {

void Append(Bytes& code, std::initializer_list<uint8_t> bytes, uint32_t value) {
  code.insert(code.end(), bytes);
  AppendLe(code, value);
}

}  // namespace

UniqueFd RawKernel(machine::Slot slot, std::span<const RegisterWrite> writes, uint32_t times,
                   ByteSpan data) {
  uint64_t registers = kvm::kMmioStart + static_cast<uint64_t>(slot) * kvm::kMmioSize;
  Bytes code;
  Append(code, {0xbf}, static_cast<uint32_t>(registers));  // mov edi, registers
  Append(code, {0xb9}, times);                             // mov ecx, times
  size_t again = code.size();
  for (const RegisterWrite& write : writes) {
    Append(code, {0xc7, 0x87}, write.offset);  //              mov dword [edi+offset], value
    AppendLe(code, write.value);
  }
  code.push_back(0x49);  // dec ecx
  // jnz again, which counts from the next instruction.
  Append(code, {0x0f, 0x85}, static_cast<uint32_t>(again - (code.size() + 6)));
  Append(code, {0x66, 0xba, 0xf8, 0x03, 0xb8}, '!');  // mov dx, the serial port; mov eax, '!'
  Append(code, {0xee, 0xb8}, '\n');                   // out dx, al; mov eax, '\n'
  code.insert(code.end(), {0xee, 0xfa, 0xf4});        // out dx, al; cli; hlt
  code.resize(kRawData - kRawEntry);
  code.insert(code.end(), data.begin(), data.end());
  size_t size = code.size();
  kvm::KernelImage image(kRawEntry);
  image.Segment(kRawEntry, std::move(code), size).Notes(kvm::PvhNote(kRawEntry));
  return image.File();
}

}  // namespace boxlite::vm_test
