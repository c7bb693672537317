// Operations that move, contract, order and exchange elements, on each CPU plugin.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/float16.h"
#include "xla/hlo/plugin_fixture.h"

namespace ix::backend::xla::hlo {
namespace {

using testing::bf16_array;
using ::testing::ElementsAre;
using testing::f32_array;
using testing::floats_of;
using testing::HostArrays;
using testing::s32_array;
using testing::values_of;

constexpr auto kF32 = ElementType::f32;
constexpr auto kS32 = ElementType::s32;

class ArrayRun : public testing::OnPlugin {};
INSTANTIATE_TEST_SUITE_P(Cpu, ArrayRun, ::testing::ValuesIn(testing::cpu_plugins()),
                         testing::cpu_plugin_name);

TEST_P(ArrayRun, MovesElements) {
  Builder b("moves", 1);
  const Op x = b.parameter("x", {kF32, {2, 3}});
  const Op v = b.parameter("v", {kF32, {2}});
  b.output("iota", b.iota({kS32, {2, 3}}, 1));
  b.output("broadcast", b.broadcast(v, {2, 2}, {0}));
  b.output("reshape", b.reshape(x, {3, 2}));
  b.output("transpose", b.transpose(x, {1, 0}));
  b.output("reverse", b.reverse(x, {1}));
  b.output("concatenate", b.concatenate({x, b.reshape(v, {2, 1})}, 1));
  b.output("slice", b.slice(x, {0, 0}, {2, 3}, {1, 2}));
  b.output("cut", b.slice_in_dim(x, 1, 1, 2));
  b.output("pad", b.pad(x, 9, {0, 1}, {1, -1}));
  const HostArrays out =
      run(std::move(b), HostArrays{f32_array({2, 3}, {1, 2, 3, 4, 5, 6}), f32_array({2}, {7, 8})});
  ASSERT_EQ(out.size(), 9U);
  EXPECT_THAT(values_of<int32_t>(out[0]), ElementsAre(0, 1, 2, 0, 1, 2));
  EXPECT_THAT(floats_of(out[1]), ElementsAre(7, 7, 8, 8));
  EXPECT_THAT(floats_of(out[2]), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(floats_of(out[3]), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(floats_of(out[4]), ElementsAre(3, 2, 1, 6, 5, 4));
  EXPECT_THAT(floats_of(out[5]), ElementsAre(1, 2, 3, 7, 4, 5, 6, 8));
  EXPECT_THAT(floats_of(out[6]), ElementsAre(1, 3, 4, 6));
  EXPECT_THAT(floats_of(out[7]), ElementsAre(2, 5));
  EXPECT_THAT(floats_of(out[8]), ElementsAre(9, 1, 2, 9, 4, 5, 9, 9, 9));
}

// lhs [batch, m, k], rhs [batch, k, n] -> [batch, m, n], summed in double.
std::vector<double> naive_dot(const std::vector<float>& lhs, const std::vector<float>& rhs,
                              int64_t batch, int64_t m, int64_t k, int64_t n) {
  std::vector<double> result(static_cast<size_t>(batch * m * n));
  for (int64_t s = 0; s < batch; ++s) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l) {
          sum += static_cast<double>(lhs[(s * m + i) * k + l]) * rhs[(s * k + l) * n + j];
        }
        result[(s * m + i) * n + j] = sum;
      }
    }
  }
  return result;
}

