#include "fake_neuron/libnrt/state.h"

#include <chrono>
#include <thread>

namespace ix::fake_nrt {

State& state() {
  static State* const kState = [] {
    auto* made = new State;
    made->settings = read_settings();
    made->log.open(made->settings.log);
    made->script.open(made->settings.script);
    return made;
  }();
  return *kState;
}

void hang() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

StatusValue enter(const char* function, int core) {
  State& s = state();
  const std::optional<Action> action = s.script.next(function, core);
  if (!action.has_value()) return kSuccess;
  s.log.call(std::string("INJECTED ") + function);
  if (action->kind == Action::Kind::hang) hang();
  if (action->kind == Action::Kind::delay) {
    std::this_thread::sleep_for(std::chrono::milliseconds(action->value));
    return kSuccess;
  }
  return action->value;
}

StatusValue check_open() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  switch (s.phase) {
    case State::Phase::before:
      return kUninitialized;
    case State::Phase::closed:
      return kClosed;
    case State::Phase::open:
      return kSuccess;
  }
  return kUninitialized;
}

}  // namespace ix::fake_nrt
