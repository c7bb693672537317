// Decode steps allocate nothing and make no system call but futex, after the first ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "backend/cpu/cpu_executor.h"
#include "backend/small_models.h"
#include "base/thread_pool.h"
#include "engine/engine.h"
#include "gguf/gguf_file.h"
#include "support/allocation_counter.h"
#include "support/system_call_counter.h"

namespace ix::engine {
namespace {

using ix::testing::AllocationCounter;
using ix::testing::count_system_calls;
using ix::testing::SmallModel;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr int kWarmUp = 40;
constexpr int kSteps = 1000;
constexpr int64_t kContext = 1200;

std::unique_ptr<backend::Executor> open_cpu(const SmallModel& model, int threads, int sequences) {
  const backend::ExecutorOptions options{.threads = threads,
                                         .max_rows = 16,
                                         .kv_tokens = kContext * sequences,
                                         .max_sequences = sequences};
  auto loaded = backend::cpu::load_model(model.decoder, model.weights, options, {});
  IX_CHECK(loaded.ok());
  auto executor = backend::cpu::open_cpu(*loaded, options);
  IX_CHECK(executor.ok());
  return *std::move(executor);
}

// Sequences that decode together, straight on an executor. Each has its share of a group's blocks
// and goes round in it, so every block is used, and in windowed groups used again.
class Decoding {
 public:
  Decoding(const SmallModel& model, int threads, int sequences, backend::RowWant want)
      : executor_(open_cpu(model, threads, sequences)),
        vocab_size_(model.decoder.vocab_size),
        tokens_(static_cast<size_t>(sequences), 1),
        wants_(static_cast<size_t>(sequences), want) {
    const backend::KvInfo& kv = executor_->kv();
    tables_.resize(tokens_.size());
    spans_.resize(tokens_.size());
    for (size_t s = 0; s < tokens_.size(); ++s) {
      for (const backend::KvGroupInfo& group : kv.groups) {
        const int32_t share = group.blocks / sequences;
        std::vector<backend::BlockId> table;
        for (int32_t i = 0; int64_t{i} * kv.tokens_per_block < kContext; ++i) {
          table.push_back(static_cast<int32_t>(s) * share + i % share);
        }
        tables_[s].push_back(std::move(table));
      }
      spans_[s].assign(tables_[s].begin(), tables_[s].end());
      rows_.push_back(
          {.first_row = static_cast<int32_t>(s), .rows = 1, .start = 0, .block_tables = spans_[s]});
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
  }

 private:
  void step() {
    const auto ticket = executor_->submit({.tokens = tokens_, .sequences = rows_, .wants = wants_});
    IX_CHECK(ticket.ok());
    const auto output = executor_->wait(*ticket, backend::kNoDeadline);
    IX_CHECK(output.ok() && output->rows.size() == tokens_.size());
    for (size_t s = 0; s < tokens_.size(); ++s) {
      // Not always the same token, which random weights tend to.
      tokens_[s] = static_cast<TokenId>((output->rows[s].argmax + rows_[s].start) % vocab_size_);
      ++rows_[s].start;
    }
  }

  std::unique_ptr<backend::Executor> executor_;
  int64_t vocab_size_;
  std::vector<TokenId> tokens_;
  std::vector<backend::RowWant> wants_;
  std::vector<std::vector<std::vector<backend::BlockId>>> tables_;     // [sequences][groups]
  std::vector<std::vector<std::span<const backend::BlockId>>> spans_;  // [sequences][groups]
  std::vector<backend::SequenceRows> rows_;
};

// A vocabulary as large as a model's: single bytes, valid UTF-8 or not, and pieces that are longer
// than what std::string holds without memory of its own.
class Vocabulary {
 public:
  explicit Vocabulary(int64_t size) {
    gguf::StringArray tokens;
    gguf::FloatArray scores;
    gguf::IntArray types;
    texts_.reserve(static_cast<size_t>(size));
    const auto add = [&](std::string text, int64_t type) {
      texts_.push_back(std::move(text));
      tokens.items.push_back(texts_.back());
      scores.items.push_back(0);
      types.items.push_back(type);
    };
    add("<unk>", 2);
    add("<s>", 3);
    add("</s>", 3);
    for (int64_t i = 3; i < size; ++i) {
      char text[64];
      if (i % 4 == 0) {
        std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(i % 256));
        add(text, 6);
      } else {
        std::snprintf(text, sizeof text, "piece %03d of forty characters, as some are",
                      static_cast<int>(i));
        add(text, 1);
      }
    }
    metadata_.insert("tokenizer.ggml.model", std::string_view("llama"));
    metadata_.insert("tokenizer.ggml.tokens", std::move(tokens));
    metadata_.insert("tokenizer.ggml.scores", std::move(scores));
    metadata_.insert("tokenizer.ggml.token_type", std::move(types));
    metadata_.insert("tokenizer.ggml.bos_token_id", uint64_t{1});
    metadata_.insert("tokenizer.ggml.eos_token_id", uint64_t{2});
    metadata_.insert("tokenizer.ggml.unknown_token_id", uint64_t{0});
    auto created = tokenizer::Tokenizer::create(metadata_);
    IX_CHECK(created.ok());
    tokenizer_ = std::move(created).value();
  }