TEST_P(ArrayRun, DotsAreSumsOfProducts) {
  std::uniform_int_distribution<int64_t> extent(1, 9);
  for (int round = 0; round < 6; ++round) {
    const int64_t batch = extent(random_);
    const int64_t m = extent(random_);
    const int64_t k = 8 * extent(random_);
    const int64_t n = extent(random_);
    Builder b("dots", 1);
    const Op lhs = b.parameter("lhs", {kF32, {batch, m, k}});
    const Op rhs = b.parameter("rhs", {kF32, {batch, k, n}});
    const DotDims dims{
        .lhs_contracting = {2}, .rhs_contracting = {1}, .lhs_batch = {0}, .rhs_batch = {0}};
    b.output("f32", b.dot(lhs, rhs, dims, kF32));
    // The same product from [k, batch, m] and [n, batch, k]: other dimensions are contracted.
    b.output(
        "permuted",
        b.dot(b.transpose(lhs, {2, 0, 1}), b.transpose(rhs, {2, 0, 1}),
              {.lhs_contracting = {0}, .rhs_contracting = {2}, .lhs_batch = {1}, .rhs_batch = {1}},
              kF32));
    b.output("bf16", b.dot(b.convert(lhs, ElementType::bf16), b.convert(rhs, ElementType::bf16),
                           dims, kF32));
    const std::vector<float> left = random_floats(batch * m * k, -1, 1);
    const std::vector<float> right = random_floats(batch * k * n, -1, 1);
    const HostArrays out = run(
        std::move(b), HostArrays{f32_array({batch, m, k}, left), f32_array({batch, k, n}, right)});
    ASSERT_EQ(out.size(), 3U);
    const std::vector<double> exact = naive_dot(left, right, batch, m, k, n);
    const std::vector<double> rounded =
        naive_dot(floats_of(bf16_array({batch, m, k}, left)),
                  floats_of(bf16_array({batch, k, n}, right)), batch, m, k, n);
    // k products of at most 1, each sum rounded to 2^-24 of at most k.
    const double bound = static_cast<double>(k * k) * 0x1p-24;
    for (size_t i = 0; i < exact.size(); ++i) {
      ASSERT_NEAR(floats_of(out[0])[i], exact[i], bound);
      ASSERT_NEAR(floats_of(out[1])[i], exact[i], bound);
      ASSERT_NEAR(floats_of(out[2])[i], rounded[i], bound);
    }
  }
}

TEST_P(ArrayRun, MatmulContractsTheLastWithTheFirst) {
  Builder b("matmul", 1);
  const Op x = b.parameter("x", {kF32, {1, 2, 2}});
  const Op w = b.parameter("w", {kF32, {2, 3}});
  b.output("y", b.matmul(x, w, kF32));
  const HostArrays out = run(std::move(b), HostArrays{f32_array({1, 2, 2}, {1, 2, 3, 4}),
                                                      f32_array({2, 3}, {1, 0, 2, 0, 1, 3})});
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].shape.dims, (Dims{1, 2, 3}));
  EXPECT_THAT(floats_of(out[0]), ElementsAre(1, 2, 8, 3, 4, 18));
}

TEST_P(ArrayRun, Reduces) {
  Builder b("reduce", 1);
  const Op x = b.parameter("x", {kF32, {2, 3, 2}});
  const Op i = b.parameter("i", {kS32, {4}});
  b.output("add", b.reduce(Reduction::add, x, {1}));
  b.output("max", b.reduce(Reduction::max, x, {0, 2}));
  b.output("min", b.reduce(Reduction::min, x, {0, 1, 2}));
  b.output("integers", b.reduce(Reduction::max, i, {0}));
  b.output("least", b.reduce(Reduction::min, i, {0}));
  const HostArrays out = run(
      std::move(b), HostArrays{f32_array({2, 3, 2}, {1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -60}),
                               s32_array({4}, {-5, -3, -9, -4})});
  ASSERT_EQ(out.size(), 5U);
  EXPECT_THAT(floats_of(out[0]), ElementsAre(9, 12, -9, -66));
  EXPECT_THAT(floats_of(out[1]), ElementsAre(2, 4, 6));
  EXPECT_THAT(floats_of(out[2]), ElementsAre(-60));
  EXPECT_THAT(values_of<int32_t>(out[3]), ElementsAre(-3));
  EXPECT_THAT(values_of<int32_t>(out[4]), ElementsAre(-9));
}

