// Tensors of an executor by what they are, made when a program first needs them.
#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "backend/xla/lowering/program_shape.h"
#include "backend/xla/runtime.h"

namespace ix::backend::xla {

// One tensor on every rank.
class RankTensors {
 public:
  static Result<RankTensors> create(Runtime& runtime, const hlo::Shape& shape,
                                    const std::string& name);

  bool empty() const { return tensors_.empty(); }
  DeviceTensor* on(int rank) const { return tensors_[static_cast<size_t>(rank)].get(); }
  // The same content on all ranks.
  Status write(Runtime& runtime, std::span<const std::byte> bytes) const;

 private:
  std::vector<std::unique_ptr<DeviceTensor>> tensors_;
};

// Inputs (and hidden values) of programs that run on the same rows.
class TensorTable {
 public:
  explicit TensorTable(Runtime& runtime) : runtime_(runtime) {}

  // The tensor for an input, made of zeros if it is not there.
  Result<RankTensors*> get(InputKind kind, int32_t index, const hlo::NamedShape& what);

  // Null where no program has such an input.
  RankTensors* find(InputKind kind, int32_t index = 0);

  // Zeros in all tensors.
  Status clear();

 private:
  Runtime& runtime_;
  std::map<std::pair<InputKind, int32_t>, RankTensors> tensors_;
};

}  // namespace ix::backend::xla
