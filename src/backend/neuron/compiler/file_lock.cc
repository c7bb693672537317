#include "backend/neuron/compiler/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

namespace ix::backend::neuron {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(50);

Status lock_error(const std::string& path, int error) {
  const auto code =
      error == EACCES || error == EROFS ? StatusCode::permission_denied : StatusCode::unavailable;
  return {code,
          fmt::format("{}: cannot lock it: {}", path, std::generic_category().message(error))};
}

}  // namespace

Result<std::optional<FileLock>> FileLock::try_acquire(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return lock_error(path, errno);
  FileLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return std::optional<FileLock>(std::move(lock));
  if (errno == EWOULDBLOCK) return std::optional<FileLock>();
  return lock_error(path, errno);
}

Result<FileLock> FileLock::acquire(const std::string& path, const std::function<bool()>& cancelled,
                                   const std::function<void()>& waiting) {
  for (bool told = false;;) {
    IX_ASSIGN_OR_RETURN(std::optional<FileLock> lock, try_acquire(path));
    if (lock.has_value()) return *std::move(lock);
    if (!told && waiting) waiting();
    told = true;
    if (cancelled && cancelled()) {
      return Status(StatusCode::cancelled, fmt::format("{}: the wait for it was cancelled", path));
    }
    std::this_thread::sleep_for(kPoll);
  }
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace ix::backend::neuron