TEST_P(ArrayRun, GathersRows) {
  Builder b("gather", 1);
  const Op table = b.parameter("table", {kF32, {3, 2}});
  const Op rows = b.parameter("rows", {kS32, {4}});
  b.output("rows", b.gather_rows(table, rows));
  // One element of each row: [3] rows, column by index vector (row, column).
  const Op at = b.parameter("at", {kS32, {3, 2}});
  b.output(
      "elements",
      b.gather(table, at,
               {.collapsed_slice_dims = {0, 1}, .start_index_map = {0, 1}, .index_vector_dim = 1},
               {1, 1}));
  const HostArrays out = run(std::move(b), HostArrays{f32_array({3, 2}, {10, 11, 20, 21, 30, 31}),
                                                      s32_array({4}, {2, 0, 0, 1}),
                                                      s32_array({3, 2}, {0, 1, 2, 0, 1, 1})});
  ASSERT_EQ(out.size(), 2U);
  EXPECT_THAT(floats_of(out[0]), ElementsAre(30, 31, 10, 11, 10, 11, 20, 21));
  EXPECT_THAT(floats_of(out[1]), ElementsAre(11, 30, 21));
}

TEST_P(ArrayRun, ScattersRows) {
  const ScatterDims rows{.update_window_dims = {1},
                         .inserted_window_dims = {0},
                         .scatter_dims_to_operand_dims = {0},
                         .index_vector_dim = 1};
  Builder b("scatter", 1);
  const Op table = b.parameter("table", {kF32, {3, 2}});
  const Op at = b.parameter("at", {kS32, {2}});
  const Op updates = b.parameter("updates", {kF32, {2, 2}});
  const Op same = b.parameter("same", {kS32, {2}});
  b.output("assigned", b.scatter(table, at, updates, rows, ScatterKind::assign, true));
  b.output("as_parameter",
           b.scatter(table, at, updates, rows, ScatterKind::assign_parameter, true));
  b.output("added", b.scatter(table, same, updates, rows, ScatterKind::add, false));
  const HostArrays out =
      run(std::move(b), HostArrays{f32_array({3, 2}, {1, 2, 3, 4, 5, 6}), s32_array({2}, {2, 0}),
                                   f32_array({2, 2}, {70, 80, 90, 100}), s32_array({2}, {1, 1})});
  ASSERT_EQ(out.size(), 3U);
  EXPECT_THAT(floats_of(out[0]), ElementsAre(90, 100, 3, 4, 70, 80));
  EXPECT_THAT(floats_of(out[1]), ElementsAre(90, 100, 3, 4, 70, 80));
  EXPECT_THAT(floats_of(out[2]), ElementsAre(1, 2, 163, 184, 5, 6));
}

TEST_P(ArrayRun, SlicesAndUpdatesAtPositionsThatAreValues) {
  Builder b("dynamic", 1);
  const Op cache = b.parameter("cache", {ElementType::bf16, {4, 2}});
  const Op row = b.parameter("row", {ElementType::bf16, {1, 2}});
  const Op at = b.parameter("at", {kS32, {}});
  const Op far = b.parameter("far", {kS32, {}});
  const Op updated = b.dynamic_update_slice(cache, row, {at, 0});
  b.output_in_place("cache", updated, cache);
  b.output("two", b.dynamic_slice(updated, {at, 1}, {2, 1}));
  b.output("clamped", b.dynamic_slice(updated, {far, 0}, {2, 2}));
  const HostArrays out = run(std::move(b), HostArrays{bf16_array({4, 2}, {0, 1, 2, 3, 4, 5, 6, 7}),
                                                      bf16_array({1, 2}, {20, 30}),
                                                      s32_array({}, {1}), s32_array({}, {9})});
  ASSERT_EQ(out.size(), 3U);
  EXPECT_THAT(floats_of(out[0]), ElementsAre(0, 1, 20, 30, 4, 5, 6, 7));
  EXPECT_THAT(floats_of(out[1]), ElementsAre(30, 5));
  EXPECT_THAT(floats_of(out[2]), ElementsAre(4, 5, 6, 7));
}

