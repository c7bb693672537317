// A backend for tests of the engine: its "model" is a function of the tokens that it finds in the
// KV cache, so a wrong block table, position or token changes the answer or is reported.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backend/executor.h"

namespace ix::engine::test {

// Writes the logits [vocab] of the token after `context`.
using FakeModel = std::function<void(std::span<const TokenId> context, std::span<float> logits)>;

// Logits that look random and depend on every token of the context.
inline FakeModel hashed_model() {
  return [](std::span<const TokenId> context, std::span<float> logits) {
    uint64_t hash = 1469598103934665603U;
    for (const TokenId token : context) {
      hash = (hash ^ static_cast<uint64_t>(token)) * 1099511628211U;
    }
    for (size_t i = 0; i < logits.size(); ++i) {
      uint64_t x = hash + i * 0x9E3779B97F4A7C15U;
      x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
      x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
      logits[i] = static_cast<float>((x ^ (x >> 31)) >> 40) * 0x1p-21F - 4.0F;  // [-4, 4)
    }
  };
}

// Says `script[i]` as the i-th token after a prompt of `prompt` tokens.
inline FakeModel scripted_model(size_t prompt, std::vector<TokenId> script) {
  return [prompt, script = std::move(script)](std::span<const TokenId> context,
                                              std::span<float> logits) {
    for (float& logit : logits) logit = 0;
    const size_t index = context.size() - prompt;
    if (index < script.size()) logits[static_cast<size_t>(script[index])] = 10;
  };
}

struct FakeConfig {
  int32_t vocab = 300;
  int32_t max_rows = 16;
  int32_t tokens_per_block = 4;
  std::vector<backend::KvGroupInfo> groups = {{.window = 0, .blocks = 64}};  // the first is full
  FakeModel model = hashed_model();
};

class FakeExecutor final : public backend::Executor {
 public:
  explicit FakeExecutor(FakeConfig config) : config_(std::move(config)) {
    kv_.tokens_per_block = config_.tokens_per_block;
    kv_.groups = config_.groups;
    kv_.can_share = true;
    kv_.can_copy = false;
    kv_.bytes_per_token = 1;
    for (const auto& group : config_.groups) {
      cells_.emplace_back(static_cast<size_t>(group.blocks * config_.tokens_per_block));
    }
  }

  struct Piece {
    Position start;
    int32_t rows;
  };

  std::vector<std::vector<Piece>> steps;  // what was run
  std::vector<std::string> violations;    // of the interface, by the engine
  std::vector<backend::Want> wants;       // of rows that wanted something
  int fail_submit_at = -1;                // index of the step
  int fail_wait_at = -1;
  bool dies = false;  // a failure is final

  Result<backend::Ticket> submit(const backend::StepInput& input) override {
    if (health_.state == backend::HealthState::dead) return health_.status;
    const int index = static_cast<int>(steps.size());
    record(input);
    if (index == fail_submit_at) return fail("submit failed");
    if (index == fail_wait_at) fail_wait_ = true;
    run(input);
    return ++ticket_;
  }

  Result<backend::StepOutput> wait(backend::Ticket ticket, backend::Deadline) override {
    if (ticket != ticket_) violations.push_back("wait for an unknown ticket");
    if (std::exchange(fail_wait_, false)) return fail("wait failed");
    return backend::StepOutput{results_};
  }

  const backend::KvInfo& kv() const override { return kv_; }
  Status copy_kv(int32_t, std::span<const backend::BlockId>,
                 std::span<const backend::BlockId>) override {
    return unsupported("the fake does not copy");
  }
  backend::Health health() const override { return health_; }
  std::string description() const override { return "fake"; }

 private:
  struct Cell {
    Position position = -1;
    TokenId token = kNoToken;
  };

  Status fail(const char* message) {
    Status status(StatusCode::unavailable, message);
    if (dies) health_ = {backend::HealthState::dead, status};
    return status;
  }

  void record(const backend::StepInput& input) {
    std::vector<Piece> pieces;
    int32_t next = 0;
    for (const auto& rows : input.sequences) {
      if (rows.first_row != next) violations.push_back("rows do not follow each other");
      next += rows.rows;
      pieces.push_back({rows.start, rows.rows});
    }
    if (next != static_cast<int32_t>(input.tokens.size())) violations.push_back("rows left over");
    if (next > config_.max_rows) violations.push_back("more rows than max_rows");
    if (next < 1) violations.push_back("an empty step");
    if (input.wants.size() != input.tokens.size()) violations.push_back("wants do not match");
    steps.push_back(std::move(pieces));
  }

