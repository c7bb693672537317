#include "model/pre_norm.h"

namespace ix::model {

void emit_pre_norm(DecoderBuilder& b, const PreNormForm& form) {
  const Hyperparameters& h = b.hyperparameters();
  const AttentionForm attention{.scale = score_scale(h.head_dim)};
  constexpr auto kActivation = graph::Activation::silu;

  ValueId x = b.embedding();
  for (int64_t layer = 0; layer < h.layers; ++layer) {
    b.begin_layer();
    Qkv qkv = b.qkv(b.rms_norm(x, "attn_norm"));
    if (form.norm_heads) qkv = b.norm_heads(qkv);
    x = b.add(b.attention(b.rope(qkv, form.rope), attention), x, "attn_residual");
    const ValueId normed = b.rms_norm(x, "ffn_norm");
    const ValueId ffn = form.fused_gate_up ? b.fused_gated_mlp(normed, kActivation)
                                           : b.gated_mlp(normed, kActivation);
    x = b.add(ffn, x, "out");
    b.end_layer();
  }
  b.head(x);
}

}  // namespace ix::model