  const tokenizer::Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  std::vector<std::string> texts_;
  gguf::Metadata metadata_;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_;
};

// Requests that decode together in an engine on the CPU.
class Serving {
 public:
  Serving(std::shared_ptr<const SmallModel> model, int threads, std::vector<Request> requests)
      : model_(std::move(model)), vocabulary_(model_->decoder.vocab_size) {
    const auto sequences = static_cast<int32_t>(requests.size());
    auto created = Engine::create(
        model_->decoder, open_cpu(*model_, threads, sequences), vocabulary_.tokenizer(),
        {.context_length = kContext, .max_sequences = sequences, .max_rows = 16});
    IX_CHECK(created.ok());
    engine_ = std::move(created).value();
    for (Request& request : requests) {
      request.prompt = {1, 5, 7};
      request.ignore_end_tokens = true;
      IX_CHECK(engine_->submit(std::move(request)).ok());
    }
  }

  // Every step brings a token and text for each request.
  void run(int steps, size_t requests) {
    for (int i = 0; i < steps; ++i) {
      const auto events = engine_->step();
      IX_CHECK(events.ok() && events->size() == requests);
      for (const Event& event : *events) {
        IX_CHECK(event.token.has_value() && !event.finish);
        text_bytes_ += event.text.size();
      }
    }
  }

  size_t text_bytes() const { return text_bytes_; }

