// gemma2: the embedding is scaled, norms stand before and after attention and MLP (the converter
// has added 1 to their weights), scores and logits are capped, and every other layer, the first
// included, sees a window.
#include <cmath>

#include "model/architectures.h"
#include "model/sliding_layers.h"

namespace ix::model {
namespace {

constexpr int64_t kDefaultWindow = 4096;
constexpr int64_t kLayersOf27b = 46;  // its queries are scaled by width / heads, not by the head

}  // namespace

void emit_gemma2(DecoderBuilder& b) {
  const Hyperparameters& h = b.hyperparameters();
  const RopeForm rope{.pairs = graph::RopePairs::halves, .base = h.rope_base, .factors = ""};
  const auto windows = read_windows(b.keys(), h.layers, kDefaultWindow, 2);
  const float score_cap = b.keys().real("attn_logit_softcapping", FloatRange::not_negative, 50.0F);
  const float logit_cap = b.keys().real("final_logit_softcapping", FloatRange::not_negative, 30.0F);
  const float scale = score_scale(h.layers == kLayersOf27b ? h.width / h.heads : h.head_dim);

  ValueId x = b.scale(b.embedding(), std::sqrt(static_cast<float>(h.width)), "embed_scaled");
  for (const int64_t window : windows) {
    b.begin_layer();
    const Qkv qkv = b.rope(b.qkv(b.rms_norm(x, "attn_norm")), rope);
    const ValueId attn = b.attention(qkv, {scale, score_cap, window});
    x = b.add(b.rms_norm(attn, "post_attention_norm"), x, "attn_residual");
    const ValueId ffn = b.gated_mlp(b.rms_norm(x, "ffn_norm"), graph::Activation::gelu_tanh);
    x = b.add(b.rms_norm(ffn, "post_ffw_norm"), x, "out");
    b.end_layer();
  }
  b.head(x, logit_cap);
}

}  // namespace ix::model
