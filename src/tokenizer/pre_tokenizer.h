// Cuts text into the pieces that BPE joins within, by the regular expressions of
// tokenizer.ggml.pre.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"

namespace ix::tokenizer {

// What a name in tokenizer.ggml.pre stands for.
struct PreTokenizerSpec {
  std::string_view name;
  // Each cuts every piece that the one before left into its matches and what lies between them.
  std::span<const std::string_view> patterns;
  bool ignores_merges = false;  // a piece that is a token is that token, whatever the merges say
  bool adds_bos = false;        // where the file does not say
};

// Null for a name that is not known.
const PreTokenizerSpec* find_pre_tokenizer(std::string_view name);
std::span<const PreTokenizerSpec> all_pre_tokenizers();

// Immutable, so safe from any thread.
class PreTokenizer {
 public:
  static Result<PreTokenizer> compile(std::span<const std::string_view> patterns);

  // Calls emit with consecutive pieces that together are the text. A byte that is not part of
  // valid UTF-8 counts as a character that is neither letter, digit, space nor punctuation.
  void split(std::string_view text, FunctionRef<void(std::string_view)> emit) const;

 private:
  struct FreeCode {
    void operator()(void* code) const;
  };
  using Code = std::unique_ptr<void, FreeCode>;  // pcre2_code_8
  class Run;

  std::vector<Code> codes_;
};

}  // namespace ix::tokenizer