 private:
  std::shared_ptr<const SmallModel> model_;
  Vocabulary vocabulary_;
  std::unique_ptr<Engine> engine_;
  size_t text_bytes_ = 0;
};

Request greedy() {
  Request request;
  request.sampling.temperature = 0;
  return request;
}

Request sampled() {
  Request request;
  request.sampling.temperature = 1.5F;
  request.sampling.seed = 7;
  return request;
}

// Every stage of the sampler, over the whole vocabulary, stop strings and log-probabilities.
Request with_everything() {
  Request request = sampled();
  request.sampling.top_k = 0;
  request.sampling.typical_p = 0.95F;
  request.sampling.repeat_penalty = 1.1F;
  request.sampling.penalty_last_n = -1;
  request.sampling.logit_bias = {{5, -1.0F}};
  request.stop = {"characters, as some never are", "of forty-two"};
  request.logprobs = 5;
  return request;
}

Request greedy_with_logprobs() {
  Request request = greedy();
  request.logprobs = 3;
  return request;
}

backend::RowWant want(backend::Want kind) { return {kind, kind == backend::Want::top_k ? 40 : 0}; }

TEST(AllocationCounter, CountsEveryWayToAllocateOnEveryThread) {
  const AllocationCounter counter;
  void* pointers[] = {std::malloc(1),           std::calloc(1, 1),
                      std::realloc(nullptr, 1), std::aligned_alloc(64, 64),
                      ::operator new(1),        ::operator new(64, std::align_val_t(64))};
  EXPECT_EQ(counter.count(), 6);
  for (int i = 0; i < 4; ++i) std::free(pointers[i]);
  ::operator delete(pointers[4]);
  ::operator delete(pointers[5], std::align_val_t(64));
  const int64_t before = counter.count();
  std::thread thread([] { std::free(std::malloc(1)); });
  thread.join();
  EXPECT_GT(counter.count(), before + 1);  // the thread's state, and the thread's own
}

// Calls f(thread) once on each of two threads.
template <typename F>
void run_on_both(ThreadPool& pool, F f) {
  std::atomic<int> arrived{0};
  pool.run(2, [&](int64_t, int thread) {
    ++arrived;
    while (arrived < 2) {  // so that neither thread takes both tasks
    }
    f(thread);
  });
}

TEST(SystemCallCounter, CountsEveryThreadAndLetsTheAllowedThrough) {
  const auto calls = count_system_calls(
      [] {
        auto pool = std::make_shared<ThreadPool>(2);
        run_on_both(*pool, [](int) {});  // the thread has made the calls of its start
        return [pool] {
          run_on_both(*pool, [](int thread) {
            for (int i = 0; i < 3; ++i) syscall(thread == 0 ? SYS_getppid : SYS_getpid);
            IX_CHECK(syscall(SYS_getuid) == -1 && errno == ENOSYS);
            IX_CHECK(syscall(SYS_getgid) != -1);
          });
        };
      },
      {SYS_futex, SYS_getgid});
  EXPECT_THAT(calls,
              Optional(std::map<int, int64_t>{{SYS_getppid, 3}, {SYS_getpid, 3}, {SYS_getuid, 2}}));
}

TEST(SystemCallCounter, SaysWhenTheWorkFails) {
  EXPECT_EQ(count_system_calls([] { return [] { std::abort(); }; }, {}), std::nullopt);
}

TEST(SteadyState, TheExecutorAllocatesNothing) {
  for (const auto& model : ix::testing::small_models()) {
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(model->name);
      Decoding decoding(*model, threads, 1,
                        threads == 1 ? want(backend::Want::logits) : want(backend::Want::top_k));
      decoding.run(kWarmUp);
      const AllocationCounter counter;
      decoding.run(kSteps);
      EXPECT_EQ(counter.count(), 0);
    }
  }
}

TEST(SteadyState, TheExecutorAllocatesNothingForSeveralSequences) {
  Decoding decoding(*ix::testing::make_sliding_model(), 2, 4, want(backend::Want::logits));
  decoding.run(kWarmUp);
  const AllocationCounter counter;
  decoding.run(kSteps);
  EXPECT_EQ(counter.count(), 0);
}

TEST(SteadyState, TheEngineAllocatesNothing) {
  for (const Request& request : {greedy(), greedy_with_logprobs(), sampled(), with_everything()}) {
    Serving serving(ix::testing::make_sliding_model(), 2, {request});
    serving.run(kWarmUp, 1);
    const AllocationCounter counter;
    serving.run(kSteps, 1);
    EXPECT_EQ(counter.count(), 0);
    EXPECT_GT(serving.text_bytes(), size_t{kSteps});
  }
}

TEST(SteadyState, TheEngineAllocatesNothingForSeveralSequences) {
  Serving serving(ix::testing::make_fused_model(), 2, {greedy(), sampled(), with_everything()});
  serving.run(kWarmUp, 3);
  const AllocationCounter counter;
  serving.run(kSteps, 3);
  EXPECT_EQ(counter.count(), 0);
}

TEST(SteadyState, TheExecutorMakesNoSystemCallOnOneThread) {
  for (const auto& model : ix::testing::small_models()) {
    SCOPED_TRACE(model->name);
    EXPECT_THAT(count_system_calls(
                    [&] {
                      auto decoding =
                          std::make_shared<Decoding>(*model, 1, 1, want(backend::Want::logits));
                      decoding->run(kWarmUp);
                      return [decoding] { decoding->run(kSteps); };
                    },
                    {}),
                Optional(IsEmpty()));
  }
}

TEST(SteadyState, TheExecutorMakesNoSystemCallButFutexOnTwoThreads) {
  for (const auto& model : ix::testing::small_models()) {
    SCOPED_TRACE(model->name);
    EXPECT_THAT(count_system_calls(
                    [&] {
                      auto decoding =
                          std::make_shared<Decoding>(*model, 2, 2, want(backend::Want::top_k));
                      decoding->run(kWarmUp);
                      return [decoding] { decoding->run(kSteps); };
                    },
                    {SYS_futex}),
                Optional(IsEmpty()));
  }
}

TEST(SteadyState, TheEngineMakesNoSystemCallButFutex) {
  const auto model = ix::testing::make_sliding_model();
  for (const int threads : {1, 2}) {
    const std::vector<int> allowed = threads == 1 ? std::vector<int>{} : std::vector{SYS_futex};
    EXPECT_THAT(count_system_calls(
                    [&] {
                      auto serving = std::make_shared<Serving>(
                          model, threads, std::vector{greedy(), sampled(), with_everything()});
                      serving->run(kWarmUp, 3);
                      return [serving] { serving->run(kSteps, 3); };
                    },
                    allowed),
                Optional(IsEmpty()));
  }
}

}  // namespace
}  // namespace ix::engine
