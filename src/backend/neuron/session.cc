#include "backend/neuron/session.h"

#include <chrono>
#include <thread>

namespace ix::backend::neuron {
namespace {

constexpr auto kPatience = std::chrono::seconds(2);
constexpr auto kFirstPause = std::chrono::milliseconds(1);
constexpr auto kLongestPause = std::chrono::milliseconds(50);

}  // namespace

Status Session::call(std::string_view what, FunctionRef<nrt::StatusValue()> function) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  std::chrono::milliseconds pause = kFirstPause;
  nrt::StatusValue value = function();
  while (nrt::may_retry_soon(value) && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
    value = function();
  }
  Status status = nrt::to_status(value, what);
  if (nrt::is_sticky(value)) die(status);
  return status;
}

Status Session::alive() const {
  const std::lock_guard lock(mutex_);
  return death_;
}

void Session::die(Status status) {
  const std::lock_guard lock(mutex_);
  if (death_.ok()) death_ = std::move(status);
}

}  // namespace ix::backend::neuron
