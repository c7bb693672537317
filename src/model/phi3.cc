// phi3: as llama with rope over the two halves of a head, fused qkv, fused gate and up, and two
// sets of rope factors, for contexts up to the original one and beyond. attention.sliding_window is
// in its files but, as in llama.cpp, not applied: converters give windows that the models do not
// have.
#include <cmath>

#include "model/architectures.h"

namespace ix::model {

void emit_phi3(DecoderBuilder& b) {
  const Hyperparameters& h = b.hyperparameters();
  const RopeForm rope{
      .pairs = graph::RopePairs::halves, .base = h.rope_base, .factors = b.rope_factors()};
  const AttentionForm attention{.scale = 1.0F / std::sqrt(static_cast<float>(h.head_dim))};

  ValueId x = b.embedding();
  for (int64_t layer = 0; layer < h.layers; ++layer) {
    b.begin_layer();
    const Qkv qkv = b.rope(b.qkv(b.rms_norm(x, "attn_norm")), rope);
    x = b.add(b.attention(qkv, attention), x, "attn_residual");
    const ValueId ffn = b.fused_gated_mlp(b.rms_norm(x, "ffn_norm"), graph::Activation::silu);
    x = b.add(ffn, x, "out");
    b.end_layer();
  }
  b.head(x);
}

}  // namespace ix::model
