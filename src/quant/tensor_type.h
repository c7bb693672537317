// The tensor types of GGUF files and the shape of their blocks.
// Source: ggml.h (ids) and ggml-common.h (sizes).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ix::quant {

// Ids as they stand in files.
enum class TensorType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  q1_0 = 41,
  q2_0 = 42,
};

struct TypeTraits {
  TensorType type;
  std::string_view name;  // as llama.cpp prints it: "Q4_K"
  int32_t block_weights;  // weights in a block; 1 for plain types
  int32_t block_bytes;    // bytes of a block
  bool dequantizable;     // dequantize_row() can read it
};

// Traits of a known type; null for an id that no version of the format has given out.
const TypeTraits* find_traits(TensorType type);

// Name for messages; "type 77" for an unknown id.
std::string type_name(TensorType type);

// Bytes of a row of `cols` weights. invalid_argument when cols is not a multiple of the block,
// unsupported for an unknown type, resource_exhausted when the product wraps.
Result<int64_t> row_bytes(TensorType type, int64_t cols);

}  // namespace ix::quant
