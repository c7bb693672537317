#include "quant/dequantize.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "base/float16.h"
#include "quant/dequantize_block.h"

namespace ix::quant {
namespace {

template <typename Block, size_t kWeights>
void dequantize_blocks(std::span<const std::byte> src, std::span<float> dst) {
  for (size_t i = 0; i < dst.size() / kWeights; ++i) {
    Block block;
    std::memcpy(&block, src.data() + i * sizeof(Block), sizeof(Block));
    dequantize_block(block, dst.subspan(i * kWeights).first<kWeights>());
  }
}

template <float (*kToFloat)(uint16_t)>
void convert_16bit(std::span<const std::byte> src, std::span<float> dst) {
  for (size_t i = 0; i < dst.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, src.data() + i * sizeof(bits), sizeof(bits));
    dst[i] = kToFloat(bits);
  }
}

void copy_f32(std::span<const std::byte> src, std::span<float> dst) {
  if (!src.empty()) std::memcpy(dst.data(), src.data(), src.size());
}

using Dequantize = void (*)(std::span<const std::byte>, std::span<float>);

// Null for types without a reference.
Dequantize find_dequantize(TensorType type) {
  switch (type) {
    case TensorType::f32:
      return copy_f32;
    case TensorType::f16:
      return convert_16bit<half_to_float>;
    case TensorType::bf16:
      return convert_16bit<bfloat16_to_float>;
    case TensorType::q4_0:
      return dequantize_blocks<BlockQ4_0, 32>;
    case TensorType::q4_1:
      return dequantize_blocks<BlockQ4_1, 32>;
    case TensorType::q5_0:
      return dequantize_blocks<BlockQ5_0, 32>;
    case TensorType::q5_1:
      return dequantize_blocks<BlockQ5_1, 32>;
    case TensorType::q8_0:
      return dequantize_blocks<BlockQ8_0, 32>;
    case TensorType::q2_k:
      return dequantize_blocks<BlockQ2K, 256>;
    case TensorType::q3_k:
      return dequantize_blocks<BlockQ3K, 256>;
    case TensorType::q4_k:
      return dequantize_blocks<BlockQ4K, 256>;
    case TensorType::q5_k:
      return dequantize_blocks<BlockQ5K, 256>;
    case TensorType::q6_k:
      return dequantize_blocks<BlockQ6K, 256>;
    case TensorType::iq4_nl:
      return dequantize_blocks<BlockIq4Nl, 32>;
    case TensorType::iq4_xs:
      return dequantize_blocks<BlockIq4Xs, 256>;
    default:
      return nullptr;
  }
}

}  // namespace

Status dequantize_row(TensorType type, std::span<const std::byte> src, std::span<float> dst) {
  const Dequantize dequantize = find_dequantize(type);
  if (dequantize == nullptr) {
    return unsupported(
        fmt::format("tensor type {} cannot be read as floats here; convert the model "
                    "to a type such as Q4_K, Q6_K or Q8_0",
                    type_name(type)));
  }
  IX_ASSIGN_OR_RETURN(const int64_t bytes, row_bytes(type, static_cast<int64_t>(dst.size())));
  if (src.size() != static_cast<size_t>(bytes)) {
    return invalid_argument(fmt::format("{} weights of {} take {} bytes, {} were given", dst.size(),
                                        type_name(type), bytes, src.size()));
  }
  dequantize(src, dst);
  return ok_status();
}

}  // namespace ix::quant
