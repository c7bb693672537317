// qwen2: as llama, with biases on q, k and v (the builder takes biases where a file has them) and
// rope over the two halves of a head.
#include <cmath>

#include "model/architectures.h"

namespace ix::model {

void emit_qwen2(DecoderBuilder& b) {
  const Hyperparameters& h = b.hyperparameters();
  const RopeForm rope{.pairs = graph::RopePairs::halves, .base = h.rope_base, .factors = ""};
  const AttentionForm attention{.scale = 1.0F / std::sqrt(static_cast<float>(h.head_dim))};

  ValueId x = b.embedding();
  for (int64_t layer = 0; layer < h.layers; ++layer) {
    b.begin_layer();
    const Qkv qkv = b.rope(b.qkv(b.rms_norm(x, "attn_norm")), rope);
    x = b.add(b.attention(qkv, attention), x, "attn_residual");
    const ValueId ffn = b.gated_mlp(b.rms_norm(x, "ffn_norm"), graph::Activation::silu);
    x = b.add(ffn, x, "out");
    b.end_layer();
  }
  b.head(x);
}

}  // namespace ix::model
