#include "backend/xla/sharding/shard_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace ix::backend::xla {
namespace {

using graph::Linear;
using graph::LinearRole;
using graph::Parallel;
using graph::ValueId;

// Goes over the ops backwards: what reads a value decides how it is split, so a projection learns
// it from its attention.
class Planner {
 public:
  Planner(const graph::Decoder& decoder, int ranks) : decoder_(decoder) {
    plan_.ranks = ranks;
    for (const graph::Value& value : decoder.values) {
      plan_.values.push_back({.local_width = value.width});
    }
    decided_.assign(decoder.values.size(), false);
  }

  Result<ShardPlan> run() {
    for (auto op = decoder_.ops.rbegin(); op != decoder_.ops.rend(); ++op) {
      IX_RETURN_IF_ERROR(std::visit([this](const auto& each) { return spread(each); }, *op));
    }
    for (const graph::Op& op : decoder_.ops) {
      IX_RETURN_IF_ERROR(std::visit([this](const auto& each) { return check(each); }, op));
    }
    return std::move(plan_);
  }

 private:
  // spread: from what an op writes to what it reads.

  Status spread(const graph::Embedding& /*op*/) { return ok_status(); }
  Status spread(const graph::RmsNorm& op) { return decide(op.in, plan_.layout(op.out)); }
  Status spread(const graph::Scale& op) { return decide(op.in, plan_.layout(op.out)); }
  Status spread(const graph::SoftCap& op) {
    if (op.out == decoder_.logits) IX_RETURN_IF_ERROR(decide_logits(op.out));
    return decide(op.in, plan_.layout(op.out));
  }

  Status spread(const graph::Rope& op) {
    ValueLayout layout = plan_.layout(op.out);
    if (op.pairs == graph::RopePairs::interleaved && layout.paired != op.rotary_dim) {
      return unsupported(fmt::format("rope of value {} is not read by an attention", name(op.out)));
    }
    return decide(op.in, layout);
  }

  Status spread(const graph::Add& op) {
    IX_RETURN_IF_ERROR(decide(op.a, plan_.layout(op.out)));
    return decide(op.b, plan_.layout(op.out));
  }

  Status spread(const graph::GatedActivation& op) {
    IX_RETURN_IF_ERROR(decide(op.gate, plan_.layout(op.out)));
    return decide(op.up, plan_.layout(op.out));
  }

  Status spread(const graph::Attention& op) {
    const HeadSplit heads = split_heads(op.heads, op.kv_heads, plan_.ranks);
    const int32_t query = add(SplitKind::query_heads, heads.query);
    const int32_t kv = add(SplitKind::kv_heads, heads.kv);
    const int64_t paired = interleaved_pairs(op.q);
    if (paired != interleaved_pairs(op.k)) {
      return unsupported(
          fmt::format("rope turns {} and {} by other pairs", name(op.q), name(op.k)));
    }
    IX_RETURN_IF_ERROR(decide(op.q, layout_of(query, op.head_dim, paired)));
    IX_RETURN_IF_ERROR(decide(op.k, layout_of(kv, op.head_dim, paired)));
    IX_RETURN_IF_ERROR(decide(op.v, layout_of(kv, op.value_head_dim, 0)));
    // Its reader has decided already, as whole or as some row-parallel input.
    plan_.values[static_cast<size_t>(op.out)] = layout_of(query, op.value_head_dim, 0);
    return ok_status();
  }

  Status spread(const Linear& op) {
    for (const graph::LinearPart& part : op.parts) {
      if (part.out == decoder_.logits) IX_RETURN_IF_ERROR(decide_logits(part.out));
    }
    if (op.parallel != Parallel::row) return ok_status();
    const auto is_attention = [&](const graph::Op& any) {
      const auto* attention = std::get_if<graph::Attention>(&any);
      return attention != nullptr && attention->out == op.in;
    };
    if (std::any_of(decoder_.ops.begin(), decoder_.ops.end(), is_attention)) return ok_status();
    return decide(op.in,
                  layout_of(add(SplitKind::ffn, split_evenly(op.in_width, plan_.ranks)), 1, 0));
  }

