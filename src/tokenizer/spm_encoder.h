// SPM (sentencepiece BPE): characters are joined by the score of the joined token, highest first.
#pragma once

#include <memory>

#include "tokenizer/text_encoder.h"
#include "tokenizer/vocabulary.h"

namespace ix::tokenizer {

// vocabulary must outlive the encoder.
std::unique_ptr<TextEncoder> make_spm_encoder(const Vocabulary& vocabulary);

}  // namespace ix::tokenizer
