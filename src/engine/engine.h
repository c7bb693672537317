// The engine: requests in, tokens out, many sequences in one step.
//
// One owner thread calls submit, step and cancel. Requests are admitted in order when their blocks
// fit; prompts are cut into chunks and mixed with the decode rows of running requests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/executor.h"
#include "base/result.h"
#include "base/types.h"
#include "engine/sampling.h"
#include "graph/decoder.h"
#include "tokenizer/tokenizer.h"

namespace ix::engine {

using RequestId = uint64_t;

enum class FinishReason {
  stop,     // an end token or a stop string
  length,   // max_tokens reached
  context,  // the context is full
  cancelled,
  error,
};
std::string_view to_string(FinishReason reason);

struct Request {
  std::vector<TokenId> prompt;  // not empty
  int64_t max_tokens = -1;      // -1 = until the context is full
  SamplingOptions sampling;
  std::vector<std::string> stop;  // text that ends the answer and is not part of it
  int32_t logprobs = -1;          // >= 0: each token's log-probability and the N best; -1 = none
  bool ignore_end_tokens = false;
};

struct TokenLogprob {
  TokenId token;
  float logprob;  // natural log, of the raw logits
};

struct GeneratedToken {
  TokenId token;
  float logprob = 0;              // set when logprobs were asked for
  std::vector<TokenLogprob> top;  // best first
};

// What a step brought for one request. text: whole UTF-8 characters only; text that may turn out
// to be the start of a stop string is held back until it is clear.
struct Event {
  RequestId request;
  std::optional<GeneratedToken> token;
  std::string text;
  std::optional<FinishReason> finish;
  Status error;  // where finish is error
};

struct EngineOptions {
  int64_t context_length = 0;  // most tokens of a sequence; 0 = min(model's, 8192)
  int32_t max_sequences = 1;   // sequences that run at once
  int32_t max_rows = 512;      // rows a step: prompt chunks are cut to it
};

inline constexpr int64_t kDefaultContext = 8192;

class Engine {
 public:
  // executor's KV must hold at least one sequence of context_length. tokenizer outlives the engine.
  static Result<std::unique_ptr<Engine>> create(const graph::Decoder& decoder,
                                                std::unique_ptr<backend::Executor> executor,
                                                const tokenizer::Tokenizer& tokenizer,
                                                const EngineOptions& options);
  ~Engine();

  // invalid_argument for an empty prompt, a token outside the vocabulary, a prompt longer than the
  // context (with both numbers), bad sampling options.
  Result<RequestId> submit(Request request);

  // Runs one step of the backend over everything that can run; events are valid until the next
  // call. An empty result with idle() means there is nothing to do.
  Result<std::span<const Event>> step();

  // The request ends with FinishReason::cancelled at the next step.
  void cancel(RequestId request);

  bool idle() const;
  int64_t context_length() const;
  const backend::Executor& executor() const;

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ix::engine
