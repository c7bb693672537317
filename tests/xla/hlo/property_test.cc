// Random programs are right, and random bytes break nothing but themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/instruction_estimate.h"
#include "backend/xla/hlo/parse_module.h"
#include "backend/xla/hlo/text.h"
#include "backend/xla/hlo/verifier.h"
#include "xla/hlo/every_operation.h"

namespace ix::backend::xla::hlo {
namespace {

constexpr auto kF32 = ElementType::f32;
constexpr auto kS32 = ElementType::s32;

// One more operation on a random earlier value, all of them f32.
Op random_operation(Builder& b, const std::vector<Op>& values) {
  const Op x = *rc::gen::elementOf(values);
  const int64_t rank = b.shape(x).rank();
  const Dims dims = b.shape(x).dims;
  Dims order(static_cast<size_t>(rank));
  for (int64_t i = 0; i < rank; ++i) order[i] = rank - 1 - i;
  const int64_t last = rank - 1;
  switch (*rc::gen::inRange(0, 16)) {
    case 0:
      return b.add(x, b.tanh(x));
    case 1:
      return b.multiply(x, 0.5F);
    case 2:
      return b.transpose(x, order);
    case 3:
      return b.reshape(x, {element_count(b.shape(x))});
    case 4:
      return b.select(b.compare(Comparison::gt, x, 0), x, -30000);
    case 5:
      return rank == 0 ? x : b.reduce(Reduction::max, x, {last});
    case 6:
      return rank == 0 ? x : b.concatenate({x, x}, 0);
    case 7:
      return rank == 0 || dims[0] < 2 ? x : b.slice_in_dim(x, 0, 1, dims[0]);
    case 8:
      return b.pad(x, 1, Dims(rank, 1), Dims(rank, 2));
    case 9:
      return b.clamp(-1, x, 1);
    case 10:
      return b.convert(b.convert(x, ElementType::bf16), kF32);
    case 11:
      return rank == 0 || dims[last] == 0 ? x : b.sort({x}, last, SortOrder::descending)[0];
    case 12:
      return rank == 0 ? x : b.matmul(x, b.full({kF32, {dims[last], 3}}, 0.25), kF32);
    case 13:
      return rank == 0 || dims[0] == 0
                 ? x
                 : b.gather_rows(x, b.iota({kS32, {std::min<int64_t>(2, dims[0])}}, 0));
    case 14:
      return b.all_reduce(Reduction::add, x);
    default:
      return rank == 0 ? x : b.all_gather(x, last);
  }
}

Module random_program() {
  Builder b("random", 2);
  std::vector<Op> values;
  const auto count = *rc::gen::inRange(1, 4);
  for (int i = 0; i < count; ++i) {
    const auto dims =
        *rc::gen::resize(3, rc::gen::container<Dims>(rc::gen::inRange<int64_t>(1, 5)));
    values.push_back(b.parameter(std::to_string(i), {kF32, dims}));
  }
  const auto operations = *rc::gen::inRange(1, 12);
  for (int i = 0; i < operations; ++i) values.push_back(random_operation(b, values));
  for (int i = 0; i < 3; ++i) b.output(std::to_string(i), *rc::gen::elementOf(values));
  Result<Module> module = std::move(b).finish();
  if (!module.ok()) RC_FAIL(module.status().message());
  return *std::move(module);
}

TEST(RandomProgram, PassesTheVerifier) {
  EXPECT_TRUE(rc::check([] {
    const Module module = random_program();
    const auto findings = verify(module.bytes, {.replicas = 2});
    RC_ASSERT(findings.ok());
    for (const Finding& finding : *findings) {
      if (finding.severity == Severity::error) RC_FAIL(to_text(finding));
    }
  }));
}

TEST(RandomProgram, IsNamedInItsText) {
  EXPECT_TRUE(rc::check([] {
    const Module module = random_program();
    ix::hlo::HloModuleProto proto;
    RC_ASSERT(proto.ParseFromString(module.bytes));
    const std::string text = *module_text(module.bytes);
    RC_ASSERT(text.find("%?") == std::string::npos);
    for (const auto& computation : proto.computations()) {
      for (const auto& instruction : computation.instructions()) {
        RC_ASSERT(text.find("%" + instruction.name() + " = ") != std::string::npos);
      }
    }
  }));
}

// Readers of foreign bytes say what is wrong; they neither crash nor overflow (sanitizers watch).
TEST(BrokenBytes, AreReadToTheEnd) {
  const std::string whole = testing::every_operation("every").bytes;
  EXPECT_TRUE(rc::check([&whole] {
    std::string bytes = whole;
    const auto changes = *rc::gen::inRange(1, 6);
    for (int i = 0; i < changes; ++i) {
      const auto at = *rc::gen::inRange<size_t>(0, bytes.size());
      bytes[at] = static_cast<char>(*rc::gen::arbitrary<uint8_t>());
    }
    const Result<ix::hlo::HloModuleProto> module = parse_module(bytes);
    RC_ASSERT(verify(bytes, {.replicas = 2}).ok() == module.ok());
    RC_ASSERT(module_text(bytes).ok() == module.ok());
    if (module.ok()) RC_ASSERT(estimate_instructions(*module).total() >= 0);
  }));
}

// Fields set to values of their own kind: what a change of bytes seldom reaches.
TEST(BrokenFields, AreReadToTheEnd) {
  ix::hlo::HloModuleProto whole;
  ASSERT_TRUE(whole.ParseFromString(testing::every_operation("every").bytes));
  constexpr int64_t kExtremes[] = {0,
                                   1,
                                   -1,
                                   2,
                                   7,
                                   int64_t{1} << 31,
                                   int64_t{1} << 62,
                                   std::numeric_limits<int64_t>::min(),
                                   std::numeric_limits<int64_t>::max()};
  EXPECT_TRUE(rc::check([&] {
    ix::hlo::HloModuleProto module = whole;
    auto& entry = *module.mutable_computations(module.computations_size() - 1);
    auto& instruction =
        *entry.mutable_instructions(*rc::gen::inRange(0, entry.instructions_size()));
    const int64_t value =
        *rc::gen::elementOf(std::vector<int64_t>(std::begin(kExtremes), std::end(kExtremes)));
    const auto replace = [value](google::protobuf::RepeatedField<int64_t>& field) {
      if (field.empty()) {
        field.Add(value);
      } else {
        field.Set(*rc::gen::inRange(0, field.size()), value);
      }
    };
    switch (*rc::gen::inRange(0, 11)) {
      case 0:
        replace(*instruction.mutable_dimensions());
        break;
      case 1:
        replace(*instruction.mutable_shape()->mutable_dimensions());
        break;
      case 2:
        replace(*instruction.mutable_operand_ids());
        break;
      case 3:
        replace(*instruction.mutable_dot_dimension_numbers()->mutable_lhs_batch_dimensions());
        break;
      case 4:
        replace(*instruction.mutable_dot_dimension_numbers()->mutable_rhs_contracting_dimensions());
        break;
      case 5:
        replace(*instruction.mutable_gather_dimension_numbers()->mutable_offset_dims());
        instruction.mutable_gather_dimension_numbers()->set_index_vector_dim(value);
        break;
      case 6:
        replace(*instruction.mutable_scatter_dimension_numbers()->mutable_update_window_dims());
        instruction.mutable_scatter_dimension_numbers()->set_index_vector_dim(value);
        break;
      case 7:
        for (auto& bounds : *instruction.mutable_slice_dimensions()) bounds.set_limit(value);
        for (auto& bounds : *instruction.mutable_slice_dimensions()) bounds.set_stride(value);
        break;
      case 8:
        for (auto& edges : *instruction.mutable_padding_config()->mutable_dimensions()) {
          edges.set_edge_padding_high(value);
          edges.set_interior_padding(value);
        }
        break;
      case 9:
        replace(*instruction.mutable_dynamic_slice_sizes());
        replace(*instruction.mutable_gather_slice_sizes());
        break;
      default:
        for (auto& group : *instruction.mutable_replica_groups()) {
          replace(*group.mutable_replica_ids());
        }
        break;
    }
    verify(module, {.replicas = 2});
    RC_ASSERT(!to_text(module).empty());
    RC_ASSERT(estimate_instructions(module).total() >= 0);
  }));
}

}  // namespace
}  // namespace ix::backend::xla::hlo
