// Random weights of a type and shape, packed, in several copies.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/packed_matrix.h"
#include "base/page_buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "quant/tensor_type.h"

namespace ix::cli {

// Types that have a packed form, in the order of their ids.
std::vector<quant::TensorType> packable_types();

class PackedWeights {
 public:
  // Copies of one matrix W [m, k], one or more, together `working_set` bytes or more.
  // invalid_argument for a k that the type has no blocks for, resource_exhausted, with the figures,
  // without memory.
  static Result<PackedWeights> create(quant::TensorType type, int64_t m, int64_t k,
                                      int64_t working_set, ThreadPool& pool);

  int64_t count() const { return static_cast<int64_t>(matrices_.size()); }
  const backend::cpu::PackedMatrix& at(int64_t i) const {
    return matrices_[static_cast<size_t>(i)];
  }
  double pack_bytes_per_second() const { return pack_bytes_per_second_; }  // of source bytes

 private:
  PageBuffer storage_;
  std::vector<backend::cpu::PackedMatrix> matrices_;  // [count], in storage_
  double pack_bytes_per_second_ = 0;
};

}  // namespace ix::cli
