#include "backend/xla/hlo/builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "backend/xla/hlo/hlo.pb.h"

namespace ix::backend::xla::hlo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kF32 = ElementType::f32;
constexpr auto kBf16 = ElementType::bf16;
constexpr auto kS32 = ElementType::s32;
constexpr auto kPred = ElementType::pred;

ix::hlo::HloModuleProto parsed(const Module& module) {
  ix::hlo::HloModuleProto proto;
  EXPECT_TRUE(proto.ParseFromString(module.bytes));
  return proto;
}

// Two outputs, one in place of a parameter, a reduction and a sort: every part of a module.
Module sample() {
  Builder b("sample", 2);
  const Op x = b.parameter("x", {kF32, {4, 8}});
  const Op cache = b.parameter("cache", {kBf16, {16, 8}});
  const Op sum = b.all_reduce(Reduction::add, b.reduce(Reduction::add, b.multiply(x, 0.5F), {1}));
  const std::vector<Op> sorted = b.sort({sum, b.iota({kS32, {4}}, 0)}, 0, SortOrder::descending);
  b.output("order", sorted[1]);
  b.output_in_place(
      "cache", b.dynamic_update_slice(cache, b.convert(x, kBf16), {b.scalar(kS32, 3), 0}), cache);
  Result<Module> module = std::move(b).finish();
  EXPECT_TRUE(module.ok()) << module.status().message();
  return *std::move(module);
}

TEST(Builder, SaysTheSignatureOfTheProgram) {
  const Module module = sample();
  EXPECT_EQ(module.name, "sample");
  EXPECT_EQ(module.replicas, 2);
  ASSERT_EQ(module.parameters.size(), 2U);
  EXPECT_EQ(module.parameters[1].name, "cache");
  EXPECT_EQ(to_text(module.parameters[1].shape), "bf16[16,8]");
  ASSERT_EQ(module.outputs.size(), 2U);
  EXPECT_EQ(module.outputs[0].name, "order");
  EXPECT_EQ(to_text(module.outputs[0].shape), "s32[4]");
  ASSERT_EQ(module.aliases.size(), 1U);
  EXPECT_EQ(module.aliases[0].output, 1);
  EXPECT_EQ(module.aliases[0].parameter, 1);
}

TEST(Builder, GivesEqualBytesForEqualPrograms) { EXPECT_EQ(sample().bytes, sample().bytes); }

TEST(Builder, NumbersInstructionsFromOneOverTheWholeModule) {
  const auto proto = parsed(sample());
  int64_t next = 1;
  std::set<std::string> names;
  for (const auto& computation : proto.computations()) {
    for (const auto& instruction : computation.instructions()) {
      EXPECT_EQ(instruction.id(), next++);
      EXPECT_TRUE(names.insert(instruction.name()).second) << instruction.name();
      for (const int64_t operand : instruction.operand_ids()) {
        EXPECT_LT(operand, instruction.id());
        EXPECT_GE(operand, computation.instructions(0).id());
      }
    }
    EXPECT_EQ(computation.root_id(), next - 1);
  }
}

TEST(Builder, SharesOneComputationAmongReductionsOfAType) {
  Builder b("shared", 1);
  const Op x = b.parameter("x", {kF32, {4, 8}});
  b.output("a", b.reduce(Reduction::add, x, {0}));
  b.output("b", b.reduce(Reduction::add, x, {1}));
  b.output("c", b.reduce(Reduction::max, x, {1}));
  const auto proto = parsed(*std::move(b).finish());
  ASSERT_EQ(proto.computations_size(), 3);
  EXPECT_EQ(proto.computations(0).instructions(2).opcode(), "add");
  EXPECT_EQ(proto.computations(1).instructions(2).opcode(), "maximum");
  EXPECT_EQ(proto.entry_computation_id(), proto.computations(2).id());
}

TEST(Builder, WritesTheFieldsThatReadersAskFor) {
  const auto proto = parsed(sample());
  const auto& entry = proto.computations(proto.computations_size() - 1);
  EXPECT_EQ(entry.program_shape().SerializeAsString(),
            proto.host_program_shape().SerializeAsString());
  EXPECT_THAT(proto.host_program_shape().parameter_names(), ElementsAre("x", "cache"));
  const auto& parameter = entry.instructions(0);
  EXPECT_EQ(parameter.frontend_attributes().map().at("neff_input_names"), "x");
  EXPECT_THAT(parameter.shape().layout().minor_to_major(), ElementsAre(1, 0));
  EXPECT_THAT(parameter.shape().is_dynamic_dimension(), ElementsAre(false, false));
  EXPECT_EQ(parameter.shape().layout().tail_padding_alignment_in_elements(), 1);
  const auto& root = entry.instructions(entry.instructions_size() - 1);
  EXPECT_EQ(root.opcode(), "tuple");
  EXPECT_EQ(root.frontend_attributes().map().at("neff_output_names"), "order,cache");
  ASSERT_EQ(proto.input_output_alias().entries_size(), 1);
  const auto& alias = proto.input_output_alias().entries(0);
  EXPECT_THAT(alias.output_shape_index(), ElementsAre(1));
  EXPECT_EQ(alias.parameter_number(), 1);
  EXPECT_EQ(alias.parameter_shape_index_size(), 0);
  EXPECT_EQ(alias.kind(), ix::hlo::HloInputOutputAliasProto::MAY_ALIAS);
  for (const auto& instruction : entry.instructions()) {
    if (instruction.opcode() != "constant") continue;
    EXPECT_TRUE(instruction.literal().shape().has_layout());
  }
}

