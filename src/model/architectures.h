// The architectures. Each emits its graph op by op and takes note of what its file lacks.
#pragma once

#include "model/decoder_builder.h"

namespace ix::model {

void emit_gemma2(DecoderBuilder& builder);
void emit_gemma3(DecoderBuilder& builder);
void emit_llama(DecoderBuilder& builder);
void emit_phi3(DecoderBuilder& builder);
void emit_qwen2(DecoderBuilder& builder);
void emit_qwen3(DecoderBuilder& builder);

}  // namespace ix::model
