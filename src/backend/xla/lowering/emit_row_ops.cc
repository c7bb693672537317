#include "backend/xla/lowering/emit_row_ops.h"

#include <numbers>

namespace ix::backend::xla {

using hlo::Builder;
using hlo::Op;

Op broadcast_like(Builder& b, Op x, Op like, const hlo::Dims& dimensions) {
  return b.broadcast(x, b.shape(like).dims, dimensions);
}

Op emit_rms_norm(Builder& b, Op x, Op weight, float epsilon) {
  const int64_t rows = b.dim(x, 0);
  const int64_t width = b.dim(x, 1);
  const int64_t group = b.dim(weight, 0);
  const Op grouped = b.reshape(x, {rows, width / group, group});
  const Op squares = b.reduce(hlo::Reduction::add, b.multiply(grouped, grouped), {2});
  const Op mean = b.multiply(squares, 1.0 / static_cast<double>(group));
  const Op factor = b.rsqrt(b.add(mean, epsilon));
  const Op normed = b.multiply(grouped, broadcast_like(b, factor, grouped, {0, 1}));
  return b.reshape(b.multiply(normed, broadcast_like(b, weight, grouped, {2})), {rows, width});
}

Op emit_rope(Builder& b, Op x, Op angles, int64_t head_dim) {
  const int64_t rows = b.dim(x, 0);
  const int64_t width = b.dim(x, 1);
  const int64_t heads = width / head_dim;
  const int64_t pairs = b.dim(angles, 2);
  const Op split = b.reshape(x, {rows, heads, head_dim});
  const Op first = b.slice_in_dim(split, 2, 0, pairs);
  const Op second = b.slice_in_dim(split, 2, pairs, 2 * pairs);
  const auto angle = [&](int64_t which) {
    const Op one = b.reshape(b.slice_in_dim(angles, 0, which, which + 1), {rows, pairs});
    return broadcast_like(b, one, first, {0, 2});
  };
  const Op cosine = angle(0);
  const Op sine = angle(1);
  std::vector<Op> turned = {b.subtract(b.multiply(first, cosine), b.multiply(second, sine)),
                            b.add(b.multiply(first, sine), b.multiply(second, cosine))};
  if (2 * pairs < head_dim) turned.push_back(b.slice_in_dim(split, 2, 2 * pairs, head_dim));
  return b.reshape(b.concatenate(turned, 2), {rows, width});
}

Op emit_gated(Builder& b, graph::Activation activation, Op gate, Op up) {
  if (activation == graph::Activation::silu) {
    return b.multiply(b.multiply(gate, b.logistic(gate)), up);
  }
  // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): Hendrycks and Gimpel, arXiv 1606.08415.
  const Op cube = b.multiply(b.multiply(gate, gate), gate);
  const Op inner = b.multiply(b.add(gate, b.multiply(cube, 0.044715)),
                              std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
  const Op half = b.multiply(gate, 0.5);
  return b.multiply(b.multiply(half, b.add(b.tanh(inner), 1.0)), up);
}

Op emit_soft_cap(Builder& b, Op x, float cap) {
  return b.multiply(b.tanh(b.multiply(x, 1.0 / cap)), cap);
}

}  // namespace ix::backend::xla
