#include "backend/xla/tensor_table.h"

namespace ix::backend::xla {

Result<RankTensors> RankTensors::create(Runtime& runtime, const hlo::Shape& shape,
                                        const std::string& name) {
  RankTensors out;
  for (int rank = 0; rank < runtime.ranks(); ++rank) {
    IX_ASSIGN_OR_RETURN(auto tensor, runtime.tensor(rank, shape, name));
    out.tensors_.push_back(std::move(tensor));
  }
  return out;
}

Status RankTensors::write(Runtime& runtime, std::span<const std::byte> bytes) const {
  for (const auto& tensor : tensors_) IX_RETURN_IF_ERROR(runtime.write(*tensor, bytes));
  return ok_status();
}

Result<RankTensors*> TensorTable::get(InputKind kind, int32_t index, const hlo::NamedShape& what) {
  if (RankTensors* known = find(kind, index)) return known;
  IX_ASSIGN_OR_RETURN(RankTensors made, RankTensors::create(runtime_, what.shape, what.name));
  return &tensors_.emplace(std::pair(kind, index), std::move(made)).first->second;
}

RankTensors* TensorTable::find(InputKind kind, int32_t index) {
  const auto it = tensors_.find({kind, index});
  return it == tensors_.end() ? nullptr : &it->second;
}

Status TensorTable::clear() {
  std::vector<std::byte> zeros;
  for (const auto& [what, tensors] : tensors_) {
    zeros.resize(static_cast<size_t>(hlo::byte_size(tensors.on(0)->shape())));
    IX_RETURN_IF_ERROR(tensors.write(runtime_, zeros));
  }
  return ok_status();
}

}  // namespace ix::backend::xla
