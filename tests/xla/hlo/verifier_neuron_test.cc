// Neuron's rules: for each rule modules that break it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/verifier.h"
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
constexpr auto kU8 = ElementType::u8;

HloModuleProto built(int32_t replicas, const std::function<Op(Builder&)>& program) {
  Builder b("program", replicas);
  b.output("y", program(b));
  const Result<Module> module = std::move(b).finish();
  EXPECT_TRUE(module.ok()) << module.status().message();
  return parsed(*module);
}

// y = negate(x) of f32[4], renamed: an opcode that the builder does not make.
HloModuleProto renamed(const std::string& opcode, const std::string& target = "") {
  HloModuleProto module = built(1, [](Builder& b) {
    return b.negate(b.parameter("x", {kF32, {4}}));
  });
  nth(module, "negate").set_custom_call_target(target);
  nth(module, "negate").set_opcode(opcode);
  return module;
}

// y = op(x), every array of another type.
HloModuleProto of_type(ix::hlo::PrimitiveType type) {
  HloModuleProto module = built(1, [](Builder& b) {
    return b.negate(b.parameter("x", {kF32, {4}}));
  });
  const auto change = [type](ix::hlo::ShapeProto& shape) { shape.set_element_type(type); };
  change(*nth(module, "parameter").mutable_shape());
  change(*nth(module, "negate").mutable_shape());
  change(*root_of(module).mutable_shape()->mutable_tuple_shapes(0));
  change(*module.mutable_host_program_shape()->mutable_parameters(0));
  change(*module.mutable_host_program_shape()->mutable_result()->mutable_tuple_shapes(0));
  return module;
}

HloModuleProto shifted(ElementType type) {
  HloModuleProto module = built(1, [type](Builder& b) {
    return b.bitwise_and(b.parameter("x", {type, {4}}), b.parameter("n", {type, {4}}));
  });
  nth(module, "and").set_opcode("shift-right-arithmetic");
  return module;
}

// TopK of `type`[n] with `k` results, as `opcode` with `target`.
HloModuleProto top_k(ElementType type, int64_t n, int64_t k, const std::string& opcode,
                     const std::string& target) {
  HloModuleProto module = built(1, [=](Builder& b) {
    return b.slice(b.parameter("x", {type, {n}}), {0}, {k});
  });
  nth(module, "slice").set_custom_call_target(target);
  nth(module, "slice").set_opcode(opcode);
  return module;
}

HloModuleProto sorted(const Dims& dims, int64_t dimension) {
  return built(1, [&](Builder& b) {
    return b.sort({b.parameter("x", {kF32, dims})}, dimension, SortOrder::descending)[0];
  });
}

HloModuleProto sorted_by(const std::string& opcode, const std::string& direction) {
  HloModuleProto module = sorted({64}, 0);
  auto& root = *module.mutable_computations(0)->mutable_instructions(2);
  root.set_opcode(opcode);
  root.set_comparison_direction(direction);
  return module;
}

HloModuleProto reduced_across(ElementType type, Reduction reduction) {
  return built(2, [=](Builder& b) {
    return b.all_reduce(reduction, b.parameter("x", {type, {4}}));
  });
}

HloModuleProto scattered(ElementType type, ScatterKind kind) {
  return built(1, [=](Builder& b) {
    return b.scatter(b.parameter("x", {type, {8, 2}}), b.parameter("at", {kS32, {3}}),
                     b.parameter("rows", {type, {3, 2}}),
                     {.update_window_dims = {1},
                      .inserted_window_dims = {0},
                      .scatter_dims_to_operand_dims = {0},
                      .index_vector_dim = 1},
                     kind, false);
  });
}

HloModuleProto integer_dot(ElementType type) {
  return built(1, [type](Builder& b) {
    return b.matmul(b.parameter("x", {type, {2, 4}}), b.parameter("w", {type, {4, 2}}), kS32);
  });
}

HloModuleProto power(ElementType type) {
  return built(1, [type](Builder& b) { return b.power(b.parameter("x", {type, {4}}), 2); });
}