  void run(const backend::StepInput& input) {
    results_.clear();
    logits_.clear();
    top_.clear();
    written_.clear();
    for (const auto& rows : input.sequences) {
      for (int32_t i = 0; i < rows.rows; ++i) {
        const auto row = static_cast<size_t>(rows.first_row + i);
        const Position position = rows.start + i;
        for (size_t g = 0; g < cells_.size(); ++g) {
          write(rows, g, position, input.tokens[row]);
        }
        const std::vector<TokenId> context = read(rows, position);
        if (input.wants[row].kind != backend::Want::nothing) {
          answer(static_cast<int32_t>(row), input.wants[row], context);
        }
      }
    }
  }

  size_t cell_index(const backend::SequenceRows& rows, size_t group, Position position) {
    const auto entry = static_cast<size_t>(position / config_.tokens_per_block);
    const auto table = rows.block_tables[group];
    const bool there =
        entry < table.size() && table[entry] >= 0 && table[entry] < config_.groups[group].blocks;
    if (!there) {
      violations.push_back("position " + std::to_string(position) + " has no block");
      return 0;
    }
    return static_cast<size_t>(table[entry] * config_.tokens_per_block +
                               position % config_.tokens_per_block);
  }

  void write(const backend::SequenceRows& rows, size_t group, Position position, TokenId token) {
    const size_t index = cell_index(rows, group, position);
    if (!written_.insert({group, index}).second) violations.push_back("a cell was written twice");
    cells_[group][index] = {position, token};
  }

  // Everything that the row sees; a windowed group must agree with the full one.
  std::vector<TokenId> read(const backend::SequenceRows& rows, Position position) {
    std::vector<TokenId> context;
    for (Position p = 0; p <= position; ++p) {
      const Cell& cell = cells_[0][cell_index(rows, 0, p)];
      if (cell.position != p) violations.push_back("a position is not in its block");
      context.push_back(cell.token);
    }
    for (size_t g = 1; g < cells_.size(); ++g) {
      const auto window = static_cast<Position>(config_.groups[g].window);
      const Position first = window > 0 && position >= window ? position - window + 1 : 0;
      for (Position p = first; p <= position; ++p) {
        const Cell& cell = cells_[g][cell_index(rows, g, p)];
        if (cell.position != p || cell.token != context[static_cast<size_t>(p)]) {
          violations.push_back("a windowed block holds something else");
        }
      }
    }
    return context;
  }

  void answer(int32_t row, backend::RowWant want, std::span<const TokenId> context) {
    wants.push_back(want.kind);
    auto& logits = logits_[row];
    logits.resize(static_cast<size_t>(config_.vocab));
    config_.model(context, logits);
    auto& top = top_[row];
    double sum = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      sum += std::exp(double{logits[i]});
      top.push_back({static_cast<TokenId>(i), logits[i]});
    }
    std::stable_sort(top.begin(), top.end(),
                     [](const auto& a, const auto& b) { return a.logit > b.logit; });
    if (want.kind == backend::Want::top_k) {
      if (want.k < 1 || want.k > 256) violations.push_back("k is not allowed");
      top.resize(static_cast<size_t>(want.k));
    }
    backend::RowResult result{.row = row, .argmax = top.front().token, .logsumexp = 0};
    const bool wants_sum = want.kind == backend::Want::logits && want.logsumexp;
    if (want.kind == backend::Want::top_k || wants_sum) {
      result.logsumexp = static_cast<float>(std::log(sum));
    }
    if (want.kind == backend::Want::top_k) result.top = top;
    if (want.kind == backend::Want::logits) result.logits = logits;
    results_.push_back(result);
  }

  FakeConfig config_;
  backend::KvInfo kv_;
  backend::Health health_;
  std::vector<std::vector<Cell>> cells_;  // [groups][blocks * tokens_per_block]
  std::set<std::pair<size_t, size_t>> written_;
  std::map<int32_t, std::vector<float>> logits_;
  std::map<int32_t, std::vector<backend::TokenLogit>> top_;
  std::vector<backend::RowResult> results_;
  backend::Ticket ticket_ = 0;
  bool fail_wait_ = false;
};

}  // namespace ix::engine::test
