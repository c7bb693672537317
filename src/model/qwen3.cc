// qwen3: as qwen2 without biases, and q and k are normed head by head before rope.
#include "model/architectures.h"
#include "model/pre_norm.h"

namespace ix::model {

void emit_qwen3(DecoderBuilder& b) {
  emit_pre_norm(b,
                {.rope = {.pairs = graph::RopePairs::halves, .base = b.hyperparameters().rope_base},
                 .norm_heads = true});
}

}  // namespace ix::model