HloModuleProto wide(double value) {
  return built(1, [value](Builder& b) {
    return b.convert(b.scalar(ElementType::u64, value), ElementType::u32);
  });
}

// 0 .. count - 1 as indices, one a row.
Op counted(Builder& b, int64_t count, const std::string& way) {
  const Op iota = b.iota({way == "convert" ? ElementType::u32 : kS32, {count}}, 0);
  if (way == "convert") return b.convert(iota, kS32);
  return way == "reshape" ? b.reshape(b.iota({kS32, {count, 1}}, 0), {count}) : iota;
}

// Rows of f32[8,2].
HloModuleProto gathered(int64_t count, const std::string& way) {
  return built(1, [&](Builder& b) {
    return b.gather_rows(b.parameter("x", {kF32, {8, 2}}), counted(b, count, way));
  });
}

HloModuleProto scattered_in_order(int64_t count, const std::string& way) {
  return built(1, [&](Builder& b) {
    return b.scatter(b.parameter("x", {kF32, {8, 2}}), counted(b, count, way),
                     b.parameter("rows", {kF32, {count, 2}}),
                     {.update_window_dims = {1},
                      .inserted_window_dims = {0},
                      .scatter_dims_to_operand_dims = {0},
                      .index_vector_dim = 1},
                     ScatterKind::assign, true);
  });
}

// The reduce takes `count` arrays at once.
HloModuleProto reduced_together(int count) {
  HloModuleProto module = built(1, [](Builder& b) {
    return b.reduce(Reduction::max, b.parameter("x", {kF32, {4}}), {0});
  });
  auto& reduce = nth(module, "reduce");
  const int64_t array = reduce.operand_ids(0);
  const int64_t initial = reduce.operand_ids(1);
  reduce.clear_operand_ids();
  for (int i = 0; i < count; ++i) reduce.add_operand_ids(array);
  for (int i = 0; i < count; ++i) reduce.add_operand_ids(initial);
  return module;
}

HloModuleProto dynamic(const std::string& opcode) {
  HloModuleProto module = built(1, [](Builder& b) {
    return b.negate(b.parameter("x", {kF32, {4}}));
  });
  auto& shape = opcode == "tuple" ? *root_of(module).mutable_shape()->mutable_tuple_shapes(0)
                                  : *nth(module, opcode).mutable_shape();
  shape.set_is_dynamic_dimension(0, true);
  return module;
}

// Outputs that are the parameters themselves: `root` says how.
HloModuleProto passed_through(const std::string& root) {
  HloModuleProto module = built(1, [](Builder& b) {
    b.parameter("unused", {kF32, {4}});
    return b.negate(b.parameter("x", {kF32, {4}}));
  });
  auto& parameter = nth(module, "parameter", 1);
  if (root == "tuple") {
    root_of(module).set_operand_ids(0, parameter.id());
  } else if (root == "second of a tuple") {
    root_of(module).add_operand_ids(parameter.id());
    *root_of(module).mutable_shape()->add_tuple_shapes() = parameter.shape();
    *module.mutable_host_program_shape()->mutable_result() = root_of(module).shape();
  } else {
    entry_of(module).set_root_id(parameter.id());
    *module.mutable_host_program_shape()->mutable_result() = parameter.shape();
  }
  return module;
}

