// Byte-level BPE: the bytes of each piece of the pre-tokenizer are joined in the order of the
// file's merges.
#pragma once

#include <memory>

#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/text_encoder.h"
#include "tokenizer/vocabulary.h"

namespace ix::tokenizer {

// vocabulary must outlive the encoder.
Result<std::unique_ptr<TextEncoder>> make_bpe_encoder(const gguf::Metadata& metadata,
                                                      const Vocabulary& vocabulary,
                                                      const PreTokenizerSpec& spec);

}  // namespace ix::tokenizer
