#include "backend/xla/hlo/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/hlo/hlo.pb.h"

namespace ix::backend::xla::hlo {
namespace {

using ::testing::HasSubstr;

constexpr auto kF32 = ElementType::f32;
constexpr auto kS32 = ElementType::s32;

std::string text_of(Builder&& b) {
  const Result<Module> module = std::move(b).finish();
  EXPECT_TRUE(module.ok()) << module.status().message();
  Result<std::string> text = module_text(module->bytes);
  EXPECT_TRUE(text.ok());
  return *std::move(text);
}

TEST(Text, IsThatOfXla) {
  Builder b("decode", 2);
  const Op cache = b.parameter("cache", {ElementType::bf16, {16, 8}});
  const Op row = b.parameter("row", {kF32, {2, 8}});
  b.set_scope("layer.0");
  const Op sum = b.all_reduce(Reduction::add, b.multiply(row, 0.5F));
  b.output_in_place(
      "cache", b.dynamic_update_slice(cache, b.convert(sum, ElementType::bf16), {3, 0}), cache);
  b.output("max", b.reduce(Reduction::max, sum, {1}));
  EXPECT_EQ(text_of(std::move(b)),
            R"(HloModule decode, input_output_alias={ {0}: (0, {}, may-alias) }, )"
            R"(entry_computation_layout={(bf16[16,8]{1,0}, f32[2,8]{1,0})->)"
            R"((bf16[16,8]{1,0}, f32[2]{0})}

%add_f32 (parameter.1: f32[], parameter.2: f32[]) -> f32[] {
  %parameter.1 = f32[] parameter(0)
  %parameter.2 = f32[] parameter(1)
  ROOT %add.3 = f32[] add(%parameter.1, %parameter.2)
}

%maximum_f32 (parameter.4: f32[], parameter.5: f32[]) -> f32[] {
  %parameter.4 = f32[] parameter(0)
  %parameter.5 = f32[] parameter(1)
  ROOT %maximum.6 = f32[] maximum(%parameter.4, %parameter.5)
}

ENTRY %main (parameter.7: bf16[16,8], parameter.8: f32[2,8]) -> (bf16[16,8], f32[2]) {
  %parameter.7 = bf16[16,8]{1,0} parameter(0), frontend_attributes={neff_input_names="cache"}
  %parameter.8 = f32[2,8]{1,0} parameter(1), frontend_attributes={neff_input_names="row"}
  %constant.9 = f32[] constant(0.5), metadata={op_name="layer.0"}
  %broadcast.10 = f32[2,8]{1,0} broadcast(%constant.9), dimensions={}, metadata={op_name="layer.0"}
  %multiply.11 = f32[2,8]{1,0} multiply(%parameter.8, %broadcast.10), metadata={op_name="layer.0"}
  %all-reduce.12 = f32[2,8]{1,0} all-reduce(%multiply.11), replica_groups={{0,1}}, )"
            R"(to_apply=%add_f32, metadata={op_name="layer.0"}
  %convert.13 = bf16[2,8]{1,0} convert(%all-reduce.12), metadata={op_name="layer.0"}
  %constant.14 = s32[] constant(3), metadata={op_name="layer.0"}
  %constant.15 = s32[] constant(0), metadata={op_name="layer.0"}
  %dynamic-update-slice.16 = bf16[16,8]{1,0} dynamic-update-slice(%parameter.7, %convert.13, )"
            R"(%constant.14, %constant.15), metadata={op_name="layer.0"}
  %constant.17 = f32[] constant(-inf), metadata={op_name="layer.0"}
  %reduce.18 = f32[2]{0} reduce(%all-reduce.12, %constant.17), dimensions={1}, )"
            R"(to_apply=%maximum_f32, metadata={op_name="layer.0"}
  ROOT %tuple.19 = (bf16[16,8]{1,0}, f32[2]{0}) tuple(%dynamic-update-slice.16, %reduce.18), )"
            R"(frontend_attributes={neff_output_names="cache,max"}
}

)");
}

TEST(Text, WritesConstantsUpToTenElements) {
  Builder b("constants", 1);
  const std::vector<float> table = {0.1F, 1.0F / 3, -2};
  const std::vector<int32_t> six = {1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> eleven(11, 7);
  b.output("table", b.constant({3}, table));
  b.output("cube", b.constant({1, 3, 2}, six));
  b.output("long", b.constant({11}, eleven));
  b.output("bf16", b.scalar(ElementType::bf16, 1.0078125));
  b.output("pred", b.scalar(ElementType::pred, 0));
  const std::string text = text_of(std::move(b));
  EXPECT_THAT(text, HasSubstr("f32[3]{0} constant({0.1, 0.333333343, -2})"));
  EXPECT_THAT(text, HasSubstr("s32[1,3,2]{2,1,0} constant({ { { 1, 2 }, { 3, 4 }, { 5, 6 } } })"));
  EXPECT_THAT(text, HasSubstr("s32[11]{0} constant({...})"));
  EXPECT_THAT(text, HasSubstr("bf16[] constant(1.008)"));
  EXPECT_THAT(text, HasSubstr("pred[] constant(false)"));
}

// Programs that are not the builder's: what other compilers write, and what is broken.
TEST(Text, WritesWhatTheBuilderNeverMakes) {
  ix::hlo::HloModuleProto module;
  module.set_name("other");
  auto& computation = *module.add_computations();
  computation.set_name("main");
  computation.set_root_id(9);
  auto& call = *computation.add_instructions();
  call.set_name("call");
  call.set_id(1);
  call.set_opcode("custom-call");
  call.set_custom_call_target("AwsNeuronTopK");
  call.set_backend_config("a \"40\"");
  call.add_operand_ids(7);
  call.add_called_computation_ids(5);
  call.mutable_shape()->set_element_type(ix::hlo::F8E4M3FN);
  call.mutable_shape()->add_dimensions(4);
  call.mutable_shape()->add_is_dynamic_dimension(true);
  EXPECT_EQ(to_text(module), R"(HloModule other

ENTRY %main () -> ? {
  %call = f8e4m3fn[<=4] custom-call(%?7), custom_call_target="AwsNeuronTopK", to_apply=%?5, )"
                             R"(backend_config="a \"40\""
}

)");
}

TEST(Text, RefusesBytesThatAreNoModule) {
  const Result<std::string> text = module_text("\xff\xff\xff");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.status().code(), StatusCode::corrupt);
}

}  // namespace
}  // namespace ix::backend::xla::hlo
