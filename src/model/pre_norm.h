// The decoder of llama and of what grew from it: in every layer x + attention(norm(x)), then
// x + mlp(norm(x)) with SiLU.
#pragma once

#include "model/decoder_builder.h"

namespace ix::model {

struct PreNormForm {
  RopeForm rope;
  bool norm_heads = false;     // q and k are normed head by head before rope
  bool fused_gate_up = false;  // gate and up in one tensor, ffn_up
};

// Emits everything from the embedding to the head.
void emit_pre_norm(DecoderBuilder& b, const PreNormForm& form);

}  // namespace ix::model
