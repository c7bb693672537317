// An engine over the fake executor, and answers gathered by request.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/byte_vocabulary.h"
#include "engine/engine.h"
#include "engine/fake_executor.h"

namespace ix::engine::test {

struct Answer {
  std::vector<TokenId> tokens;
  std::vector<GeneratedToken> generated;
  std::string text;
  std::vector<std::string> pieces;  // text, event by event
  std::optional<FinishReason> finish;
  Status error;
};

class TestEngine {
 public:
  TestEngine(FakeConfig config, EngineOptions options, const std::vector<std::string>& pieces = {})
      : vocabulary_(pieces) {
    decoder_.vocab_size = config.vocab = static_cast<int32_t>(vocabulary_.tokenizer().vocab_size());
    decoder_.context_length = 128;
    config.max_rows = options.max_rows;
    auto executor = std::make_unique<FakeExecutor>(std::move(config));
    fake_ = executor.get();
    auto created = Engine::create(decoder_, std::move(executor), vocabulary_.tokenizer(), options);
    EXPECT_TRUE(created.ok()) << created.status().message();
    engine_ = std::move(created).value();
  }

  Engine& engine() { return *engine_; }
  FakeExecutor& fake() { return *fake_; }

  RequestId submit(Request request) {
    auto id = engine_->submit(std::move(request));
    EXPECT_TRUE(id.ok()) << id.status().message();
    return id.ok() ? *id : 0;
  }

  void step() {
    auto events = engine_->step();
    ASSERT_TRUE(events.ok()) << events.status().message();
    for (const Event& event : *events) {
      Answer& answer = answers[event.request];
      EXPECT_FALSE(answer.finish) << "an event after the last";
      if (event.token) {
        answer.tokens.push_back(event.token->token);
        answer.generated.push_back(*event.token);
      }
      answer.text += event.text;
      answer.pieces.push_back(event.text);
      answer.finish = event.finish;
      answer.error = event.error;
    }
  }

  // Steps until nothing is left; a fixed bound, so that a request that never ends fails the test.
  void run() {
    for (int i = 0; i < 10'000 && !engine_->idle(); ++i) step();
    EXPECT_TRUE(engine_->idle());
    for (const std::string& violation : fake_->violations) ADD_FAILURE() << violation;
  }

  Answer answer_to(Request request) {
    const RequestId id = submit(std::move(request));
    run();
    return answers[id];
  }

  std::map<RequestId, Answer> answers;

 private:
  ByteVocabulary vocabulary_;
  graph::Decoder decoder_;
  FakeExecutor* fake_ = nullptr;
  std::unique_ptr<Engine> engine_;
};

inline SamplingOptions greedy() {
  SamplingOptions options;
  options.temperature = 0;
  return options;
}

inline Request request(std::vector<TokenId> prompt, int64_t max_tokens,
                       SamplingOptions sampling = greedy()) {
  Request out;
  out.prompt = std::move(prompt);
  out.max_tokens = max_tokens;
  out.sampling = std::move(sampling);
  return out;
}

}  // namespace ix::engine::test
