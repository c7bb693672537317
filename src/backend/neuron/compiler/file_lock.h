// A lock between processes (and threads) that the system gives back when its holder dies.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace ix::backend::neuron {

class FileLock {
 public:
  // Waits for the lock of a file, which is made where it is missing and never removed. `cancelled`
  // (may be empty) ends the wait; `waiting` (may be empty) is called once when there is a holder.
  static Result<FileLock> acquire(const std::string& path, const std::function<bool()>& cancelled,
                                  const std::function<void()>& waiting);
  // Nothing where someone holds it.
  static Result<std::optional<FileLock>> try_acquire(const std::string& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace ix::backend::neuron
