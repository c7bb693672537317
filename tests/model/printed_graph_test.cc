#include <gtest/gtest.h>

#include "model/model.h"
#include "support/tiny_models.h"

namespace ix::model {
namespace {

// llama-f32: width 64, 4 heads of 16 over 2 KV heads, MLP of 160, 2 layers, vocabulary 320.
std::string layer(const std::string& n, const std::string& in) {
  const std::string blk = "blk." + n + ".";
  const std::string rope = "heads x 16, rotary 16, base 10000) ";
  return blk + "attn_norm [64] = rms_norm " + blk + "attn_norm.weight (eps 0.001) " + in + "\n" +
         blk + "q [64] = linear " + blk + "attn_q.weight (column, attn_q) " + blk + "attn_norm\n" +
         blk + "k [32] = linear " + blk + "attn_k.weight (column, attn_k) " + blk + "attn_norm\n" +
         blk + "v [32] = linear " + blk + "attn_v.weight (column, attn_v) " + blk + "attn_norm\n" +
         blk + "q_rope [64] = rope (interleaved, 4 " + rope + blk + "q\n" +  //
         blk + "k_rope [32] = rope (interleaved, 2 " + rope + blk + "k\n" +  //
         blk + "attn [64] = attention (kv " + n + ", 4 heads x 16, 2 kv heads, scale 0.25) " + blk +
         "q_rope " + blk + "k_rope " + blk + "v\n" +  //
         blk + "attn_output [64] = linear " + blk + "attn_output.weight (row, attn_output) " + blk +
         "attn\n" +  //
         blk + "attn_residual [64] = add " + blk + "attn_output " + in + "\n" + blk +
         "ffn_norm [64] = rms_norm " + blk + "ffn_norm.weight (eps 0.001) " + blk +
         "attn_residual\n" +  //
         blk + "ffn_gate [160] = linear " + blk + "ffn_gate.weight (column, ffn_gate) " + blk +
         "ffn_norm\n" +  //
         blk + "ffn_up [160] = linear " + blk + "ffn_up.weight (column, ffn_up) " + blk +
         "ffn_norm\n" +                                                                    //
         blk + "ffn_gated [160] = gated (silu) " + blk + "ffn_gate " + blk + "ffn_up\n" +  //
         blk + "ffn_down [64] = linear " + blk + "ffn_down.weight (row, ffn_down) " + blk +
         "ffn_gated\n" +  //
         blk + "out [64] = add " + blk + "ffn_down " + blk + "attn_residual\n";
}

TEST(PrintedGraph, ShowsLlama) {
  const auto file = gguf::GgufFile::open(tiny::tiny_path("llama-f32"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto decoder = build_decoder(**file, {});
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  EXPECT_EQ(graph::to_text(*decoder),
            "embed [64] = embedding token_embd.weight\n" + layer("0", "embed") +
                layer("1", "blk.0.out") +
                "output_norm [64] = rms_norm output_norm.weight (eps 0.001) blk.1.out\n"
                "logits [320] = linear output.weight (column, head) output_norm\n");
}

}  // namespace
}  // namespace ix::model
