// Keys of a synthetic file, with a vocabulary that tokenizers load.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "gguf/gguf_writer.h"
#include "synth/shape.h"

namespace ix::synth {

// <unk>, <s>, </s>, 256 bytes, the space mark and 94 printable characters.
inline constexpr int64_t kLeastTokens = 3 + 256 + 1 + 94;

// The keys that llama.cpp's converter writes, and a SentencePiece vocabulary of vocab_size tokens:
// the least ones, then words ▁w0, ▁w1, …. Any text can be written with it.
Status add_metadata(gguf::GgufWriter& writer, const Shape& shape);

}  // namespace ix::synth
