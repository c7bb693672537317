#include "fake_neuron/libnrt/core_ownership.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

namespace ix::fake_nrt {

bool CoreOwnership::claim(const std::string& directory, int cores, const CoreRequest& request) {
  std::filesystem::create_directories(directory);
  const int count = request.count.value_or(cores);
  if (request.first.has_value()) {
    return *request.first + count <= cores && claim_range(directory, *request.first, count);
  }
  for (int first = 0; first + count <= cores; ++first) {
    if (claim_range(directory, first, count)) return true;
  }
  return false;
}

bool CoreOwnership::claim_range(const std::string& directory, int first, int count) {
  first_ = first;
  for (int core = first; core < first + count; ++core) {
    const std::string path = directory + "/core-" + std::to_string(core);
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0) held_.push_back(fd);
    if (fd < 0 || ::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      release();
      return false;
    }
  }
  return true;
}

void CoreOwnership::release() {
  for (const int fd : held_) ::close(fd);
  held_.clear();
}

}  // namespace ix::fake_nrt
