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

  // Takes the memory that it will need until it ends, but for what the first step adds.
  void reserve();

  // The next token from the last token's row: appends it and writes what came of it to event, a
  // blank one. An error where nothing can be chosen.
  void accept(const backend::RowResult& row, Event& event);

  // The end from outside: appends text that was held back to event's and sets the reason.
  void end(FinishReason reason, Status error, Event& event);

 private:
  Status choose(const backend::RowResult& row, GeneratedToken& out);
  void add_logprobs(const backend::RowResult& row, GeneratedToken& token);
  void finish_text(std::string& text);
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
  size_t most_event_text_ = 0;  // bytes

  // Scratch, kept for its memory.
  std::string bytes_;  // of a token
  std::string whole_;  // its whole characters
  std::vector<Candidate> best_;
};

}  // namespace ix::engine
