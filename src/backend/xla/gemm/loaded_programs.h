// Programs that were compiled and loaded, each once.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "backend/xla/gemm/gemm_programs.h"
#include "backend/xla/runtime.h"

namespace ix::backend::xla {

// Thread-safe. Who asks for a program that another thread is loading waits for it; one that could
// not be loaded is tried again by the next who asks.
class LoadedPrograms {
 public:
  // The runtime outlives it and the programs.
  explicit LoadedPrograms(Runtime& runtime) : runtime_(runtime) {}

  Result<std::shared_ptr<Program>> gemm(const GemmShape& shape);
  Result<std::shared_ptr<Program>> dequantize(int64_t blocks);

  // How many were loaded so far.
  int64_t count() const { return count_; }

  void clear();

 private:
  struct Entry {
    std::mutex mutex;
    std::shared_ptr<Program> program;  // null until it is loaded
  };
  Result<std::shared_ptr<Program>> load(const hlo::Module& module);

  Runtime& runtime_;
  std::atomic<int64_t> count_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;  // by the programs' names
};

}  // namespace ix::backend::xla
