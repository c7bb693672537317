// How much more attention rounds on an instruction set than with halves.
#pragma once

#include <cmath>

#include "backend/cpu/kernels/vector_dispatch.h"

namespace ix::testing {

// 1 for keys and values in halves, whose 11 bits are off by 2^-11 of themselves at most. bfloat16
// has 8 bits, and rounds queries and weights as well: twice as many roundings, independent.
inline double attention_rounding(backend::cpu::Isa isa) {
  const auto form = backend::cpu::vector_kernels(isa).attention.form;
  return form == backend::cpu::KvForm::halves ? 1.0 : 8 * std::sqrt(2.0);
}

}  // namespace ix::testing
