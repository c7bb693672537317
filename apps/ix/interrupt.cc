#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

#include "backend/neuron/compiler/process.h"

namespace ix::cli {
namespace {

volatile sig_atomic_t interrupts = 0;

[[noreturn]] void end_at_once(int signal) {
  backend::neuron::kill_running_processes();
  _exit(128 + signal);
}

extern "C" void count_interrupt(int signal) {
  interrupts = interrupts + 1;
  if (interrupts > 1) end_at_once(signal);
}

extern "C" void terminate_now(int signal) { end_at_once(signal); }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupts = 0;
  handle(SIGINT, count_interrupt);
  handle(SIGTERM, terminate_now);
}

InterruptGuard::~InterruptGuard() {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
}

bool InterruptGuard::pending() const { return interrupts > 0; }

bool InterruptGuard::take() {
  const bool was = interrupts > 0;
  interrupts = 0;
  return was;
}

}  // namespace ix::cli