TEST(Builder, CopiesAParameterThatIsPassedThroughAndAValueThatComesTwice) {
  Builder b("through", 1);
  const Op x = b.parameter("x", {kF32, {3}});
  const Op y = b.negate(x);
  b.output("x", x);
  b.output("y", y);
  b.output("again", y);
  const auto proto = parsed(*std::move(b).finish());
  std::vector<std::string> opcodes;
  for (const auto& instruction : proto.computations(0).instructions()) {
    opcodes.push_back(instruction.opcode());
  }
  EXPECT_THAT(opcodes, ElementsAre("parameter", "negate", "copy", "copy", "tuple"));
  EXPECT_THAT(proto.computations(0).instructions(4).operand_ids(), ElementsAre(3, 2, 4));
}

TEST(Builder, WritesScalarsOfEveryType) {
  Builder b("scalars", 1);
  for (const auto& [type, value] :
       std::vector<std::pair<ElementType, double>>{{kPred, 1},
                                                   {ElementType::s8, -128},
                                                   {ElementType::u8, 255},
                                                   {ElementType::s16, -2},
                                                   {ElementType::u16, 258},
                                                   {kS32, -30000},
                                                   {ElementType::u32, 4294967295.0},
                                                   {ElementType::s64, -5},
                                                   {ElementType::u64, 7},
                                                   {ElementType::f16, -1.5},
                                                   {kBf16, 1.0078125},
                                                   {kF32, 0.1},
                                                   {ElementType::f64, 0.1}}) {
    b.output(to_text(type), b.scalar(type, value));
  }
  Result<Module> module = std::move(b).finish();
  ASSERT_TRUE(module.ok()) << module.status().message();
  const auto proto = parsed(*module);
  const auto literal = [&](int i) { return proto.computations(0).instructions(i).literal(); };
  EXPECT_THAT(literal(0).preds(), ElementsAre(true));
  EXPECT_EQ(literal(1).s8s(), "\x80");
  EXPECT_EQ(literal(2).u8s(), "\xff");
  EXPECT_EQ(literal(3).s16s(), "\xfe\xff");
  EXPECT_EQ(literal(4).u16s(), "\x02\x01");
  EXPECT_THAT(literal(5).s32s(), ElementsAre(-30000));
  EXPECT_THAT(literal(6).u32s(), ElementsAre(4294967295U));
  EXPECT_THAT(literal(7).s64s(), ElementsAre(-5));
  EXPECT_THAT(literal(8).u64s(), ElementsAre(7U));
  EXPECT_EQ(literal(9).f16s(), std::string("\x00\xbe", 2));  // -1.5: sign, exponent 15, 0x200
  EXPECT_EQ(literal(10).bf16s(), "\x81\x3f");                // 1 + 2^-7
  EXPECT_THAT(literal(11).f32s(), ElementsAre(0.1F));
  EXPECT_THAT(literal(12).f64s(), ElementsAre(0.1));
}

TEST(Builder, BroadcastsNumbersAndScalars) {
  Builder b("broadcast", 1);
  const Op x = b.parameter("x", {kBf16, {2, 3}});
  const Op s = b.parameter("s", {kBf16, {}});
  EXPECT_EQ(to_text(b.shape(b.multiply(x, 2))), "bf16[2,3]");
  EXPECT_EQ(to_text(b.shape(b.subtract(1, x))), "bf16[2,3]");
  EXPECT_EQ(to_text(b.shape(b.add(s, x))), "bf16[2,3]");
  EXPECT_EQ(to_text(b.shape(b.add(s, 1))), "bf16[]");
  EXPECT_EQ(to_text(b.shape(b.compare(Comparison::lt, x, 0))), "pred[2,3]");
  EXPECT_EQ(to_text(b.shape(b.select(b.compare(Comparison::lt, x, 0), x, -30000))), "bf16[2,3]");
  EXPECT_EQ(to_text(b.shape(b.select(b.compare(Comparison::lt, x, 0), s, 1))), "bf16[2,3]");
  EXPECT_EQ(to_text(b.shape(b.clamp(-1, x, s))), "bf16[2,3]");
  b.output("x", x);
  EXPECT_TRUE(std::move(b).finish().ok());
}

