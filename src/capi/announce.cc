#include "capi/announce.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

#include "capi/runtime.h"

namespace ix::capi {
namespace {

std::string device_line() {
  const Result<Machine*> machine = Runtime::get().machine();
  if (!machine.ok()) return fmt::format("none ({})", machine.status().message());
  std::string line = (*machine)->device.name;
  if (neuron_device_present()) {
    line += "; a Neuron device is present, but Neuron is not built in yet";
  }
  return line;
}

void announce() {
  const char* quiet = std::getenv("IX_QUIET");
  if (quiet != nullptr && std::string_view(quiet) == "1") return;
  const std::string lines = fmt::format(
      "[Inference-X] Backend: AWS_INFERENTIA | Author: Salka Elmadani\n[Inference-X] Device: {}\n",
      device_line());
  // One write, so that lines of other threads do not come between.
  if (write(STDERR_FILENO, lines.data(), lines.size()) < 0) return;
}

}  // namespace

void announce_once() noexcept {
  static std::atomic<bool> done = false;
  if (done.exchange(true)) return;
  try {
    announce();
  } catch (...) {  // without memory there is no announcement
    return;
  }
}

}  // namespace ix::capi
