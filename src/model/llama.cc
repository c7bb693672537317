// llama: also Mistral, SmolLM, TinyLlama and Llama 3. The converter has put the two halves of each
// head of q and k side by side, so rope turns neighbouring columns.
#include <fmt/format.h>

#include <cmath>

#include "model/architectures.h"

namespace ix::model {

void emit_llama(DecoderBuilder& b) {
  const Hyperparameters& h = b.hyperparameters();
  if (h.rotary_dim != h.head_dim) {
    b.keys().findings().add(
        corrupt(fmt::format("key '{}' is {}, expected the head's width {}",
                            b.keys().full_name("rope.dimension_count"), h.rotary_dim, h.head_dim)));
  }
  const RopeForm rope{
      .pairs = graph::RopePairs::interleaved, .base = h.rope_base, .factors = b.rope_factors()};
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