// Each expectation is worked out from XLA's definition of the operation.
TEST(Builder, InfersShapes) {
  Builder b("shapes", 4);
  const Op x = b.parameter("x", {kF32, {2, 3, 5}});
  const Op w = b.parameter("w", {kBf16, {5, 7}});
  const Op i = b.parameter("i", {kS32, {6}});
  const Op heads = b.parameter("heads", {kF32, {3, 2, 5, 4}});
  const auto text = [&b](Op op) { return to_text(b.shape(op)); };
  EXPECT_EQ(text(b.transpose(x, {2, 0, 1})), "f32[5,2,3]");
  EXPECT_EQ(text(b.reshape(x, {6, 5})), "f32[6,5]");
  EXPECT_EQ(text(b.broadcast(i, {2, 6, 4}, {1})), "s32[2,6,4]");
  EXPECT_EQ(text(b.convert(x, kBf16)), "bf16[2,3,5]");
  EXPECT_EQ(text(b.matmul(x, w, kF32)), "f32[2,3,7]");
  EXPECT_EQ(text(b.dot(x, heads,
                       {.lhs_contracting = {2},
                        .rhs_contracting = {2},
                        .lhs_batch = {1, 0},
                        .rhs_batch = {0, 1}},
                       kBf16)),
            "bf16[3,2,4]");
  EXPECT_EQ(text(b.reduce(Reduction::max, x, {0, 2})), "f32[3]");
  EXPECT_EQ(text(b.concatenate({x, x}, 1)), "f32[2,6,5]");
  EXPECT_EQ(text(b.slice(x, {0, 1, 0}, {2, 3, 5}, {1, 1, 2})), "f32[2,2,3]");
  EXPECT_EQ(text(b.slice_in_dim(x, 2, 1, 3)), "f32[2,3,2]");
  EXPECT_EQ(text(b.pad(x, 0, {0, 1, -1}, {2, 0, 0})), "f32[4,4,4]");
  EXPECT_EQ(text(b.gather_rows(w, i)), "bf16[6,7]");
  EXPECT_EQ(text(b.gather_rows(x, i)), "f32[6,3,5]");
  EXPECT_EQ(text(b.dynamic_slice(x, {b.scalar(kS32, 1), 0, 0}, {1, 3, 5})), "f32[1,3,5]");
  EXPECT_EQ(text(b.reverse(x, {0})), "f32[2,3,5]");
  EXPECT_EQ(text(b.all_reduce(Reduction::max, x)), "f32[2,3,5]");
  EXPECT_EQ(text(b.all_gather(x, 2)), "f32[2,3,20]");
  EXPECT_EQ(text(b.replica_id()), "u32[]");
  EXPECT_EQ(text(b.scatter(w, b.reshape(i, {6, 1}), b.gather_rows(w, i),
                           {.update_window_dims = {1},
                            .inserted_window_dims = {0},
                            .scatter_dims_to_operand_dims = {0},
                            .index_vector_dim = 1},
                           ScatterKind::assign, true)),
            "bf16[5,7]");
  EXPECT_EQ(b.dim(x, -1), 5);
  b.output("x", x);
  Result<Module> module = std::move(b).finish();
  EXPECT_TRUE(module.ok()) << module.status().message();
}

// ---- What does not fit ----

