// How the weights of a linear lie on a device.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/xla/hlo/shape.h"

namespace ix::backend::xla {

// A weight w[in, out] on one rank:
//   f32, bf16, f16  values [in, out]
//   int8            values s8 [in, out], scales f32 [out]: w = values * scales[out]
//   q4              blocks of 32 along `in`: nibbles u8 [in / 2, out], scales and minimums f32
//                   [in / 32, out]: w = nibble * scales - minimums, exactly as float32 has it. Row
//                   16 b + i of the nibbles has element 32 b + i of its column in the low and 32 b
//                   + 16 + i in the high half of a byte.
enum class WeightForm : uint8_t { f32, bf16, f16, int8, q4 };

std::string_view to_text(WeightForm form);

// Nothing for a name that is none: "bf16".
std::optional<WeightForm> parse_weight_form(std::string_view name);

inline constexpr int64_t kQ4Block = 32;

// One array of a weight.
struct WeightPiece {
  std::string_view suffix;  // of its name: "", ".scales", ".minimums"
  hlo::Shape shape;
};

// Arrays of a weight [in, out] in the order above. For q4, in is a multiple of kQ4Block.
std::vector<WeightPiece> weight_pieces(WeightForm form, int64_t in, int64_t out);

}  // namespace ix::backend::xla
