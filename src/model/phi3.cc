// phi3: as llama with rope over the two halves of a head, fused qkv, fused gate and up, and two
// sets of rope factors, for contexts up to the original one and beyond. attention.sliding_window is
// in its files but, as in llama.cpp, not applied: converters give windows that the models do not
// have.
#include "model/architectures.h"
#include "model/pre_norm.h"

namespace ix::model {

void emit_phi3(DecoderBuilder& b) {
  emit_pre_norm(b, {.rope = {.pairs = graph::RopePairs::halves,
                             .base = b.hyperparameters().rope_base,
                             .factors = b.rope_factors()},
                    .fused_gate_up = true});
}

}  // namespace ix::model