struct Refusal {
  const char* what;
  void (*use)(Builder& b, Op x, Op w);  // x f32[2,3], w bf16[3,4]
  const char* message;
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, IsReturnedByFinishWithTheOperation) {
  Builder b("broken", 2);
  const Op x = b.parameter("x", {kF32, {2, 3}});
  const Op w = b.parameter("w", {kBf16, {3, 4}});
  b.set_scope("layer.1");
  GetParam().use(b, x, w);
  b.set_scope("after");
  b.output("later", b.add(x, w));  // does not hide the first error
  const Result<Module> module = std::move(b).finish();
  ASSERT_FALSE(module.ok());
  EXPECT_EQ(module.status().code(), StatusCode::internal);
  EXPECT_THAT(module.status().message(), HasSubstr("HLO program broken: layer.1: "));
  EXPECT_THAT(module.status().message(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Builder, Refused,
    ::testing::Values(
        Refusal{"types", [](Builder& b, Op x, Op w) { b.add(x, b.reshape(w, {2, 6})); },
                "add (operation 3): operands f32[2,3] and bf16[2,6] differ"},
        Refusal{"extents", [](Builder& b, Op x, Op w) { b.matmul(w, x, kF32); },
                "dot (operation 2): contracted dimensions 1 of bf16[3,4] and 0 of f32[2,3] differ"},
        Refusal{"count", [](Builder& b, Op x, Op) { b.reshape(x, {7}); },
                "f32[7] has not as many elements as f32[2,3]"},
        Refusal{"permutation", [](Builder& b, Op x, Op) { b.transpose(x, {0, 0}); },
                "dimension 0 comes twice"},
        Refusal{"dimension", [](Builder& b, Op x, Op) { b.reduce(Reduction::add, x, {2}); },
                "dimension 2 is outside rank 2"},
        Refusal{"slice", [](Builder& b, Op x, Op) { b.slice(x, {0, 0}, {2, 4}); },
                "bounds [0:4:1] of dimension 1 of f32[2,3]"},
        Refusal{"update", [](Builder& b, Op x, Op w) { b.dynamic_update_slice(w, x, {0, 0}); },
                "an update of f32[2,3] does not fit bf16[3,4]"},
        Refusal{"starts", [](Builder& b, Op x, Op) { b.dynamic_slice(x, {0}, {1, 1}); },
                "1 starts for f32[2,3]"},
        Refusal{"indices", [](Builder& b, Op x, Op) { b.gather_rows(x, x); }, "indices are f32"},
        Refusal{"value", [](Builder& b, Op, Op) { b.scalar(ElementType::u8, 256); },
                "256 is no u8"},
        Refusal{"fraction", [](Builder& b, Op, Op) { b.scalar(kS32, 0.5); }, "0.5 is no s32"},
        Refusal{"float op", [](Builder& b, Op, Op) { b.exp(b.iota({kS32, {4}}, 0)); },
                "exponential (operation 3): takes floats, not s32"},
        Refusal{"condition", [](Builder& b, Op x, Op) { b.select(x, x, x); },
                "the condition is f32[2,3]"},
        Refusal{"huge", [](Builder& b, Op, Op) { b.full({kF32, {1LL << 40, 1LL << 40}}, 0); },
                "2^63 bytes"},
        Refusal{"negative", [](Builder& b, Op, Op) { b.full({kF32, {-1}}, 0); }, "negative"},
        Refusal{"no value", [](Builder& b, Op, Op) { b.negate(Op{}); },
                "an operand is no value of this program"},
        Refusal{"name", [](Builder& b, Op, Op) { b.parameter("x", {kF32, {}}); },
                "there are two of the name x"},
        Refusal{"comma", [](Builder& b, Op x, Op) { b.output("a,b", x); }, "\"a,b\" is no name"},
        Refusal{"alias shape", [](Builder& b, Op x, Op w) { b.output_in_place("y", x, w); },
                "y is f32[2,3], the parameter w is bf16[3,4]"},
        Refusal{"alias twice",
                [](Builder& b, Op x, Op) {
                  b.output_in_place("y", b.negate(x), x);
                  b.output_in_place("z", b.abs(x), x);
                },
                "z and y take the storage of x"},
        Refusal{"alias of no parameter",
                [](Builder& b, Op x, Op) { b.output_in_place("y", x, b.negate(x)); },
                "y is put in place of what is no parameter"}),
    [](const auto& refusal) {
      std::string name = refusal.param.what;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

TEST(Builder, RefusesAProgramWithoutOutputs) {
  Builder b("empty", 1);
  const Result<Module> module = std::move(b).finish();
  ASSERT_FALSE(module.ok());
  EXPECT_THAT(module.status().message(), HasSubstr("has no outputs"));
}

TEST(Builder, LeavesOutCollectivesOfOneReplica) {
  Builder b("alone", 1);
  const Op x = b.parameter("x", {kF32, {4}});
  EXPECT_EQ(b.all_reduce(Reduction::add, x).index, x.index);
  EXPECT_EQ(b.all_gather(x, 0).index, x.index);
}

TEST(Builder, StartsReductionsFromTheNeutralElement) {
  Builder b("neutral", 1);
  b.output("a", b.reduce(Reduction::max, b.parameter("f", {kF32, {4}}), {0}));
  b.output("b", b.reduce(Reduction::min, b.parameter("s", {kS32, {4}}), {0}));
  const auto proto = parsed(*std::move(b).finish());
  std::vector<float> floats;
  std::vector<int32_t> integers;
  for (const auto& instruction : proto.computations(2).instructions()) {
    for (const float value : instruction.literal().f32s()) floats.push_back(value);
    for (const int32_t value : instruction.literal().s32s()) integers.push_back(value);
  }
  EXPECT_THAT(floats, ElementsAre(-std::numeric_limits<float>::infinity()));
  EXPECT_THAT(integers, ElementsAre(std::numeric_limits<int32_t>::max()));
}

}  // namespace
}  // namespace ix::backend::xla::hlo
