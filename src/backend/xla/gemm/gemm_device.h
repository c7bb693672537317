// Products of Q4_K weights on XLA devices.
//
// C = W B as the CPU's exact product (cpu/gemm_exact.h) but for the order of the sums:
//   |C - W B| <= gamma(K) |W| |B|, gamma(K) = K u / (1 - K u), u = 2^-24
// where the device adds in float32. Products of halves neither overflow nor underflow.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "backend/gemm_columns.h"
#include "backend/xla/gemm/device_queue.h"
#include "backend/xla/gemm/loaded_programs.h"
#include "backend/xla/gemm/sharded_weights.h"
#include "backend/xla/runtime.h"

namespace ix::backend::xla {

struct GemmDeviceOptions {
  int cores_per_device = 1;  // those that share memory: 2 on an Inferentia2; divides the ranks
  // After which an execution is given up and the device counts as dead.
  std::chrono::steady_clock::duration execution_limit = std::chrono::seconds(300);
};

// Thread-safe. Once the runtime is dead every function gives the same status.
class GemmDevice {
 public:
  // Throws std::system_error where no thread can be started.
  GemmDevice(std::shared_ptr<Runtime> runtime, const GemmDeviceOptions& options);
  ~GemmDevice() { close(); }
  GemmDevice(const GemmDevice&) = delete;
  GemmDevice& operator=(const GemmDevice&) = delete;

  int cores() const { return runtime_->ranks(); }
  // The largest number of groups of devices, all of one size, that is at most `most` >= 1.
  int groups(int64_t most) const;

  // Weights in so many groups(), as ShardedWeights::upload.
  Result<std::shared_ptr<const ShardedWeights>> upload(int64_t rows, int64_t k, int groups,
                                                       PanelFunction panel, ThreadPool& pool);

  // All products of a batch; their columns are spread over the groups of the weights. Nothing is
  // written to any C on an error. Sizes > 0, the caller's to check.
  Status multiply(const ShardedWeights& weights, const GemmLayout& layout,
                  std::span<const GemmOperands> batch);

  // out[256 b + i] = weight i of block b in float32, spread over at most `most_cores` cores (0:
  // all). blocks: whole Q4_K blocks, at least one. Nothing is written on an error.
  Status dequantize(std::span<const std::byte> blocks, int64_t most_cores, float* out);

  // How many programs were loaded so far.
  int64_t programs() const { return programs_.count(); }

  Health health() const { return runtime_->health(); }
  std::string description() const { return runtime_->description(); }

  // Ends what runs, refuses what waits and what comes, and frees what the devices hold but weights.
  // Safe to call twice, but not by two threads at once.
  void close();

 private:
  const std::shared_ptr<Runtime> runtime_;
  const int devices_;
  LoadedPrograms programs_;
  DeviceQueue queue_;
};

}  // namespace ix::backend::xla
