#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "graph/one_layer.h"

namespace ix::graph {
namespace {

using testing::HasSubstr;

TEST(Verifier, AcceptsEveryKindOfOp) {
  const Status status = verify(OneLayer::make());
  EXPECT_TRUE(status.ok()) << status.message();
}

struct Breakage {
  const char* name;
  std::function<void(Decoder&)> break_it;
  const char* message;
};

void PrintTo(const Breakage& breakage, std::ostream* os) { *os << breakage.name; }

class BrokenGraph : public testing::TestWithParam<Breakage> {};

TEST_P(BrokenGraph, IsRefused) {
  Decoder decoder = OneLayer::make();
  GetParam().break_it(decoder);
  const Status status = verify(decoder);
  EXPECT_EQ(status.code(), StatusCode::internal);
  EXPECT_THAT(status.message(), HasSubstr(GetParam().message));
}

template <typename OpType>
auto change(OneLayerOp index, void (*edit)(OpType&)) {
  return [index, edit](Decoder& d) { edit(OneLayer::op<OpType>(d, index)); };
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

const Breakage kBreakages[] = {
    {"no_ops", [](Decoder& d) { d.ops.clear(); }, "the head starts at op 15 of 0"},
    {"no_layers", [](Decoder& d) { d.layers.clear(); }, "no layers"},
    {"no_vocabulary", [](Decoder& d) { d.vocab_size = 0; }, "vocabulary of 0"},
    {"value_without_width", [](Decoder& d) { d.values[3].width = 0; }, "\"blk.0.q\" has width 0"},
    {"value_never_written", [](Decoder& d) { d.values.push_back({4, "orphan"}); },
     "\"orphan\" is never written"},
    {"value_written_twice", change<Add>(kFfnResidual, [](Add& op) { op.out = 0; }),
     "op 14: writes \"embed\" again"},
    {"value_read_before_written", change<Scale>(kEmbeddingScale, [](Scale& op) { op.in = 5; }),
     "op 1: reads \"blk.0.v\" before it is written"},
    {"op_reads_its_own_output", change<Add>(kFfnResidual, [](Add& op) { op.a = op.out; }),
     "before it is written"},
    {"read_of_unknown_value", change<Scale>(kEmbeddingScale, [](Scale& op) { op.in = 99; }),
     "reads value 99"},
    {"read_of_negative_value", change<Scale>(kEmbeddingScale, [](Scale& op) { op.in = -1; }),
     "reads value -1"},
    {"write_of_unknown_value", change<Embedding>(kEmbedding, [](Embedding& op) { op.out = 20; }),
     "writes value 20"},
    {"embedding_without_weight",
     change<Embedding>(kEmbedding, [](Embedding& op) { op.weight = ""; }), "without a name"},
    {"norm_without_weight", change<RmsNorm>(kAttnNorm, [](RmsNorm& op) { op.weight = ""; }),
     "without a name"},
    {"linear_without_weight", change<Linear>(kGate, [](Linear& op) { op.weight = ""; }),
     "without a name"},
    {"norm_group_that_does_not_divide",
     change<RmsNorm>(kQNorm, [](RmsNorm& op) { op.group = 15; }), "norm's group 15"},
    {"norm_group_zero", change<RmsNorm>(kQNorm, [](RmsNorm& op) { op.group = 0; }),
     "norm's group 0"},
    {"norm_with_nan_epsilon", change<RmsNorm>(kAttnNorm, [](RmsNorm& op) { op.eps = kNan; }),
     "epsilon nan"},
    {"norm_with_another_width",
     change<RmsNorm>(kOutputNorm,
                     [](RmsNorm& op) {
                       op.in = 4;
                       op.group = 32;
                     }),
     "\"output_norm\" of width 64, expected 32"},
    {"linear_in_width", change<Linear>(kGate, [](Linear& op) { op.in_width = 63; }),
     "width 64, expected 63"},
    {"linear_part_width", change<Linear>(kQkv, [](Linear& op) { op.parts[1].width = 48; }),
     "\"blk.0.k\" of width 32, expected 48"},
    {"linear_head_width", change<Linear>(kQkv, [](Linear& op) { op.parts[1].head_width = 24; }),
     "not a multiple of its head width 24"},
    {"linear_head_width_zero", change<Linear>(kQkv, [](Linear& op) { op.parts[0].head_width = 0; }),
     "head width 0"},
    {"linear_without_parts", change<Linear>(kQkv, [](Linear& op) { op.parts.clear(); }),
     "has no parts"},
    {"no_head", change<Linear>(kHead, [](Linear& op) { op.parts[0].role = LinearRole::ffn_up; }),
     "0 head linears"},
    {"head_in_a_layer",
     change<Linear>(kGate, [](Linear& op) { op.parts[0].role = LinearRole::head; }),
     "stands before the head"},
    {"rope_heads", change<Rope>(kQRope, [](Rope& op) { op.heads = 3; }), "rope of 3 heads x 16"},
    {"rope_heads_that_wrap",
     change<Rope>(kQRope,
                  [](Rope& op) {
                    op.heads = int64_t{1} << 62;
                    op.head_dim = 64;
                  }),
     "on width 64"},
    {"rope_of_odd_dim", change<Rope>(kQRope, [](Rope& op) { op.rotary_dim = 15; }),
     "rope turns 15 of 16"},
    {"rope_beyond_the_head", change<Rope>(kQRope, [](Rope& op) { op.rotary_dim = 18; }),
     "rope turns 18 of 16"},
    {"rope_base_zero", change<Rope>(kQRope, [](Rope& op) { op.freq_base = 0.0F; }), "base 0"},
    {"rope_base_infinite", change<Rope>(kQRope, [](Rope& op) { op.freq_base = kInfinity; }),
     "base inf"},
    {"rope_scale_zero", change<Rope>(kQRope, [](Rope& op) { op.freq_scale = 0.0F; }), "scale 0"},
    {"rope_attention_factor_nan",
     change<Rope>(kQRope, [](Rope& op) { op.attention_factor = kNan; }), "attention factor nan"},
    {"yarn_without_original_context",
     change<Rope>(kQRope, [](Rope& op) { op.ext_factor = 1.0F; }), "YaRN with original context 0"},
    {"yarn_with_base_one",
     change<Rope>(kQRope,
                  [](Rope& op) {
                    op.ext_factor = 1.0F;
                    op.original_context = 64;
                    op.freq_base = 1.0F;
                  }),
     "base 1"},
    {"yarn_negative", change<Rope>(kQRope, [](Rope& op) { op.ext_factor = -1.0F; }),
     "YaRN with factor -1"},
    {"heads_over_kv_heads", change<Attention>(kAttention, [](Attention& op) { op.heads = 3; }),
     "3 heads do not divide over 2"},
    {"no_kv_heads", change<Attention>(kAttention, [](Attention& op) { op.kv_heads = 0; }),
     "over 0 KV heads"},
    {"attention_of_another_width",
     change<Attention>(kAttention, [](Attention& op) { op.k = op.q; }), "on widths 64, 64, 32"},
    {"attention_scale_nan", change<Attention>(kAttention, [](Attention& op) { op.scale = kNan; }),
     "scale nan"},
    {"attention_soft_cap_negative",
     change<Attention>(kAttention, [](Attention& op) { op.soft_cap = -1.0F; }), "soft cap -1"},
    {"attention_on_unknown_kv_layer",
     change<Attention>(kAttention, [](Attention& op) { op.kv_layer = 1; }), "KV layer 1 of 1"},
    {"attention_on_negative_kv_layer",
     change<Attention>(kAttention, [](Attention& op) { op.kv_layer = -1; }), "KV layer -1 of 1"},
    {"window_unlike_its_group",
     change<Attention>(kAttention, [](Attention& op) { op.window = 16; }),
     "keeps a window of 8, its attention reads 16"},
    {"kv_layer_unlike_its_attention", [](Decoder& d) { d.kv_layers[0].head_dim = 8; },
     "KV layer 0 has 2 heads x 8 and 16"},
    {"kv_layer_in_unknown_group", [](Decoder& d) { d.kv_layers[0].group = 1; }, "group 1 of 1"},
    {"kv_group_with_negative_window", [](Decoder& d) { d.kv_groups[0].window = -8; }, "window -8"},
    {"kv_layer_that_nobody_uses", [](Decoder& d) { d.kv_layers.push_back(d.kv_layers[0]); },
     "no attention uses KV layer 1"},
    {"gate_and_up_of_different_width",
     change<GatedActivation>(kGated, [](GatedActivation& op) { op.up = 0; }),
     "width 64, expected 128"},
    {"add_of_different_width", change<Add>(kAttnResidual, [](Add& op) { op.b = 4; }),
     "\"blk.0.k\" of width 32, expected 64"},
    {"scale_by_infinity", change<Scale>(kEmbeddingScale, [](Scale& op) { op.factor = kInfinity; }),
     "scale by inf"},
    {"soft_cap_zero", change<SoftCap>(kHeadCap, [](SoftCap& op) { op.cap = 0.0F; }), "soft cap 0"},
    {"layer_that_is_empty", [](Decoder& d) { d.layers.push_back({15, 15}); }, "layer 1 has ops"},
    {"layers_with_a_gap", [](Decoder& d) { d.layers = {{2, 8}, {9, 15}}; }, "expected to start at 8"},
    {"layer_before_the_first_op", [](Decoder& d) { d.layers[0].first_op = -1; },
     "starts before the first op"},
    {"head_away_from_the_layers", [](Decoder& d) { d.head_op = kHead; },
     "the layers end at op 15 and the head starts at 16"},
    {"head_beyond_the_ops", [](Decoder& d) { d.head_op = 18; }, "the head starts at op 18 of 18"},
    {"attention_in_the_head",
     [](Decoder& d) {
       d.head_op = kAttention;
       d.layers[0].end_op = kAttention;
     },
     "attention in the head"},
    {"logits_of_another_width", [](Decoder& d) { d.vocab_size = 99; },
     "logits have width 100, the vocabulary 99"},
    {"logits_unknown", [](Decoder& d) { d.logits = -1; }, "logits is value -1"},
    {"logits_before_the_last_op", [](Decoder& d) { d.logits -= 1; },
     "the last op does not write the logits"},
};

INSTANTIATE_TEST_SUITE_P(All, BrokenGraph, testing::ValuesIn(kBreakages),
                         [](const auto& breakage) { return std::string(breakage.param.name); });

TEST(Verifier, RefusesASecondAttentionOnAKvLayer) {
  Decoder d = OneLayer::make();
  Attention again = OneLayer::op<Attention>(d, kAttention);
  d.values.push_back({64, "again"});
  again.out = static_cast<ValueId>(d.values.size() - 1);
  d.ops.insert(d.ops.begin() + kAttnOutput, again);
  d.layers[0].end_op += 1;
  d.head_op += 1;
  EXPECT_THAT(verify(d).message(), HasSubstr("KV layer 0 is written by ops 7 and 8"));
}

}  // namespace
}  // namespace ix::graph