// Parameters of `gigabytes` each, the first with an output in its place if asked for.
HloModuleProto large(int parameters, int64_t gigabytes, bool in_place, bool output) {
  Builder b("large", 1);
  const Shape shape{kU8, {gigabytes * 1'000'000'000}};
  std::vector<Op> all;
  for (int i = 0; i < parameters; ++i) all.push_back(b.parameter(std::to_string(i), shape));
  if (in_place) b.output_in_place("y", b.bitwise_and(all[0], 15), all[0]);
  if (output) b.output("z", b.bitwise_and(all[0], 15));
  b.output("one", b.slice(all[0], {0}, {1}));
  return parsed(*std::move(b).finish());
}

struct Case {
  const char* name;
  const char* rule;
  const char* code;
  std::function<HloModuleProto()> module;
  Severity severity = Severity::error;
};

class NeuronRule : public ::testing::TestWithParam<Case> {};

TEST_P(NeuronRule, IsBroken) {
  const std::vector<Finding> findings = verify(GetParam().module(), {.replicas = 2});
  bool found = false;
  for (const Finding& finding : findings) {
    if (finding.rule != GetParam().rule) continue;
    found = true;
    EXPECT_EQ(finding.code, GetParam().code);
    EXPECT_FALSE(finding.reason.empty());
    EXPECT_FALSE(finding.remedy.empty());
    EXPECT_EQ(finding.severity, GetParam().severity);
  }
  EXPECT_TRUE(found);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, NeuronRule,
    ::testing::Values(
        Case{"DynamicParameter", "static-shapes", "EMOD025", [] { return dynamic("parameter"); }},
        Case{"DynamicValue", "static-shapes", "EMOD025", [] { return dynamic("negate"); }},
        Case{"DynamicOutput", "static-shapes", "EMOD025", [] { return dynamic("tuple"); }},
        Case{"Float64", "element-type", "ESPP004", [] { return of_type(ix::hlo::F64); }},
        Case{"Complex", "element-type", "EVRF004", [] { return of_type(ix::hlo::C64); }},
        Case{"Int4", "element-type", "ESPP004", [] { return of_type(ix::hlo::S4); }},
        Case{"Fp4", "element-type", "ESPP004", [] { return of_type(ix::hlo::F4E2M1FN); }},
        Case{"Int64", "element-type", "", [] { return of_type(ix::hlo::S64); }},
        Case{"Float8E4m3fn", "element-type", "EVRF051", [] { return of_type(ix::hlo::F8E4M3FN); }},
        Case{"While", "control-flow", "EVRF001", [] { return renamed("while"); }},
        Case{"Conditional", "control-flow", "EVRF001", [] { return renamed("conditional"); }},
        Case{"Infeed", "host-callback", "EVRF001", [] { return renamed("infeed"); }},
        Case{"Send", "host-callback", "EVRF001", [] { return renamed("send"); }},
        Case{"PythonCallback", "host-callback", "EVRF015",
             [] { return renamed("custom-call", "xla_python_cpu_callback"); }},
        Case{"TopKOfIntegers", "topk", "EVRF013",
             [] { return top_k(kS32, 64, 4, "topk", ""); }},
        Case{"TopKCallOfIntegers", "topk", "EVRF013",
             [] { return top_k(kS32, 64, 4, "custom-call", "TopK"); }},
        Case{"NeuronsTopKOfIntegers", "topk", "EVRF013",
             [] { return top_k(kU8, 64, 4, "custom-call", "AwsNeuronTopK"); }},
        Case{"TopKOfTooMany", "topk", "",
             [] { return top_k(kF32, 20000, 16385, "topk", ""); }},
        Case{"SortOfTooMany", "sort-extent", "", [] { return sorted({16385}, 0); }},
        Case{"SortOfAVocabulary", "sort-extent", "", [] { return sorted({4, 128256}, 1); }},
        Case{"SortOfTooManyRows", "sort-extent", "", [] { return sorted({20000, 2}, 0); }},
        Case{"SortOfRows", "sort-dimension", "", [] { return sorted({16, 2}, 0); }},
        Case{"SortOfColumns", "sort-dimension", "", [] { return sorted({2, 16, 2}, 1); }},
        Case{"SortOfTheFirst", "sort-dimension", "", [] { return sorted({2, 16, 2}, 0); }},
        Case{"SortByEquality", "sort-comparator", "EVRF001", [] { return sorted_by("compare", "EQ"); }},
        Case{"SortByInequality", "sort-comparator", "EVRF001", [] { return sorted_by("compare", "NE"); }},
        Case{"SortByLogic", "sort-comparator", "EVRF001", [] { return sorted_by("and", ""); }},
        Case{"ShiftOfBytes", "shift", "EVRF022", [] { return shifted(kU8); }},
        Case{"ShiftOf16Bits", "shift", "EVRF022", [] { return shifted(ElementType::s16); }},
        Case{"ShiftOf64Bits", "shift", "EVRF022", [] { return shifted(ElementType::s64); }},
        Case{"DotOfS8", "integer-dot", "EVRF035", [] { return integer_dot(ElementType::s8); }, Severity::warning},
        Case{"DotOfS32", "integer-dot", "EVRF035", [] { return integer_dot(kS32); }, Severity::warning},
        Case{"DotOfU8", "integer-dot", "EVRF035", [] { return integer_dot(kU8); }, Severity::warning},
        Case{"ScatterAddOfS32", "integer-scatter", "EVRF060",
             [] { return scattered(kS32, ScatterKind::add); }},
        Case{"ScatterAddOfS8", "integer-scatter", "EVRF016",
             [] { return scattered(ElementType::s8, ScatterKind::add); }},
        Case{"ScatterAddOfU32", "integer-scatter", "EVRF060",
             [] { return scattered(ElementType::u32, ScatterKind::add); }},
        Case{"AllReduceOfS32", "integer-collective", "EVRF061",
             [] { return reduced_across(kS32, Reduction::add); }},
        Case{"AllReduceMaxOfU32", "integer-collective", "EVRF061",
             [] { return reduced_across(ElementType::u32, Reduction::max); }},
        Case{"ReduceScatterOfS8", "integer-collective", "EVRF063",
             [] {
               HloModuleProto module = reduced_across(ElementType::s8, Reduction::min);
               nth(module, "all-reduce").set_opcode("reduce-scatter");
               return module;
             }},
        Case{"TriangularSolve", "operator", "EVRF001", [] { return renamed("triangular-solve"); }},
        Case{"Cholesky", "operator", "EVRF001", [] { return renamed("cholesky"); }},
        Case{"ReduceWindowOfOne", "operator", "EVRF019", [] { return renamed("reduce-window"); }},
        Case{"PowerOfS64", "integer-power", "EVRF062", [] { return power(ElementType::s64); }},
        Case{"PowerOfU64", "integer-power", "EVRF062", [] { return power(ElementType::u64); }},
        Case{"Constant2To32", "wide-constant", "ESFH002", [] { return wide(4294967296.0); }},
        Case{"Constant2To40", "wide-constant", "ESFH002", [] { return wide(1099511627776.0); }},
        Case{"DotOfS64", "integer-dot", "EVRF035", [] { return integer_dot(ElementType::s64); }},
        Case{"GatherByALongIota", "iota-index", "EVRF056", [] { return gathered(9, ""); }},
        Case{"GatherByAReshapedIota", "iota-index", "EVRF056",
             [] { return gathered(9, "reshape"); }},
        Case{"GatherByAConvertedIota", "iota-index", "EVRF056",
             [] { return gathered(100, "convert"); }},
        Case{"ScatterByALongIota", "iota-index", "EVRF031", [] { return scattered_in_order(9, ""); }},
        Case{"ScatterByAReshapedIota", "iota-index", "EVRF031",
             [] { return scattered_in_order(9, "reshape"); }},
        Case{"ScatterByAConvertedIota", "iota-index", "EVRF031",
             [] { return scattered_in_order(100, "convert"); }},
        Case{"ReduceOfTwo", "variadic-reduce", "EVRF001", [] { return reduced_together(2); }},
        Case{"ReduceOfThree", "variadic-reduce", "EVRF001", [] { return reduced_together(3); }},
        Case{"ReduceOfFour", "variadic-reduce", "EVRF001", [] { return reduced_together(4); }},
        Case{"ParameterAsRoot", "passed-through", "", [] { return passed_through("itself"); }},
        Case{"ParameterAsOutput", "passed-through", "", [] { return passed_through("tuple"); }},
        Case{"ParameterAsSecondOutput", "passed-through", "",
             [] { return passed_through("second of a tuple"); }},
        Case{"ParameterWithoutName", "neff-names", "",
             [] {
               HloModuleProto module = reduced_across(kF32, Reduction::add);
               nth(module, "parameter").clear_frontend_attributes();
               return module;
             }, Severity::warning},
        Case{"OutputsWithoutNames", "neff-names", "",
             [] {
               HloModuleProto module = reduced_across(kF32, Reduction::add);
               root_of(module).clear_frontend_attributes();
               return module;
             }, Severity::warning},
        Case{"OneNameTooMany", "neff-names", "",
             [] {
               HloModuleProto module = reduced_across(kF32, Reduction::add);
               (*root_of(module).mutable_frontend_attributes()->mutable_map())
                   ["neff_output_names"] = "y,z";
               return module;
             }, Severity::warning},
        Case{"ParametersTooLarge", "device-memory", "EOOM001", [] { return large(2, 9, false, false); }},
        Case{"OutputTooLarge", "device-memory", "EOOM001", [] { return large(1, 9, false, true); }},
        Case{"OneOfTwoOutputsInPlace", "device-memory", "EOOM001",
             [] { return large(1, 9, true, true); }},
        Case{"OpcodeOffTheList", "signature", "", [] { return renamed("erf"); }},
        Case{"ReplicaIdOffTheList", "signature", "",
             [] { return built(2, [](Builder& b) { return b.replica_id(); }); }},
        Case{"TypeOffTheList", "signature", "",
             [] {
               return built(1, [](Builder& b) {
                 return b.exp(b.convert(b.parameter("x", {kU8, {4}}), ElementType::f64));
               });
             }},
        Case{"CollectiveComputationOffTheList", "signature", "",
             [] { return reduced_across(kBf16, Reduction::min); }}),
    [](const auto& rule) { return std::string(rule.param.name); });

// ---- What the rules let pass ----

TEST(NeuronRules, LetPassWhatLiesWithinThem) {
  for (const HloModuleProto& module :
       {sorted({16384}, 0), sorted({4, 16384}, 1), sorted_by("compare", "GE"),
        scattered(kF32, ScatterKind::assign), reduced_across(kF32, Reduction::max),
        large(1, 15, true, false), large(1, 7, false, true)}) {
    for (const Finding& finding : verify(module, {.replicas = 2})) {
      EXPECT_EQ(finding.severity, Severity::warning) << to_text(finding);
    }
  }
}

TEST(NeuronRules, TakeTheMemoryOfTheDeviceFromTheOptions) {
  const HloModuleProto module = large(1, 15, true, false);
  EXPECT_TRUE(passes(verify(module, {})));
  // 15 GB and one byte.
  EXPECT_TRUE(passes(verify(module, {.device_bytes = 15'000'000'001})));
  EXPECT_FALSE(passes(verify(module, {.device_bytes = 15'000'000'000})));
}

TEST(NeuronRules, LetPassWhatIsAllowed) {
  const HloModuleProto module = renamed("erf");
  EXPECT_FALSE(passes(verify(module, {})));
  EXPECT_TRUE(passes(verify(module, {.allow = {"erf"}})));
  EXPECT_TRUE(passes(verify(module, {.allow = {"erf(f32)->f32"}})));
  EXPECT_FALSE(passes(verify(module, {.allow = {"erf(bf16)->bf16", "tanh"}})));
}

TEST(NeuronRules, WarnOfWhatIsOnlyExpected) {
  const HloModuleProto module = built(1, [](Builder& b) {
    return b.matmul(b.parameter("x", {kBf16, {2, 4}}), b.parameter("w", {kBf16, {4, 2}}), kF32);
  });
  const std::vector<Finding> findings = verify(module, {});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].rule, "signature");
  EXPECT_EQ(findings[0].severity, Severity::warning);
  EXPECT_THAT(findings[0].reason, HasSubstr("dot(bf16,bf16)->f32"));
}

}  // namespace
}  // namespace ix::backend::xla::hlo
