// gemma3: as gemma2 with norms of q and k in place of capped scores, and five layers with a window
// to one without. Layers with a window have a rope base of their own and are not scaled.
#include <cmath>

#include "model/architectures.h"
#include "model/sliding_layers.h"

namespace ix::model {
namespace {

constexpr int64_t kLayersOf27b = 62;  // its queries are scaled by width / heads, not by the head

}  // namespace

void emit_gemma3(DecoderBuilder& b) {
  const Hyperparameters& h = b.hyperparameters();
  const RopeForm global{.pairs = graph::RopePairs::halves, .base = h.rope_base, .factors = ""};
  const RopeForm local{.pairs = graph::RopePairs::halves,
                       .base = b.keys().real("rope.freq_base_swa", FloatRange::positive, 10000.0F),
                       .scaled = false,
                       .factors = ""};
  const auto windows = read_windows(b.keys(), h.layers, 0, 6);
  const float logit_cap = b.keys().real("final_logit_softcapping", FloatRange::not_negative, 0.0F);
  const float scale = score_scale(h.layers == kLayersOf27b ? h.width / h.heads : h.head_dim);

  ValueId x = b.scale(b.embedding(), std::sqrt(static_cast<float>(h.width)), "embed_scaled");
  for (const int64_t window : windows) {
    b.begin_layer();
    const Qkv normed = b.norm_heads(b.qkv(b.rms_norm(x, "attn_norm")));
    const Qkv qkv = b.rope(normed, window > 0 ? local : global);
    const ValueId attn = b.attention(qkv, {scale, 0.0F, window});
    x = b.add(b.rms_norm(attn, "post_attention_norm"), x, "attn_residual");
    const ValueId ffn = b.gated_mlp(b.rms_norm(x, "ffn_norm"), graph::Activation::gelu_tanh);
    x = b.add(b.rms_norm(ffn, "post_ffw_norm"), x, "out");
    b.end_layer();
  }
  b.head(x, logit_cap);
}

}  // namespace ix::model
