// One request on its way: its tokens, its place in the KV cache and the text it gave so far.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/executor.h"
#include "engine/block_tables.h"
#include "engine/engine.h"
#include "engine/sampling.h"
#include "engine/stop_matcher.h"
#include "tokenizer/tokenizer.h"

namespace ix::engine {

class Sequence {
 public:
  // context_length: most tokens, prompt and answer together.
  Sequence(RequestId id, Request request, const tokenizer::Tokenizer& tokenizer, KvPools& pools,
           int64_t context_length);

  RequestId id() const { return id_; }
  const std::vector<TokenId>& tokens() const { return tokens_; }

  // Most tokens it will ever have: what its KV blocks are committed for.
  int64_t token_limit() const { return token_limit_; }

  // Where it ends before any step: no token is asked for, or there is no room for one.
  std::optional<FinishReason> finished_at_once() const;

  // Rows that are not in the KV cache yet: the rest of the prompt, or the last token.
  int64_t pending_rows() const { return static_cast<int64_t>(tokens_.size()) - computed_; }
  bool decoding() const { return computed_ >= prompt_size_; }
  Position computed() const { return static_cast<Position>(computed_); }
  void advance(int32_t rows) { computed_ += rows; }

  BlockTables& tables() { return tables_; }

  // What the row of the last token should bring.
  backend::RowWant want() const;

  // The next token from the last token's row: appends it and says what came of it. An error where
  // nothing can be chosen.
  Event accept(const backend::RowResult& row);

  // The end from outside: text that was held back and the reason.
  Event end(FinishReason reason, Status error = {});

 private:
  Result<GeneratedToken> choose(const backend::RowResult& row);
  void add_logprobs(const backend::RowResult& row, GeneratedToken& token);
  std::optional<FinishReason> append(TokenId token, std::string& text);

  RequestId id_;
  Request request_;
  const tokenizer::Tokenizer& tokenizer_;
  std::vector<TokenId> tokens_;
  int64_t prompt_size_;
  int64_t token_limit_;
  FinishReason reason_at_limit_;
  int64_t computed_ = 0;
  BlockTables tables_;
  Sampler sampler_;
  tokenizer::Utf8Stream characters_;
  StopMatcher stops_;
  std::vector<Candidate> best_;  // scratch
};

}  // namespace ix::engine
