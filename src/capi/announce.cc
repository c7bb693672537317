#include "capi/announce.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

#include "capi/last_error.h"
#include "capi/runtime.h"

namespace ix::capi {
namespace {

std::string device_line() {
  const Result<Machine*> machine = Runtime::get().machine();
  if (!machine.ok()) return fmt::format("none ({})", one_line(machine.status().message()));
  const Device& device = (*machine)->device();
  return device.note.empty() ? device.name
                             : fmt::format("{}; {}", device.name, one_line(device.note));
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
