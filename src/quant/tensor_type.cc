#include "quant/tensor_type.h"

#include <fmt/format.h>

#include "base/checked_math.h"

namespace ix::quant {
namespace {

constexpr TypeTraits kTraits[] = {
    {TensorType::f32, "F32", 1, 4, true},
    {TensorType::f16, "F16", 1, 2, true},
    {TensorType::q4_0, "Q4_0", 32, 18, true},
    {TensorType::q4_1, "Q4_1", 32, 20, true},
    {TensorType::q5_0, "Q5_0", 32, 22, true},
    {TensorType::q5_1, "Q5_1", 32, 24, true},
    {TensorType::q8_0, "Q8_0", 32, 34, true},
    {TensorType::q8_1, "Q8_1", 32, 36, false},
    {TensorType::q2_k, "Q2_K", 256, 84, true},
    {TensorType::q3_k, "Q3_K", 256, 110, true},
    {TensorType::q4_k, "Q4_K", 256, 144, true},
    {TensorType::q5_k, "Q5_K", 256, 176, true},
    {TensorType::q6_k, "Q6_K", 256, 210, true},
    {TensorType::q8_k, "Q8_K", 256, 292, false},
    {TensorType::iq2_xxs, "IQ2_XXS", 256, 66, false},
    {TensorType::iq2_xs, "IQ2_XS", 256, 74, false},
    {TensorType::iq3_xxs, "IQ3_XXS", 256, 98, false},
    {TensorType::iq1_s, "IQ1_S", 256, 50, false},
    {TensorType::iq4_nl, "IQ4_NL", 32, 18, true},
    {TensorType::iq3_s, "IQ3_S", 256, 110, false},
    {TensorType::iq2_s, "IQ2_S", 256, 82, false},
    {TensorType::iq4_xs, "IQ4_XS", 256, 136, true},
    {TensorType::i8, "I8", 1, 1, false},
    {TensorType::i16, "I16", 1, 2, false},
    {TensorType::i32, "I32", 1, 4, false},
    {TensorType::i64, "I64", 1, 8, false},
    {TensorType::f64, "F64", 1, 8, false},
    {TensorType::iq1_m, "IQ1_M", 256, 56, false},
    {TensorType::bf16, "BF16", 1, 2, true},
    {TensorType::tq1_0, "TQ1_0", 256, 54, false},
    {TensorType::tq2_0, "TQ2_0", 256, 66, false},
    {TensorType::mxfp4, "MXFP4", 32, 17, false},
    {TensorType::nvfp4, "NVFP4", 64, 36, false},
    {TensorType::q1_0, "Q1_0", 128, 18, false},
    {TensorType::q2_0, "Q2_0", 64, 18, false},
};

}  // namespace

const TypeTraits* find_traits(TensorType type) {
  for (const TypeTraits& traits : kTraits) {
    if (traits.type == type) return &traits;
  }
  return nullptr;
}

std::string type_name(TensorType type) {
  const TypeTraits* traits = find_traits(type);
  if (traits != nullptr) return std::string(traits->name);
  return fmt::format("type {}", static_cast<uint32_t>(type));
}

Result<int64_t> row_bytes(TensorType type, int64_t cols) {
  const TypeTraits* traits = find_traits(type);
  if (traits == nullptr) {
    return unsupported(fmt::format("tensor {} is not known here", type_name(type)));
  }
  if (cols < 0 || cols % traits->block_weights != 0) {
    return invalid_argument(fmt::format("a row of {} weights: {} needs a multiple of {}", cols,
                                        traits->name, traits->block_weights));
  }
  const auto bytes = checked_mul<int64_t>(cols / traits->block_weights, traits->block_bytes);
  if (!bytes) {
    return resource_exhausted(fmt::format(
        "a row of {} weights of {} has more bytes than an int64 can count", cols, traits->name));
  }
  return *bytes;
}

}  // namespace ix::quant
