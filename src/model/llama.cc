// llama: also Mistral, SmolLM, TinyLlama and Llama 3. The converter has put the two halves of each
// head of q and k side by side, so rope turns neighbouring columns.
#include <fmt/format.h>

#include "model/architectures.h"
#include "model/pre_norm.h"

namespace ix::model {

void emit_llama(DecoderBuilder& b) {
  const Hyperparameters& h = b.hyperparameters();
  if (h.rotary_dim != h.head_dim) {
    b.keys().findings().add(
        corrupt(fmt::format("key '{}' is {}, expected the head's width {}",
                            b.keys().full_name("rope.dimension_count"), h.rotary_dim, h.head_dim)));
  }
  emit_pre_norm(b, {.rope = {.pairs = graph::RopePairs::interleaved,
                             .base = h.rope_base,
                             .factors = b.rope_factors()}});
}

}  // namespace ix::model
