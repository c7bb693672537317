#include "tokenizer/bpe_encoder.h"

#include <fmt/format.h>

#include <string>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/symbol_merger.h"
#include "tokenizer/utf8.h"

namespace ix::tokenizer {
namespace {

class BpeEncoder final : public TextEncoder {
 public:
  BpeEncoder(const Vocabulary& vocabulary, PreTokenizer pre_tokenizer, MergeTable merges,
             bool ignores_merges)
      : vocabulary_(vocabulary),
        pre_tokenizer_(std::move(pre_tokenizer)),
        merges_(std::move(merges)),
        ignores_merges_(ignores_merges) {
    for (const char c : kReplacementCharacter) {
      const TokenId token = vocabulary_.byte_token(static_cast<uint8_t>(c));
      if (token == kNoToken) {
        replacement_.clear();
        break;
      }
      replacement_.push_back(token);
    }
  }

  void encode(std::string_view text, bool /*at_start*/, std::vector<TokenId>& out) const override {
    Work work;
    pre_tokenizer_.split(text, [&](std::string_view piece) {
      while (piece.size() > SymbolMerger::kMaxSymbols) {
        encode_piece(piece.substr(0, SymbolMerger::kMaxSymbols), work, out);
        piece.remove_prefix(SymbolMerger::kMaxSymbols);
      }
      encode_piece(piece, work, out);
    });
  }

 private:
  struct Work {
    std::string spelled;
    std::vector<Symbol> symbols;
    SymbolMerger merger;
  };

  void encode_piece(std::string_view piece, Work& work, std::vector<TokenId>& out) const {
    if (ignores_merges_) {
      if (const TokenId token = whole(piece, work); token != kNoToken) {
        out.push_back(token);
        return;
      }
    }
    work.symbols.clear();
    for (uint32_t i = 0; i < piece.size(); ++i) {
      work.symbols.push_back({i, merges_.byte_symbol(static_cast<uint8_t>(piece[i]))});
    }
    const auto size = static_cast<uint32_t>(piece.size());
    work.merger.merge(work.symbols, size, [&](Symbol left, Symbol right, uint32_t) {
      return merges_.find(left.id, right.id);
    });
    for (size_t i = 0; i < work.symbols.size(); ++i) {
      const Symbol& symbol = work.symbols[i];
      if (symbol.id < vocabulary_.size()) {
        out.push_back(static_cast<TokenId>(symbol.id));
        continue;
      }
      const uint32_t end = i + 1 < work.symbols.size() ? work.symbols[i + 1].begin : size;
      append_bytes(piece.substr(symbol.begin, end - symbol.begin), out);
    }
  }

  // The token that is all of piece.
  TokenId whole(std::string_view piece, Work& work) const {
    if (piece.size() > vocabulary_.longest_text()) return kNoToken;
    work.spelled.clear();
    for (const char c : piece) work.spelled.append(byte_character(static_cast<uint8_t>(c)));
    return vocabulary_.find(work.spelled);
  }

  void append_bytes(std::string_view bytes, std::vector<TokenId>& out) const {
    for (const char c : bytes) {
      const TokenId token = vocabulary_.byte_token(static_cast<uint8_t>(c));
      if (token != kNoToken) {
        out.push_back(token);
      } else {
        out.insert(out.end(), replacement_.begin(), replacement_.end());
      }
    }
  }

  const Vocabulary& vocabulary_;
  PreTokenizer pre_tokenizer_;
  MergeTable merges_;
  bool ignores_merges_;
  std::vector<TokenId> replacement_;  // U+FFFD, for bytes that the vocabulary does not have
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_bpe_encoder(const gguf::Metadata& metadata,
                                                      const Vocabulary& vocabulary,
                                                      const PreTokenizerSpec& spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.merges";
  if (metadata.find(kKey) == nullptr) {
    return corrupt(fmt::format("{} is missing, but tokenizer.ggml.model is gpt2", kKey));
  }
  IX_ASSIGN_OR_RETURN(const auto merges, metadata.get_strings(kKey));
  IX_ASSIGN_OR_RETURN(MergeTable table, MergeTable::build(merges, vocabulary));
  IX_ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer, PreTokenizer::compile(spec.patterns));
  return std::unique_ptr<TextEncoder>(std::make_unique<BpeEncoder>(
      vocabulary, std::move(pre_tokenizer), std::move(table), spec.ignores_merges));
}

}  // namespace ix::tokenizer
