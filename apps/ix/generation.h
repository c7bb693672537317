// One answer: runs the engine until a request ends, and measures it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"
#include "engine/engine.h"

namespace ix::cli {

// What was run and how long it took; sums over answers.
struct Measurements {
  int64_t prompt_tokens = 0;
  int64_t answer_tokens = 0;
  int64_t answers = 0;          // that have a token
  double to_first_seconds = 0;  // from the request to the first token
  double after_first_seconds = 0;

  Measurements& operator+=(const Measurements& other);

  // 0 where there is nothing to measure.
  double ttft_ms() const;
  double prompt_tokens_per_second() const;
  double tokens_per_second() const;  // of tokens after the first
};

struct Generation {
  std::string text;
  std::vector<engine::GeneratedToken> tokens;
  engine::FinishReason finish = engine::FinishReason::stop;
  Measurements measured;
};

// on_text gets text as it comes; stop_asked is looked at after every step. An error of the backend
// is returned, whatever came before it.
Result<Generation> generate(engine::Engine& engine, engine::Request request,
                            FunctionRef<void(std::string_view)> on_text,
                            FunctionRef<bool()> stop_asked);

}  // namespace ix::cli
