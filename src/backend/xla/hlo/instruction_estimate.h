// How many instructions a program may become on a NeuronCore: for printing, not for refusing,
// because no source gives the compiler's limit or its tiling.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace ix::hlo {
class HloModuleProto;
}  // namespace ix::hlo

namespace ix::backend::xla::hlo {

struct InstructionEstimate {
  int64_t tensor = 0;  // matrix products: a tile of 128 (contracted) x 128 by 512 columns each
  int64_t vector = 0;  // elementwise and reductions: 128 partitions x 512 elements each
  int64_t memory = 0;  // moved arrays: 128 partitions x 2 KiB each

  int64_t total() const { return tensor + vector + memory; }
};

// The model: every array is cut into tiles of 128 partitions by 512 elements (what one matmul
// instruction takes and what a PSUM bank holds in f32: 2 KiB a partition), nothing is fused,
// nothing is reused. A dot [B, M, K] x [B, K, N] is B * ceil(K/128) * ceil(min(M,N)/128) *
// ceil(max(M,N)/512) products: the smaller free extent is the stationary side. Every other array
// operation is ceil(elements / (128 * 512)) at least; parameters, constants, tuples and reshapes
// are none. Shapes that cannot be read count nothing.
InstructionEstimate estimate_instructions(const ix::hlo::HloModuleProto& module);

// Of a serialised HloModuleProto; corrupt where the bytes are none.
Result<InstructionEstimate> estimate_instructions(std::string_view bytes);

}  // namespace ix::backend::xla::hlo
