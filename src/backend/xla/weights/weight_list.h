// All arrays of weights that a rank holds, and where each comes from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/xla/hlo/shape.h"
#include "backend/xla/runtime.h"
#include "backend/xla/sharding/shard_plan.h"
#include "backend/xla/weights/weight_form.h"
#include "base/result.h"
#include "graph/decoder.h"
#include "quant/weight_source.h"

namespace ix::backend::xla {

// What an array is to its op: a linear has the pieces of its form and perhaps a bias.
enum class WeightPart : uint8_t { values, scales, minimums, bias, norm, table };

struct WeightTensor {
  int32_t op;  // index into Decoder::ops
  WeightPart part;
  std::string name;  // for messages: "blk.0.attn_q.weight.scales"
  hlo::Shape shape;  // on one rank
};

struct WeightOptions {
  WeightForm form = WeightForm::bf16;
  // Rows of embeddings are sent with each step instead of being gathered from a table.
  bool embed_on_host = false;
};

// The same for all ranks; what the arrays hold differs.
struct WeightList {
  WeightOptions options;
  std::vector<WeightForm> forms;      // [ops]; those of linears count
  std::vector<WeightTensor> tensors;  // in order of ops, parts of an op in order of WeightPart
  std::vector<int32_t> first;         // [ops + 1]: an op's tensors are [first[op], first[op + 1])

  // Index of an op's array, -1 where it has none.
  int32_t find(size_t op, WeightPart part) const;
  int64_t bytes() const;  // of one rank
};

// Where a tensor cannot have the form asked for (q4 of 6-bit blocks) it has bf16. Errors as those
// of reading a tensor: every one is looked up and its shape is checked.
Result<WeightList> list_weights(const graph::Decoder& decoder, const ShardPlan& plan,
                                const quant::WeightSource& source, const WeightOptions& options);

// Writes what `rank` holds of an op's arrays: one upload for each of tensors [first[op],
// first[op + 1]).
Status stream_op(const WeightList& list, const graph::Decoder& decoder, const ShardPlan& plan,
                 int rank, size_t op, const quant::WeightSource& source,
                 std::span<Upload* const> uploads);

}  // namespace ix::backend::xla
