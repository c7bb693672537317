// What `ix run` was asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "command.h"
#include "engine/engine.h"
#include "prompt_source.h"
#include "session.h"

namespace ix::cli {

struct RunOptions {
  SessionOptions session;
  PromptSource prompt;
  std::string system_prompt;
  std::string template_file;  // "" = the model's own
  bool raw = false;
  bool json = false;
  bool single_turn = false;

  int64_t max_tokens = -1;
  std::string seed;                     // as written; "" or "-1" = a random one
  std::vector<std::string> logit_bias;  // as written
  bool greedy = false;
  engine::SamplingOptions sampling;
  std::vector<std::string> stop;
  int32_t logprobs = -1;
  bool ignore_end_tokens = false;
};

// Registers every flag; values land in options.
void add_run_flags(const Command& command, RunOptions& options);

// Works out seed and logit bias. invalid_argument names the flag.
Status finish_sampling(RunOptions& options);

// The request without its prompt. --ignore-eos forbids the end tokens, as llama.cpp does.
engine::Request make_request(const RunOptions& options, const tokenizer::Tokenizer& tokenizer);

}  // namespace ix::cli
