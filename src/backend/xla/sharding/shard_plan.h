// Where each column of each value of a graph is: on which rank, and in which order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/xla/sharding/split.h"
#include "base/result.h"
#include "graph/decoder.h"

namespace ix::backend::xla {

// How a value's columns lie on the ranks. Without a split every rank has the whole value.
struct ValueLayout {
  int32_t split = -1;      // index into ShardPlan::splits
  int64_t unit_width = 1;  // columns of a unit of the split
  int64_t local_width = 0;
  // Where not 0: in the first `paired` columns of a unit the even ones of the graph's come first,
  // then the odd ones, so that rope turns two halves.
  int64_t paired = 0;

  bool operator==(const ValueLayout&) const = default;
};

enum class SplitKind : uint8_t { query_heads, kv_heads, ffn, vocabulary };

// One way in which columns are dealt out, for people.
struct SplitInfo {
  SplitKind kind;
  Split split;
};

struct ShardPlan {
  int ranks = 1;
  std::vector<SplitInfo> splits;
  std::vector<ValueLayout> values;  // [Decoder::values]

  const ValueLayout& layout(graph::ValueId id) const { return values[static_cast<size_t>(id)]; }
  bool is_split(graph::ValueId id) const { return layout(id).split >= 0; }

  // Columns of the graph's value that a rank holds, in its order; kPad for a column of zeros.
  std::vector<int32_t> columns(graph::ValueId id, int rank) const;

  // For a norm of groups of `group` columns: the column of the graph's group that stands at each
  // place of a rank's group.
  std::vector<int32_t> unit_order(graph::ValueId id, int64_t group) const;
};

// Deals the query heads, KV heads, FFN columns and vocabulary of a verified graph to `ranks` ranks.
// invalid_argument for ranks < 1; unsupported, naming the value or the weight, for a graph that
// does not say how it splits.
Result<ShardPlan> plan_shards(const graph::Decoder& decoder, int ranks);

// "query heads 32 over 12 ranks: 4 on each, 50 % padding", one line a split that pads or repeats.
std::string to_text(const ShardPlan& plan);

}  // namespace ix::backend::xla