TEST_P(ArrayRun, SortsKeysAndWhatBelongsToThem) {
  Builder b("sort", 1);
  const Op x = b.parameter("x", {kF32, {2, 4}});
  b.output("ascending", b.sort({x}, 1, SortOrder::ascending)[0]);
  const std::vector<Op> descending =
      b.sort({x, b.iota({kS32, {2, 4}}, 1)}, 1, SortOrder::descending);
  b.output("keys", descending[0]);
  b.output("order", descending[1]);
  const HostArrays out =
      run(std::move(b), HostArrays{f32_array({2, 4}, {3, 1, 3, 2, -1, -4, 0, -4})});
  ASSERT_EQ(out.size(), 3U);
  EXPECT_THAT(floats_of(out[0]), ElementsAre(1, 2, 3, 3, -4, -4, -1, 0));
  EXPECT_THAT(floats_of(out[1]), ElementsAre(3, 3, 2, 1, 0, -1, -4, -4));
  EXPECT_THAT(values_of<int32_t>(out[2]), ElementsAre(0, 2, 3, 1, 2, 0, 1, 3));
}

TEST_P(ArrayRun, PassesParametersThroughAndRepeatsOutputs) {
  Builder b("through", 1);
  const Op x = b.parameter("x", {kF32, {2}});
  const Op y = b.negate(x);
  b.output("x", x);
  b.output("y", y);
  b.output("again", y);
  const HostArrays out = run(std::move(b), HostArrays{f32_array({2}, {1, -2})});
  ASSERT_EQ(out.size(), 3U);
  EXPECT_THAT(floats_of(out[0]), ElementsAre(1, -2));
  EXPECT_THAT(floats_of(out[1]), ElementsAre(-1, 2));
  EXPECT_THAT(floats_of(out[2]), ElementsAre(-1, 2));
}

class Replicas : public testing::OnPlugin {
 protected:
  // Replica r has r + 1 and 10 * r.
  void exchanges(int32_t replicas) {
    Builder b("exchange", replicas);
    const Op x = b.parameter("x", {kF32, {2, 1}});
    const Op halves = b.parameter("halves", {ElementType::bf16, {1}});
    b.output("sum", b.all_reduce(Reduction::add, x));
    b.output("most", b.all_reduce(Reduction::max, x));
    b.output("rows", b.all_gather(x, 0));
    b.output("columns", b.all_gather(x, 1));
    b.output("halves", b.all_reduce(Reduction::add, halves));
    b.output("me", b.convert(b.replica_id(), kS32));
    std::vector<HostArrays> inputs;
    for (int32_t r = 0; r < replicas; ++r) {
      const auto one = static_cast<float>(r + 1);
      inputs.push_back({f32_array({2, 1}, {one, 10 * (one - 1)}), bf16_array({1}, {one})});
    }
    const std::vector<HostArrays> outputs = run(std::move(b), inputs);
    ASSERT_EQ(outputs.size(), inputs.size());
    std::vector<float> rows;
    std::vector<float> first;
    std::vector<float> second;
    for (int32_t r = 0; r < replicas; ++r) {
      rows.insert(rows.end(), {static_cast<float>(r + 1), static_cast<float>(10 * r)});
      first.push_back(static_cast<float>(r + 1));
      second.push_back(static_cast<float>(10 * r));
    }
    std::vector<float> columns = first;
    columns.insert(columns.end(), second.begin(), second.end());
    const float sum = std::accumulate(first.begin(), first.end(), 0.0F);
    for (int32_t r = 0; r < replicas; ++r) {
      const HostArrays& out = outputs[r];
      EXPECT_THAT(floats_of(out[0]), ElementsAre(sum, 10 * (sum - static_cast<float>(replicas))));
      EXPECT_THAT(floats_of(out[1]), ElementsAre(first.back(), second.back()));
      EXPECT_EQ(floats_of(out[2]), rows);
      EXPECT_EQ(floats_of(out[3]), columns);
      EXPECT_THAT(floats_of(out[4]), ElementsAre(sum));
      EXPECT_THAT(values_of<int32_t>(out[5]), ElementsAre(r));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Cpu, Replicas, ::testing::ValuesIn(testing::cpu_plugins()),
                         testing::cpu_plugin_name);

TEST_P(Replicas, TwoExchangeValues) { exchanges(2); }
TEST_P(Replicas, FourExchangeValues) { exchanges(4); }

}  // namespace
}  // namespace ix::backend::xla::hlo
