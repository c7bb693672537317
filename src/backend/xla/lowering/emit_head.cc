#include "backend/xla/lowering/emit_head.h"

#include <algorithm>
#include <array>

#include "backend/xla/lowering/emit_row_ops.h"
#include "base/checked_math.h"

namespace ix::backend::xla {

using hlo::Builder;
using hlo::Comparison;
using hlo::ElementType;
using hlo::Op;
using hlo::Reduction;

namespace {

// The first k of each row, by value and then by place.
std::vector<Op> sorted_prefix(Builder& b, const std::vector<Op>& values_and_ids, int64_t k) {
  const int64_t last = b.shape(values_and_ids.front()).rank() - 1;
  std::vector<Op> sorted = b.sort(values_and_ids, last, hlo::SortOrder::descending);
  for (Op& each : sorted) each = b.slice_in_dim(each, last, 0, std::min(k, b.dim(each, last)));
  return sorted;
}

}  // namespace

HeadEmitter::HeadEmitter(Builder& b, Op first_token, int64_t vocab_size)
    : b_(b), first_token_(b.reshape(first_token, {})), vocab_size_(vocab_size) {}

Op HeadEmitter::ids(const hlo::Dims& dims) {
  return b_.add(b_.iota({ElementType::f32, dims}, 1), first_token_);
}

Op HeadEmitter::mask_padding(Op logits) {
  const Op real =
      b_.compare(Comparison::lt, ids(b_.shape(logits).dims), static_cast<double>(vocab_size_));
  return b_.select(real, logits, kPaddingLogit);
}

Op HeadEmitter::argmax(Op logits) {
  const Op best = b_.all_reduce(Reduction::max, b_.reduce(Reduction::max, logits, {1}));
  const Op is_best = b_.compare(Comparison::eq, logits, broadcast_like(b_, best, logits, {0}));
  const Op candidates = b_.select(is_best, ids(b_.shape(logits).dims), double{kMostTokens});
  // The smallest as the negative of the largest: a minimum over ranks is not known to compile.
  const Op first = b_.negate(b_.reduce(Reduction::min, candidates, {1}));
  return b_.convert(b_.negate(b_.all_reduce(Reduction::max, first)), ElementType::s32);
}

HeadEmitter::Top HeadEmitter::top(Op logits, int64_t k) {
  const int64_t rows = b_.dim(logits, 0);
  const int64_t columns = b_.dim(logits, 1);
  const Op best = b_.all_reduce(Reduction::max, b_.reduce(Reduction::max, logits, {1}));
  const Op weights = b_.exp(b_.subtract(logits, broadcast_like(b_, best, logits, {0})));
  const Op total = b_.all_reduce(Reduction::add, b_.reduce(Reduction::add, weights, {1}));

  std::vector<Op> parts = {logits, b_.convert(ids({rows, columns}), ElementType::s32)};
  const int64_t pieces = ceil_div(columns, kSortedColumns);
  if (pieces > 1) {
    // Of equal length; what fills the last one up sorts behind every logit.
    const int64_t length = ceil_div(columns, pieces);
    constexpr std::array kFill = {-3.0e38, 0.0};
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i] = b_.reshape(b_.pad(parts[i], kFill[i], {0, 0}, {0, pieces * length - columns}),
                            {rows, pieces, length});
    }
    parts = sorted_prefix(b_, parts, k);
    for (Op& part : parts) part = b_.reshape(part, {rows, pieces * std::min(k, length)});
  }
  parts = sorted_prefix(b_, parts, k);
  for (Op& part : parts) part = b_.all_gather(part, 1);
  // One rank's are sorted already.
  if (b_.dim(parts[0], 1) > std::min(k, columns)) parts = sorted_prefix(b_, parts, k);
  return {.values = parts[0], .tokens = parts[1], .logsumexp = b_.add(best, b_.log(total))};
}

}  // namespace ix::backend::xla