  Status decide_logits(ValueId id) {
    const Split split = split_evenly(decoder_.vocab_size, plan_.ranks);
    return decide(id, layout_of(add(SplitKind::vocabulary, split), 1, 0));
  }

  // A value has one layout, whoever reads it.
  Status decide(ValueId id, const ValueLayout& layout) {
    const auto index = static_cast<size_t>(id);
    if (decided_[index] && plan_.values[index] != layout) {
      return unsupported(fmt::format("value {} is read both whole and split", name(id)));
    }
    plan_.values[index] = layout;
    decided_[index] = true;
    return ok_status();
  }

  // check: with every layout known, whether the ops can run on it.

  Status check(const graph::Embedding& op) {
    if (!plan_.is_split(op.out)) return ok_status();
    return unsupported(fmt::format("the embedding {} is read in parts", op.weight));
  }

  Status check(const graph::RmsNorm& op) {
    if (plan_.ranks > 1 && plan_.is_split(op.in) && op.group != plan_.layout(op.in).unit_width) {
      return unsupported(fmt::format("the norm {} spans ranks", op.weight));
    }
    const ValueLayout& layout = plan_.layout(op.in);
    if (layout.paired > 0 && op.group % layout.unit_width != 0) {
      return unsupported(fmt::format("the norm {} has groups within heads", op.weight));
    }
    return expect_same(op.in, op.out);
  }

  Status check(const graph::Rope& op) {
    if (plan_.is_split(op.in) && op.head_dim != plan_.layout(op.in).unit_width) {
      return unsupported(fmt::format("rope of {} spans heads", name(op.in)));
    }
    return expect_same(op.in, op.out);
  }

  Status check(const graph::Scale& op) { return expect_same(op.in, op.out); }
  Status check(const graph::SoftCap& op) { return expect_same(op.in, op.out); }
  Status check(const graph::GatedActivation& op) {
    IX_RETURN_IF_ERROR(expect_same(op.gate, op.out));
    return expect_same(op.up, op.out);
  }
  Status check(const graph::Add& op) {
    IX_RETURN_IF_ERROR(expect_same(op.a, op.out));
    return expect_same(op.b, op.out);
  }
  Status check(const graph::Attention& /*op*/) { return ok_status(); }

  Status check(const Linear& op) {
    const bool split_in = plan_.is_split(op.in);
    if (plan_.ranks > 1 && split_in != (op.parallel == Parallel::row)) {
      return unsupported(fmt::format("the linear {} reads {} {}", op.weight,
                                     split_in ? "a part of" : "the whole of", name(op.in)));
    }
    for (const graph::LinearPart& part : op.parts) {
      const bool split_out = plan_.is_split(part.out);
      if (plan_.ranks > 1 && split_out && op.parallel != Parallel::column) {
        return unsupported(fmt::format("the linear {} is not column-parallel, but {} is split",
                                       op.weight, name(part.out)));
      }
    }
    return ok_status();
  }

  Status expect_same(ValueId in, ValueId out) const {
    if (plan_.layout(in) == plan_.layout(out)) return ok_status();
    return unsupported(fmt::format("{} and {} are split differently", name(in), name(out)));
  }

  // The rotary columns of the interleaved rope that a value comes from, over norms; 0 for none.
  int64_t interleaved_pairs(ValueId id) const {
    for (auto any = decoder_.ops.rbegin(); any != decoder_.ops.rend(); ++any) {
      if (const auto* rope = std::get_if<graph::Rope>(&*any); rope != nullptr && rope->out == id) {
        return rope->pairs == graph::RopePairs::interleaved ? rope->rotary_dim : 0;
      }
      if (const auto* norm = std::get_if<graph::RmsNorm>(&*any);
          norm != nullptr && norm->out == id) {
        id = norm->in;
      }
      if (const auto* scale = std::get_if<graph::Scale>(&*any);
          scale != nullptr && scale->out == id) {
        id = scale->in;
      }
    }
    return 0;
  }

