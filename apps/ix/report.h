// What `ix run` says at the end: a line for people, or one JSON object.
#pragma once

#include <cstdint>
#include <string>

#include "generation.h"
#include "tokenizer/tokenizer.h"

namespace ix::cli {

// "prompt 12 tokens, 340.1 tokens/s; answer 64 tokens, ...".
std::string summary(const Measurements& measured, uint64_t seed);

// The object of --json, in one line. Text that is not UTF-8 is replaced by U+FFFD.
std::string to_json(const Generation& generation, const tokenizer::Tokenizer& tokenizer,
                    double load_ms, bool with_logprobs);

}  // namespace ix::cli
