#include "backend/xla/hlo/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/hlo/hlo.pb.h"
#include "xla/hlo/every_operation.h"
#include "xla/hlo/proto_edit.h"

namespace ix::backend::xla::hlo {
namespace {

using ix::hlo::HloModuleProto;
using testing::entry_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::nth;
using testing::parsed;
using testing::root_of;

constexpr auto kF32 = ElementType::f32;
constexpr auto kBf16 = ElementType::bf16;
constexpr auto kS32 = ElementType::s32;

VerifyOptions two_replicas() { return {.replicas = 2, .allow = {"replica-id"}}; }

// "code rule", sorted out of all findings of a severity.
std::vector<std::string> rules(const std::vector<Finding>& findings, Severity severity) {
  std::vector<std::string> found;
  for (const Finding& finding : findings) {
    if (finding.severity == severity) {
      found.push_back(finding.code.empty() ? finding.rule : finding.code + " " + finding.rule);
    }
  }
  return found;
}

TEST(Verifier, PassesEveryOperationOfTheBuilder) {
  const auto findings = verify(testing::every_operation("every").bytes, two_replicas());
  ASSERT_TRUE(findings.ok());
  for (const Finding& finding : *findings) {
    EXPECT_EQ(finding.severity, Severity::warning) << to_text(finding);
    EXPECT_EQ(finding.rule, "signature") << to_text(finding);
  }
}

TEST(Verifier, FindsNothingInAProgramOfKnownOperations) {
  Builder b("known", 2);
  const Op x = b.parameter("x", {kBf16, {4, 64}});
  const Op w = b.parameter("w", {kBf16, {64, 32}});
  const Op y = b.all_reduce(Reduction::add, b.matmul(x, w, kBf16));
  b.output("y", b.convert(b.multiply(y, b.logistic(y)), kF32));
  const auto findings = verify(std::move(b).finish()->bytes, {.replicas = 2});
  ASSERT_TRUE(findings.ok());
  EXPECT_THAT(*findings, IsEmpty());
}

TEST(Verifier, RefusesBytesThatAreNoModule) {
  const auto findings = verify("\xff\xff\xff", {});
  ASSERT_FALSE(findings.ok());
  EXPECT_EQ(findings.status().code(), StatusCode::corrupt);
}

TEST(Verifier, SaysWhereAndWhatToDo) {
  HloModuleProto module = parsed(testing::every_operation("every"));
  nth(module, "tanh").mutable_shape()->set_dimensions(1, 9);
  const auto findings = verify(module, two_replicas());
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(to_text(findings[0]),
            "error EVRF064 shape: main/" + nth(module, "tanh").name() +
                ": is written as f32[4,9] and gives f32[4,8]; write the shape that operands and "
                "attributes give");
}

// ---- Modules with one thing broken ----

struct Broken {
  const char* name;
  const char* rule;
  void (*breaks)(HloModuleProto& module);
};

class BrokenModule : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenModule, IsFound) {
  HloModuleProto module = parsed(testing::every_operation("every"));
  ASSERT_THAT(rules(verify(module, two_replicas()), Severity::error), IsEmpty());
  GetParam().breaks(module);
  EXPECT_THAT(rules(verify(module, two_replicas()), Severity::error),
              ::testing::Contains(::testing::AnyOf(std::string(GetParam().rule),
                                                   "EVRF064 " + std::string(GetParam().rule))));
}

std::string broken_name(const ::testing::TestParamInfo<Broken>& broken) {
  return broken.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Structure, BrokenModule,
    ::testing::Values(
        Broken{"IdNegative", "ids", [](HloModuleProto& m) { nth(m, "tanh").set_id(-1); }},
        Broken{"IdAbove31Bits", "ids",
               [](HloModuleProto& m) {
                 auto& computation = entry_of(m);
                 root_of(m).set_id(int64_t{1} << 32 | 7);
                 computation.set_root_id(int64_t{1} << 32 | 7);
               }},
        Broken{"IdTwice", "ids",
               [](HloModuleProto& m) { nth(m, "tanh").set_id(nth(m, "sqrt").id()); }},
        Broken{"IdOfAnotherComputation", "ids",
               [](HloModuleProto& m) {
                 nth(m, "replica-id").set_id(m.computations(0).instructions(0).id());
               }},
        Broken{"IdsSparse", "ids",
               [](HloModuleProto& m) {
                 root_of(m).set_id(3'000'000);
                 entry_of(m).set_root_id(3'000'000);
               }},
        Broken{
            "ComputationIdTwice", "ids",
            [](HloModuleProto& m) { m.mutable_computations(0)->set_id(m.computations(1).id()); }},
        Broken{"NameEmpty", "names", [](HloModuleProto& m) { nth(m, "tanh").set_name(""); }},
        Broken{"NameTwice", "names",
               [](HloModuleProto& m) { nth(m, "tanh").set_name(nth(m, "sqrt").name()); }},
        Broken{"ModuleWithoutName", "names", [](HloModuleProto& m) { m.set_name(""); }},
        Broken{"ComputationNameTwice", "names",
               [](HloModuleProto& m) {
                 m.mutable_computations(1)->set_name(m.computations(0).name());
               }},
        Broken{"OperandAfterUser", "operand-order",
               [](HloModuleProto& m) { nth(m, "tanh").set_operand_ids(0, root_of(m).id()); }},
        Broken{"OperandOfItself", "operand-order",
               [](HloModuleProto& m) { nth(m, "tanh").set_operand_ids(0, nth(m, "tanh").id()); }},
        Broken{"OperandNowhere", "operand-order",
               [](HloModuleProto& m) { nth(m, "tanh").set_operand_ids(0, 99999); }},
        Broken{"OperandInAnotherComputation", "operand-order",
               [](HloModuleProto& m) {
                 nth(m, "tanh").set_operand_ids(0, m.computations(0).instructions(0).id());
               }},
        Broken{"CalleeNowhere", "callee-order",
               [](HloModuleProto& m) { nth(m, "reduce").set_called_computation_ids(0, 77); }},
        Broken{"CalleeIsTheCaller", "callee-order",
               [](HloModuleProto& m) {
                 nth(m, "reduce").set_called_computation_ids(0, entry_of(m).id());
               }},
        Broken{"CalleeAfterCaller", "callee-order",
               [](HloModuleProto& m) {
                 m.mutable_computations()->SwapElements(0, m.computations_size() - 1);
               }},
        Broken{"ParameterNumberTwice", "parameters",
               [](HloModuleProto& m) { nth(m, "parameter", 1).set_parameter_number(0); }},
        Broken{"ParameterNumberNegative", "parameters",
               [](HloModuleProto& m) { nth(m, "parameter", 1).set_parameter_number(-1); }},
        Broken{"ParameterLeftOut", "parameters",
               [](HloModuleProto& m) { nth(m, "parameter", 3).set_parameter_number(9); }},
        Broken{"RootNowhere", "root", [](HloModuleProto& m) { entry_of(m).set_root_id(99999); }},
        Broken{"RootOfAnotherComputation", "root",
               [](HloModuleProto& m) { entry_of(m).set_root_id(m.computations(0).root_id()); }},
        Broken{"RootOfAReductionNowhere", "root",
               [](HloModuleProto& m) { m.mutable_computations(0)->set_root_id(99999); }},
        Broken{"EntryNowhere", "entry", [](HloModuleProto& m) { m.set_entry_computation_id(99); }},
        Broken{"EntryUnset", "entry", [](HloModuleProto& m) { m.clear_entry_computation_id(); }},
        Broken{"NoComputations", "entry", [](HloModuleProto& m) { m.clear_computations(); }},
        Broken{"ProgramShapeLeftOut", "program-shape",
               [](HloModuleProto& m) { m.clear_host_program_shape(); }},
        Broken{"ProgramShapeOfOtherParameters", "program-shape",
               [](HloModuleProto& m) {
                 m.mutable_host_program_shape()->mutable_parameters(0)->set_dimensions(0, 5);
               }},
        Broken{"ProgramShapeOfAnotherResult", "program-shape",
               [](HloModuleProto& m) {
                 m.mutable_host_program_shape()
                     ->mutable_result()
                     ->mutable_tuple_shapes(0)
                     ->set_element_type(ix::hlo::F16);
               }},
        Broken{"ParameterNameLeftOut", "program-shape",
               [](HloModuleProto& m) {
                 m.mutable_host_program_shape()->mutable_parameter_names()->RemoveLast();
               }}),
    broken_name);

INSTANTIATE_TEST_SUITE_P(
    Shapes, BrokenModule,
    ::testing::Values(
        Broken{"ExtentsThatOperandsDoNotGive", "shape",
               [](HloModuleProto& m) { nth(m, "dot").mutable_shape()->set_dimensions(0, 5); }},
        Broken{"TypeThatOperandsDoNotHave", "shape",
               [](HloModuleProto& m) {
                 nth(m, "add").mutable_shape()->set_element_type(ix::hlo::F16);
               }},
        Broken{"ImplicitBroadcast", "shape",
               [](HloModuleProto& m) {
                 nth(m, "maximum").set_operand_ids(1, nth(m, "constant").id());
               }},
        Broken{"TooManyOperands", "shape",
               [](HloModuleProto& m) {
                 nth(m, "tanh").add_operand_ids(nth(m, "tanh").operand_ids(0));
               }},
        Broken{
            "StrideOfZero", "shape",
            [](HloModuleProto& m) { nth(m, "slice").mutable_slice_dimensions(0)->clear_stride(); }},
        Broken{"NegativeExtent", "shape",
               [](HloModuleProto& m) { nth(m, "tanh").mutable_shape()->set_dimensions(0, -4); }},
        Broken{"ComparisonWithoutDirection", "shape",
               [](HloModuleProto& m) { nth(m, "compare").clear_comparison_direction(); }},
        Broken{"ColumnMajorParameter", "layout",
               [](HloModuleProto& m) {
                 auto& layout = *nth(m, "parameter").mutable_shape()->mutable_layout();
                 layout.set_minor_to_major(0, 0);
                 layout.set_minor_to_major(1, 1);
               }},
        Broken{"LayoutOfAnotherRank", "layout",
               [](HloModuleProto& m) {
                 nth(m, "tanh").mutable_shape()->mutable_layout()->add_minor_to_major(2);
               }},
        Broken{"ColumnMajorOutput", "layout",
               [](HloModuleProto& m) {
                 auto& part = *root_of(m).mutable_shape()->mutable_tuple_shapes(0);
                 part.mutable_layout()->set_minor_to_major(0, 0);
                 part.mutable_layout()->set_minor_to_major(1, 1);
               }},
        Broken{"LiteralWithoutLayout", "literal",
               [](HloModuleProto& m) {
                 nth(m, "constant").mutable_literal()->mutable_shape()->clear_layout();
               }},
        Broken{
            "LiteralOfAnotherType", "literal",
            [](HloModuleProto& m) {
              nth(m, "constant").mutable_literal()->mutable_shape()->set_element_type(ix::hlo::S32);
            }},
        Broken{"LiteralWithTooManyElements", "literal",
               [](HloModuleProto& m) { nth(m, "constant").mutable_literal()->add_f32s(1); }},
        Broken{"LiteralEmpty", "literal",
               [](HloModuleProto& m) { nth(m, "constant").clear_literal(); }},
        Broken{"ReductionOfAnotherType", "callee",
               [](HloModuleProto& m) {
                 for (auto& instruction : *m.mutable_computations(0)->mutable_instructions()) {
                   instruction.mutable_shape()->set_element_type(ix::hlo::F16);
                 }
               }},
        Broken{"SortWithoutComparator", "callee",
               [](HloModuleProto& m) { nth(m, "sort").clear_called_computation_ids(); }},
        Broken{"SortByAReduction", "callee",
               [](HloModuleProto& m) {
                 nth(m, "sort").set_called_computation_ids(
                     0, nth(m, "reduce").called_computation_ids(0));
               }},
        Broken{"AllReduceByAComparator", "callee",
               [](HloModuleProto& m) {
                 nth(m, "all-reduce")
                     .set_called_computation_ids(0, nth(m, "sort").called_computation_ids(0));
               }},
        Broken{"ReplicaThatIsNotThere", "replica-groups",
               [](HloModuleProto& m) {
                 nth(m, "all-reduce").mutable_replica_groups(0)->set_replica_ids(1, 7);
               }},
        Broken{
            "ReplicaLeftOut", "replica-groups",
            [](HloModuleProto& m) {
              nth(m, "all-reduce").mutable_replica_groups(0)->mutable_replica_ids()->RemoveLast();
            }},
        Broken{"NegativeReplica", "replica-groups",
               [](HloModuleProto& m) {
                 nth(m, "all-gather").mutable_replica_groups(0)->set_replica_ids(0, -1);
               }},
        Broken{"TupleInsideATuple", "tuple",
               [](HloModuleProto& m) {
                 for (auto* shape : {root_of(m).mutable_shape(),
                                     m.mutable_host_program_shape()->mutable_result()}) {
                   shape->mutable_tuple_shapes(0)->Clear();
                   shape->mutable_tuple_shapes(0)->set_element_type(ix::hlo::TUPLE);
                 }
               }},
        Broken{"TupleAsParameter", "tuple",
               [](HloModuleProto& m) {
                 auto& shape = *nth(m, "parameter", 3).mutable_shape();
                 const ix::hlo::ShapeProto part = shape;
                 shape.Clear();
                 shape.set_element_type(ix::hlo::TUPLE);
                 *shape.add_tuple_shapes() = part;
                 *m.mutable_host_program_shape()->mutable_parameters(3) = shape;
               }},
        Broken{"SortResultNested", "tuple",
               [](HloModuleProto& m) {
                 auto& shape = *nth(m, "sort").mutable_shape();
                 *shape.mutable_tuple_shapes(0)->add_tuple_shapes() = shape.tuple_shapes(1);
                 shape.mutable_tuple_shapes(0)->set_element_type(ix::hlo::TUPLE);
               }},
        Broken{"AliasOfAnOutputThatIsNotThere", "alias",
               [](HloModuleProto& m) {
                 m.mutable_input_output_alias()->mutable_entries(0)->set_output_shape_index(0, 99);
               }},
        Broken{"AliasOfAParameterThatIsNotThere", "alias",
               [](HloModuleProto& m) {
                 m.mutable_input_output_alias()->mutable_entries(0)->set_parameter_number(4);
               }},
        Broken{"AliasOfAnotherShape", "alias",
               [](HloModuleProto& m) {
                 m.mutable_input_output_alias()->mutable_entries(0)->set_parameter_number(0);
               }},
        Broken{"AliasTwice", "alias",
               [](HloModuleProto& m) {
                 *m.mutable_input_output_alias()->add_entries() = m.input_output_alias().entries(0);
               }}),
    broken_name);

TEST(Verifier, WarnsOfFieldsThatItDoesNotKnow) {
  HloModuleProto module = parsed(testing::every_operation("every"));
  auto& instruction = nth(module, "tanh");
  // Field 62, a varint (wire type 0), of value 1; then field 63.
  ASSERT_TRUE(instruction.MergeFromString({'\xF0', '\x03', 1, '\xF8', '\x03', 1}));
  const auto findings = verify(module, two_replicas());
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].rule, "unknown-field");
  EXPECT_EQ(findings[0].severity, Severity::warning);
  EXPECT_THAT(findings[0].reason, HasSubstr("field 62"));
}

TEST(Verifier, LeavesNeuronsRulesOutForOtherTargets) {
  Builder b("double", 1);
  const Op x = b.parameter("x", {ElementType::f64, {20000}});
  b.output("y", b.sort({b.sine(x)}, 0, SortOrder::ascending)[0]);
  const Module module = *std::move(b).finish();
  EXPECT_THAT(*verify(module.bytes, {.neuron = false}), IsEmpty());
  EXPECT_FALSE(passes(*verify(module.bytes, {})));
}

}  // namespace
}  // namespace ix::backend::xla::hlo
