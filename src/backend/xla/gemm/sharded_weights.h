// Weights on the devices, as halves.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "backend/xla/runtime.h"
#include "base/function_ref.h"
#include "base/thread_pool.h"

namespace ix::backend::xla {

// Weights [rows, k] as halves, piece by piece: out [256, 32] becomes columns [256 block, 256 block
// + 256) of rows [first_row, first_row + 32), transposed; rows beyond the last are zeros. Called by
// several threads at once; throws nothing.
inline constexpr int64_t kPanelRows = 32;
inline constexpr int64_t kPanelDepth = 256;
using PanelFunction = FunctionRef<void(int64_t first_row, int64_t block, uint16_t* out)>;

// Ranks form `copies` groups of equal size; each group has all rows, the core at place i of a group
// has rows [i rows_of_core, (i + 1) rows_of_core), as f16[k, rows_of_core]. Immutable; freed with
// the last reference, by any thread.
class ShardedWeights {
 public:
  // rows, k > 0; k a multiple of 256; copies divides the number of ranks. The runtime's errors.
  static Result<std::shared_ptr<const ShardedWeights>> upload(
      const std::shared_ptr<Runtime>& runtime, int64_t rows, int64_t k, int copies,
      PanelFunction panel, ThreadPool& pool);

  int64_t rows() const { return rows_; }
  int64_t k() const { return k_; }
  int64_t rows_of_core() const { return rows_of_core_; }
  int copies() const { return copies_; }
  int cores_of_copy() const { return static_cast<int>(tensors_.size()) / copies_; }
  DeviceTensor* tensor(int rank) const { return tensors_[static_cast<size_t>(rank)].get(); }

 private:
  ShardedWeights(std::shared_ptr<Runtime> runtime, int64_t rows, int64_t k, int copies)
      : runtime_(std::move(runtime)), rows_(rows), k_(k), copies_(copies) {}
  Status fill(int place, PanelFunction panel, ThreadPool& pool);

  const std::shared_ptr<Runtime> runtime_;  // outlives the tensors
  const int64_t rows_;
  const int64_t k_;
  const int copies_;
  int64_t rows_of_core_ = 0;
  std::vector<std::unique_ptr<DeviceTensor>> tensors_;  // [ranks]
};

}  // namespace ix::backend::xla
