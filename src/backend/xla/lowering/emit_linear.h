// Products with a weight in any of its forms.
#pragma once

#include "backend/xla/hlo/builder.h"
#include "backend/xla/lowering/program_shape.h"
#include "backend/xla/weights/weight_form.h"

namespace ix::backend::xla {

// Arrays of a weight [in, out] on this rank, as weight_pieces() lists them.
struct EmittedWeight {
  WeightForm form;
  std::vector<hlo::Op> pieces;
};

// x f32 [rows, in] -> f32 [rows, out]. x is rounded to the weight's type: bf16 for bf16, int8 and
// q4; f16 after a clamp to its range.
hlo::Op emit_product(hlo::Builder& b, hlo::Op x, const EmittedWeight& weight,
                     const LoweringTarget& target);

}  // namespace ix::backend::xla
