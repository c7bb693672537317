// qwen2: as llama, with biases on q, k and v (the builder takes biases where a file has them) and
// rope over the two halves of a head.
#include "model/architectures.h"
#include "model/pre_norm.h"

namespace ix::model {

void emit_qwen2(DecoderBuilder& b) {
  emit_pre_norm(
      b, {.rope = {.pairs = graph::RopePairs::halves, .base = b.hyperparameters().rope_base}});
}

}  // namespace ix::model
