/* The smallest guest there is, to see whether KVM runs one: seven instructions of real mode
 * multiply two numbers, write the product to a port and halt. It ends with 0 when exactly that came
 * out, and says what did.
 *
 *   first_guest
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { kMemory = 0x10000, kStart = 0x1000, kPort = 0x2f8, kLeft = 6, kRight = 7 };

static const uint8_t kProgram[] = {
    0xb0, kLeft,                    /* mov $6, %al */
    0xb3, kRight,                   /* mov $7, %bl */
    0xf6, 0xe3,                     /* mul %bl */
    0xba, kPort & 0xff, kPort >> 8, /* mov $port, %dx */
    0xee,                           /* out %al, (%dx) */
    0xa2, 0x00,         0x20,       /* mov %al, 0x2000 */
    0xf4,                           /* hlt */
};

static int Call(int descriptor, unsigned long request, void* argument, const char* what) {
  int result = ioctl(descriptor, request, argument);
  if (result < 0) err(1, "%s", what);
  return result;
}

static int CallWith(int descriptor, unsigned long request, unsigned long argument,
                    const char* what) {
  int result = ioctl(descriptor, request, argument);
  if (result < 0) err(1, "%s", what);
  return result;
}

static void* Map(size_t size, int flags, int descriptor, const char* what) {
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, descriptor, 0);
  if (memory == MAP_FAILED) err(1, "%s", what);
  return memory;
}

/* Flat segments from address 0 and the first instruction at kStart; the rest is as a reset leaves
 * it. */
static void SetRegisters(int vcpu) {
  struct kvm_sregs system;
  struct kvm_regs registers = {.rip = kStart, .rflags = 2};
  Call(vcpu, KVM_GET_SREGS, &system, "KVM_GET_SREGS");
  system.cs.base = 0;
  system.cs.selector = 0;
  Call(vcpu, KVM_SET_SREGS, &system, "KVM_SET_SREGS");
  Call(vcpu, KVM_SET_REGS, &registers, "KVM_SET_REGS");
}

/* Runs the guest until it halts; the one byte that it wrote to the port. */
static int Run(int vcpu, struct kvm_run* run) {
  int written = -1;
  for (;;) {
    CallWith(vcpu, KVM_RUN, 0, "KVM_RUN");
    if (run->exit_reason == KVM_EXIT_HLT) return written;
    if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT ||
        run->io.port != kPort || run->io.size != 1 || run->io.count != 1 || written != -1)
      errx(1, "an exit that nothing explains, reason %u", run->exit_reason);
    written = ((uint8_t*)run)[run->io.data_offset];
  }
}

int main(void) {
  int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0) err(1, "/dev/kvm");
  int vm = CallWith(kvm, KVM_CREATE_VM, 0, "KVM_CREATE_VM");
  uint8_t* memory = Map(kMemory, MAP_PRIVATE | MAP_ANONYMOUS, -1, "the guest's memory");
  memcpy(memory + kStart, kProgram, sizeof kProgram);
  struct kvm_userspace_memory_region region = {.memory_size = kMemory,
                                               .userspace_addr = (uintptr_t)memory};
  Call(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");

  int vcpu = CallWith(vm, KVM_CREATE_VCPU, 0, "KVM_CREATE_VCPU");
  int size = CallWith(kvm, KVM_GET_VCPU_MMAP_SIZE, 0, "KVM_GET_VCPU_MMAP_SIZE");
  SetRegisters(vcpu);
  int written = Run(vcpu, Map((size_t)size, MAP_SHARED, vcpu, "the vCPU's state"));

  printf("%d by the port, %d in memory\n", written, memory[0x2000]);
  return written == kLeft * kRight && memory[0x2000] == kLeft * kRight ? 0 : 1;
}
