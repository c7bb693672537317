#include "backend/neuron/environment.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace ix::backend::neuron {
namespace {

constexpr const char* kRootAddress = "NEURON_RT_ROOT_COMM_ID";
constexpr const char* kTimeout = "NEURON_RT_EXEC_TIMEOUT";
constexpr const char* kNumCores = "NEURON_RT_NUM_CORES";
constexpr const char* kVisibleCores = "NEURON_RT_VISIBLE_CORES";

bool is_set(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr && *value != '\0';
}

// A port that is free now; libnrt listens on it a moment later.
Result<int> free_loopback_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool bound = fd >= 0 &&
                     ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!bound) {
    return Status(StatusCode::unavailable,
                  fmt::format("no free port on 127.0.0.1 for the cores to meet at ({}); set {} to "
                              "an address and a port",
                              std::generic_category().message(error), kRootAddress));
  }
  return ntohs(address.sin_port);
}

}  // namespace

Status prepare_environment(int ranks, std::chrono::seconds execution_timeout) {
  if (ranks != 1 && !is_set(kRootAddress)) {
    IX_ASSIGN_OR_RETURN(const int port, free_loopback_port());
    ::setenv(kRootAddress, fmt::format("127.0.0.1:{}", port).c_str(), 1);
  }
  if (!is_set(kTimeout)) {
    ::setenv(kTimeout, std::to_string(execution_timeout.count()).c_str(), 1);
  }
  return ok_status();
}

ChosenCores::ChosenCores(int ranks)
    : set_(ranks > 0 && !is_set(kVisibleCores) && !is_set(kNumCores)) {
  if (set_) ::setenv(kNumCores, std::to_string(ranks).c_str(), 1);
}

ChosenCores::~ChosenCores() {
  if (set_) ::unsetenv(kNumCores);
}

std::chrono::seconds execution_timeout() {
  // What inf2's documentation says for an unset variable.
  constexpr int64_t kDefaultSeconds = 600;
  const char* text = ::getenv(kTimeout);
  const int64_t seconds = text != nullptr ? ::atoll(text) : 0;
  return std::chrono::seconds(seconds > 0 ? seconds : kDefaultSeconds);
}

}  // namespace ix::backend::neuron
