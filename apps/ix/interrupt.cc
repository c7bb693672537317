#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

namespace ix::cli {
namespace {

volatile sig_atomic_t interrupts = 0;

extern "C" void count_interrupt(int) {
  interrupts = interrupts + 1;
  if (interrupts > 1) _exit(130);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupts = 0;
  struct sigaction action = {};
  action.sa_handler = count_interrupt;
  sigaction(SIGINT, &action, nullptr);
}

InterruptGuard::~InterruptGuard() { signal(SIGINT, SIG_DFL); }

bool InterruptGuard::pending() const { return interrupts > 0; }

bool InterruptGuard::take() {
  const bool was = interrupts > 0;
  interrupts = 0;
  return was;
}

}  // namespace ix::cli
