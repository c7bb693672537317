#include "xla/hlo/every_operation.h"

#include "base/check.h"

namespace ix::testing {

using backend::xla::hlo::Builder;
using backend::xla::hlo::Comparison;
using backend::xla::hlo::ElementType;
using backend::xla::hlo::Module;
using backend::xla::hlo::Op;
using backend::xla::hlo::Reduction;
using backend::xla::hlo::ScatterKind;
using backend::xla::hlo::SortOrder;

namespace {

constexpr auto kF32 = ElementType::f32;
constexpr auto kBf16 = ElementType::bf16;
constexpr auto kS32 = ElementType::s32;

Op elementwise(Builder& b, Op x) {
  b.set_scope("elementwise");
  Op y = b.add(x, b.negate(b.abs(b.floor(x))));
  y = b.subtract(b.exp(y), b.log(b.maximum(x, 1)));
  y = b.multiply(b.tanh(y), b.sqrt(b.minimum(x, 4)));
  y = b.divide(b.rsqrt(y), b.power(b.sine(y), b.cosine(y)));
  y = b.add(b.logistic(y), b.sign(b.ceil(y)));
  const Op flags = b.bitwise_xor(b.compare(Comparison::le, x, y), b.compare(Comparison::ne, y, 0));
  const Op both = b.bitwise_or(flags, b.bitwise_not(b.bitwise_and(flags, flags)));
  return b.clamp(-1, b.select(both, y, -30000), 1);
}

Op moves(Builder& b, Op x) {
  b.set_scope("moves");
  const Op wide = b.concatenate({x, b.reverse(x, {1})}, 1);
  const Op strided = b.slice(b.pad(wide, 0, {1, 0}, {0, -1}), {0, 0}, {5, 15}, {1, 2});
  const Op added =
      b.add(b.reshape(strided, {40}), b.convert(b.remainder(b.iota({kS32, {40}}, 0), 7), kF32));
  return b.transpose(b.broadcast(added, {3, 40}, {1}), {1, 0});
}

}  // namespace

Module every_operation(const std::string& name) {
  Builder b(name, 2);
  const Op x = b.parameter("x", {kF32, {4, 8}});
  const Op table = b.parameter("table", {kBf16, {16, 8}});
  const Op rows = b.parameter("rows", {kS32, {4}});
  const Op at = b.parameter("at", {kS32, {}});
  b.output("elementwise", elementwise(b, x));
  b.output("moves", moves(b, x));
  b.set_scope("products");
  const Op gathered = b.gather_rows(table, rows);
  b.output(
      "dot",
      b.dot(gathered, b.convert(x, kBf16),
            {.lhs_contracting = {1}, .rhs_contracting = {1}, .lhs_batch = {0}, .rhs_batch = {0}},
            kF32));
  b.output("matmul", b.matmul(x, b.transpose(x, {1, 0}), kF32));
  const Op sums = b.reduce(Reduction::add, x, {1});
  const Op range = b.subtract(b.reduce(Reduction::max, x, {1}), b.reduce(Reduction::min, x, {1}));
  const std::vector<Op> sorted =
      b.sort({b.add(sums, range), b.iota({kS32, {4}}, 0)}, 0, SortOrder::descending);
  b.output("keys", sorted[0]);
  b.output("order", sorted[1]);
  b.output("ascending", b.sort({sums}, 0, SortOrder::ascending)[0]);
  b.set_scope("between replicas");
  b.output("gathered", b.all_gather(x, 0));
  b.output("all", b.add(b.all_reduce(Reduction::add, x), b.all_reduce(Reduction::max, x)));
  b.output("me", b.replica_id());
  b.set_scope("");
  const std::vector<float> frequencies = {1, 0.1F, 0.01F, -3.25F};
  const std::vector<int32_t> pairs = {1, 2, 3, 4};
  b.output("frequencies", b.constant({4}, frequencies));
  b.output("pairs", b.constant({2, 2}, pairs));
  b.output("slice", b.dynamic_slice(x, {at, 0}, {2, 8}));
  b.output("scattered", b.scatter(x, rows, b.negate(x),
                                  {.update_window_dims = {1},
                                   .inserted_window_dims = {0},
                                   .scatter_dims_to_operand_dims = {0},
                                   .index_vector_dim = 1},
                                  ScatterKind::add, false));
  b.output("assigned", b.scatter(x, rows, b.negate(x),
                                 {.update_window_dims = {1},
                                  .inserted_window_dims = {0},
                                  .scatter_dims_to_operand_dims = {0},
                                  .index_vector_dim = 1},
                                 ScatterKind::assign, true));
  b.output("x", x);
  b.output_in_place("table", b.dynamic_update_slice(table, gathered, {at, 0}), table);
  Result<Module> module = std::move(b).finish();
  IX_CHECK(module.ok());
  return *std::move(module);
}

}  // namespace ix::testing