  int32_t add(SplitKind kind, const Split& split) {
    for (size_t i = 0; i < plan_.splits.size(); ++i) {
      if (plan_.splits[i].kind == kind && plan_.splits[i].split == split) {
        return static_cast<int32_t>(i);
      }
    }
    plan_.splits.push_back({kind, split});
    return static_cast<int32_t>(plan_.splits.size()) - 1;
  }

  ValueLayout layout_of(int32_t split, int64_t unit_width, int64_t paired) const {
    const int64_t units = plan_.splits[static_cast<size_t>(split)].split.local_units();
    return {.split = split,
            .unit_width = unit_width,
            .local_width = units * unit_width,
            .paired = paired};
  }

  const std::string& name(ValueId id) const {
    return decoder_.values[static_cast<size_t>(id)].name;
  }

  const graph::Decoder& decoder_;
  ShardPlan plan_;
  std::vector<bool> decided_;  // [values]
};

const char* to_text(SplitKind kind) {
  switch (kind) {
    case SplitKind::query_heads:
      return "query heads";
    case SplitKind::kv_heads:
      return "KV heads";
    case SplitKind::ffn:
      return "FFN columns";
    case SplitKind::vocabulary:
      return "tokens of the vocabulary";
  }
  return "";
}

}  // namespace

std::vector<int32_t> ShardPlan::columns(graph::ValueId id, int rank) const {
  const ValueLayout& value = layout(id);
  std::vector<int32_t> out(static_cast<size_t>(value.local_width));
  if (value.split < 0) {
    std::iota(out.begin(), out.end(), 0);
    return out;
  }
  const auto& units =
      splits[static_cast<size_t>(value.split)].split.ranks[static_cast<size_t>(rank)];
  const std::vector<int32_t> order = unit_order(id, value.unit_width);
  size_t next = 0;
  for (const int32_t unit : units) {
    for (const int32_t column : order) {
      out[next++] = unit == kPad ? kPad : unit * static_cast<int32_t>(value.unit_width) + column;
    }
  }
  return out;
}

std::vector<int32_t> ShardPlan::unit_order(graph::ValueId id, int64_t group) const {
  const ValueLayout& value = layout(id);
  std::vector<int32_t> order(static_cast<size_t>(group));
  std::iota(order.begin(), order.end(), 0);
  const auto half = static_cast<int32_t>(value.paired / 2);
  for (size_t unit = 0; half > 0 && unit < order.size();
       unit += static_cast<size_t>(value.unit_width)) {
    for (int32_t i = 0; i < half; ++i) {
      order[unit + static_cast<size_t>(i)] = static_cast<int32_t>(unit) + 2 * i;
      order[unit + static_cast<size_t>(half + i)] = static_cast<int32_t>(unit) + 2 * i + 1;
    }
  }
  return order;
}

Result<ShardPlan> plan_shards(const graph::Decoder& decoder, int ranks) {
  if (ranks < 1) return invalid_argument(fmt::format("{} ranks: 1 or more", ranks));
  return Planner(decoder, ranks).run();
}

std::string to_text(const ShardPlan& plan) {
  std::string text;
  for (const SplitInfo& info : plan.splits) {
    const double waste = info.split.waste_percent();
    if (waste == 0) continue;
    text += fmt::format("{} {} over {} ranks: {} on each, {:.1f} % {}\n", info.split.units,
                        to_text(info.kind), plan.ranks, info.split.local_units(), waste,
                        info.kind == SplitKind::kv_heads ? "padding and copies" : "padding");
  }
  return text;
}

}  // namespace ix::backend::xla
