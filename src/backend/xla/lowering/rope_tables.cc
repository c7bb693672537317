#include "backend/xla/lowering/rope_tables.h"

#include <cmath>

#include "backend/xla/weights/vector_recipe.h"
#include "base/check.h"

namespace ix::backend::xla {

Result<RopeTables> rope_tables(const graph::Decoder& decoder, const quant::WeightSource& source) {
  RopeTables out;
  for (const graph::Op& op : decoder.ops) {
    const auto* rope = std::get_if<graph::Rope>(&op);
    if (rope == nullptr) {
      out.of_op.push_back(-1);
      continue;
    }
    std::vector<float> factors;
    if (!rope->factors.empty()) {
      IX_ASSIGN_OR_RETURN(factors, read_vector(source, rope->factors, rope->rotary_dim / 2));
    }
    graph::RopeTable table = graph::rope_table(*rope, factors);
    size_t index = 0;
    while (index < out.tables.size() && (out.tables[index].frequencies != table.frequencies ||
                                         out.tables[index].magnitude != table.magnitude)) {
      ++index;
    }
    if (index == out.tables.size()) out.tables.push_back(std::move(table));
    out.of_op.push_back(static_cast<int32_t>(index));
  }
  return out;
}

void fill_angles(const graph::RopeTable& table, std::span<const Position> positions,
                 std::span<float> out) {
  const size_t half = positions.size() * table.frequencies.size();
  IX_CHECK(out.size() == 2 * half);
  const auto magnitude = static_cast<double>(table.magnitude);
  size_t next = 0;
  for (const Position position : positions) {
    for (const float frequency : table.frequencies) {
      const double angle = static_cast<double>(position) * static_cast<double>(frequency);
      out[next] = static_cast<float>(std::cos(angle) * magnitude);
      out[half + next] = static_cast<float>(std::sin(angle) * magnitude);
      ++next;
    }
  }
}

}  // namespace ix::backend::xla
