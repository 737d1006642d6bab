#include "context.hpp"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <cstring>

#include "failure.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#ifdef __x86_64__
// Saves the registers a call preserves, and changes stacks. swapcontext would also make two system calls.
extern "C" void emulation_switch_stack(void** save, void* to);
asm(R"(
.text
.p2align 4
.hidden emulation_switch_stack
.globl emulation_switch_stack
.type emulation_switch_stack, @function
emulation_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulation_switch_stack, .-emulation_switch_stack
)");
#endif

namespace emulation {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t stack_bytes = 64 * page;

constinit thread_local Fiber* running = nullptr;

}  // namespace

struct Fiber::Context {
#ifdef __x86_64__
  void* fiber = nullptr;
  void* scheduler = nullptr;
  void to_fiber() { emulation_switch_stack(&scheduler, fiber); }
  void to_scheduler() { emulation_switch_stack(&fiber, scheduler); }
#else
  ucontext_t fiber{};
  ucontext_t scheduler{};
  void to_fiber() { swapcontext(&scheduler, &fiber); }
  void to_scheduler() { swapcontext(&fiber, &scheduler); }
#endif
  // AddressSanitizer wants to know the stack that is switched to.
  void* fake_stack = nullptr;
  const void* scheduler_stack = nullptr;
  std::size_t scheduler_stack_bytes = 0;
};

Fiber::Fiber(void (*main)()) : main_(main), context_(new Context) {
  void* mapped = mmap(nullptr, page + stack_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED || mprotect(mapped, page, PROT_NONE) != 0)
    fail("the host has no memory for a stack");
  memory_ = static_cast<char*>(mapped);
#ifdef __x86_64__
  // As emulation_switch_stack finds it: six registers, where to go, and the place of a return address.
  void** top = reinterpret_cast<void**>(memory_ + page + stack_bytes);
  std::memset(top - 8, 0, 8 * sizeof(void*));
  top[-2] = reinterpret_cast<void*>(&Fiber::start);
  context_->fiber = top - 8;
#else
  getcontext(&context_->fiber);
  context_->fiber.uc_stack.ss_sp = memory_ + page;
  context_->fiber.uc_stack.ss_size = stack_bytes;
  makecontext(&context_->fiber, &Fiber::start, 0);
#endif
}

Fiber::~Fiber() {
  munmap(memory_, page + stack_bytes);
  delete context_;
}

Fiber* Fiber::current() { return running; }

void Fiber::start() {
#ifdef __SANITIZE_ADDRESS__
  Context& context = *running->context_;
  __sanitizer_finish_switch_fiber(nullptr, &context.scheduler_stack, &context.scheduler_stack_bytes);
#endif
  running->main_();
  fail("a fiber's main returned");
}

void Fiber::resume() {
  running = this;
#ifdef __SANITIZE_ADDRESS__
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, memory_ + page, stack_bytes);
#endif
  context_->to_fiber();
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
  running = nullptr;
}

void Fiber::suspend() {
  Context& context = *running->context_;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&context.fake_stack, context.scheduler_stack, context.scheduler_stack_bytes);
#endif
  context.to_scheduler();
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(context.fake_stack, &context.scheduler_stack,
                                  &context.scheduler_stack_bytes);
#endif
}

}  // namespace emulation
