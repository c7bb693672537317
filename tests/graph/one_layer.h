// A small decoder with every kind of op, for tests: 4 heads over 2 KV heads of 16 columns.
#pragma once

#include "graph/decoder.h"

namespace ix::graph {

// Ops by index, so that a test can break one of them.
enum OneLayerOp : size_t {
  kEmbedding,
  kEmbeddingScale,
  kAttnNorm,
  kQkv,
  kQNorm,
  kQRope,
  kKRope,
  kAttention,
  kAttnOutput,
  kAttnResidual,
  kGate,
  kUp,
  kGated,
  kDown,
  kFfnResidual,
  kOutputNorm,
  kHead,
  kHeadCap,
};

class OneLayer {
 public:
  static Decoder make() {
    Decoder d;
    const auto value = [&d](const char* name, int64_t width) {
      d.values.push_back({width, name});
      return static_cast<ValueId>(d.values.size() - 1);
    };
    d.architecture = "test";
    d.vocab_size = 100;
    d.context_length = 4096;
    const ValueId embed = value("embed", 64);
    const ValueId scaled = value("embed_scaled", 64);
    const ValueId norm = value("blk.0.attn_norm", 64);
    const ValueId q = value("blk.0.q", 64);
    const ValueId k = value("blk.0.k", 32);
    const ValueId v = value("blk.0.v", 32);
    const ValueId q_norm = value("blk.0.q_norm", 64);
    const ValueId q_rope = value("blk.0.q_rope", 64);
    const ValueId k_rope = value("blk.0.k_rope", 32);
    const ValueId attn = value("blk.0.attn", 64);
    const ValueId attn_out = value("blk.0.attn_out", 64);
    const ValueId residual = value("blk.0.attn_residual", 64);
    const ValueId gate = value("blk.0.gate", 128);
    const ValueId up = value("blk.0.up", 128);
    const ValueId gated = value("blk.0.gated", 128);
    const ValueId down = value("blk.0.down", 64);
    const ValueId out = value("blk.0.out", 64);
    const ValueId output_norm = value("output_norm", 64);
    const ValueId head = value("head", 100);
    const ValueId logits = value("logits", 100);
    const Rope rope{.pairs = RopePairs::interleaved,
                    .heads = 4,
                    .head_dim = 16,
                    .rotary_dim = 16,
                    .freq_base = 10000.0F,
                    .factors = "",
                    .in = q_norm,
                    .out = q_rope};
    Rope k_rope_op = rope;
    k_rope_op.heads = 2;
    k_rope_op.in = k;
    k_rope_op.out = k_rope;
    d.ops = {
        Embedding{"token_embd.weight", embed},
        Scale{8.0F, embed, scaled},
        RmsNorm{"blk.0.attn_norm.weight", 0.5F, 64, scaled, norm},
        Linear{"blk.0.attn_qkv.weight",
               "blk.0.attn_qkv.bias",
               Parallel::column,
               64,
               norm,
               {{LinearRole::attn_q, 64, 16, q},
                {LinearRole::attn_k, 32, 16, k},
                {LinearRole::attn_v, 32, 16, v}}},
        RmsNorm{"blk.0.attn_q_norm.weight", 0.5F, 16, q, q_norm},
        rope,
        k_rope_op,
        Attention{4, 2, 16, 16, 0.25F, 50.0F, 8, 0, q_rope, k_rope, v, attn},
        Linear{"blk.0.attn_output.weight",
               "",
               Parallel::row,
               64,
               attn,
               {{LinearRole::attn_output, 64, 1, attn_out}}},
        Add{attn_out, scaled, residual},
        Linear{"blk.0.ffn_gate.weight",
               "",
               Parallel::column,
               64,
               residual,
               {{LinearRole::ffn_gate, 128, 1, gate}}},
        Linear{"blk.0.ffn_up.weight",
               "",
               Parallel::column,
               64,
               residual,
               {{LinearRole::ffn_up, 128, 1, up}}},
        GatedActivation{Activation::gelu_tanh, gate, up, gated},
        Linear{"blk.0.ffn_down.weight",
               "",
               Parallel::row,
               128,
               gated,
               {{LinearRole::ffn_down, 64, 1, down}}},
        Add{down, residual, out},
        RmsNorm{"output_norm.weight", 0.5F, 64, out, output_norm},
        Linear{"output.weight",
               "",
               Parallel::column,
               64,
               output_norm,
               {{LinearRole::head, 100, 1, head}}},
        SoftCap{30.0F, head, logits},
    };
    d.layers = {{kAttnNorm, kOutputNorm}};
    d.head_op = kOutputNorm;
    d.kv_layers = {{2, 16, 16, 0}};
    d.kv_groups = {{8}};
    d.logits = logits;
    return d;
  }

  template <typename OpType>
  static OpType& op(Decoder& decoder, OneLayerOp index) {
    return std::get<OpType>(decoder.ops[index]);
  }
};

}  // namespace ix::graph
