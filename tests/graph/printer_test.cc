#include <gtest/gtest.h>

#include "graph/one_layer.h"

namespace ix::graph {
namespace {

TEST(Printer, WritesOneLineAnOp) {
  EXPECT_EQ(to_text(OneLayer::make()),
            "embed [64] = embedding token_embd.weight\n"
            "embed_scaled [64] = scale (8) embed\n"
            "blk.0.attn_norm [64] = rms_norm blk.0.attn_norm.weight (eps 0.5) embed_scaled\n"
            "blk.0.q [64], blk.0.k [32], blk.0.v [32] = linear blk.0.attn_qkv.weight + "
            "blk.0.attn_qkv.bias (column, attn_q + attn_k + attn_v) blk.0.attn_norm\n"
            "blk.0.q_norm [64] = rms_norm blk.0.attn_q_norm.weight (eps 0.5, group 16) blk.0.q\n"
            "blk.0.q_rope [64] = rope (interleaved, 4 heads x 16, rotary 16, base 10000) "
            "blk.0.q_norm\n"
            "blk.0.k_rope [32] = rope (interleaved, 2 heads x 16, rotary 16, base 10000) blk.0.k\n"
            "blk.0.attn [64] = attention (kv 0, 4 heads x 16, 2 kv heads, scale 0.25, soft cap 50, "
            "window 8) blk.0.q_rope blk.0.k_rope blk.0.v\n"
            "blk.0.attn_out [64] = linear blk.0.attn_output.weight (row, attn_output) blk.0.attn\n"
            "blk.0.attn_residual [64] = add blk.0.attn_out embed_scaled\n"
            "blk.0.gate [128] = linear blk.0.ffn_gate.weight (column, ffn_gate) "
            "blk.0.attn_residual\n"
            "blk.0.up [128] = linear blk.0.ffn_up.weight (column, ffn_up) blk.0.attn_residual\n"
            "blk.0.gated [128] = gated (gelu_tanh) blk.0.gate blk.0.up\n"
            "blk.0.down [64] = linear blk.0.ffn_down.weight (row, ffn_down) blk.0.gated\n"
            "blk.0.out [64] = add blk.0.down blk.0.attn_residual\n"
            "output_norm [64] = rms_norm output_norm.weight (eps 0.5) blk.0.out\n"
            "head [100] = linear output.weight (column, head) output_norm\n"
            "logits [100] = soft_cap (30) head\n");
}

TEST(Printer, ShowsScaledRope) {
  Decoder d = OneLayer::make();
  Rope& rope = OneLayer::op<Rope>(d, kQRope);
  rope.pairs = RopePairs::halves;
  rope.rotary_dim = 8;
  rope.freq_scale = 0.25F;
  rope.attention_factor = 1.5F;
  rope.factors = "rope_freqs.weight";
  rope.ext_factor = 1.0F;
  rope.original_context = 1024;
  EXPECT_NE(to_text(d).find("blk.0.q_rope [64] = rope rope_freqs.weight (halves, 4 heads x 16, "
                            "rotary 8, base 10000, scale 0.25, factor 1.5, yarn 1 from 32 to 1 "
                            "over 1024) blk.0.q_norm\n"),
            std::string::npos);
}

TEST(Printer, PrintsABrokenGraph) {
  Decoder d = OneLayer::make();
  OneLayer::op<Scale>(d, kEmbeddingScale).in = 77;
  EXPECT_NE(to_text(d).find("embed_scaled [64] = scale (8) ?77\n"), std::string::npos);
}

}  // namespace
}  // namespace ix::graph
