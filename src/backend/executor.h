// The one interface of every backend: steps of mixed prefill and decode rows over a paged KV cache.
//
// Threads: one owner thread calls an Executor. Lifetimes: what a StepInput points to lives until
// wait() returns; a StepOutput's spans live until the next submit(). After health() is dead every
// call returns that status.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "graph/decoder.h"
#include "quant/weight_source.h"

namespace ix::backend {

using BlockId = int32_t;  // index of a KV block in its group
inline constexpr BlockId kNoBlock = -1;

// One group of layers that share block tables (graph::KvGroup).
struct KvGroupInfo {
  int64_t window;  // 0 = all positions are kept
  int32_t blocks;  // blocks of the group's pool
};

struct KvInfo {
  int32_t tokens_per_block;
  std::vector<KvGroupInfo> groups;
  bool can_share;           // a block may stand in several sequences' tables
  bool can_copy;            // copy_kv works
  int64_t bytes_per_token;  // all layers, for admission and messages
};

// What a row's result should hold.
enum class Want : uint8_t { nothing, argmax, top_k, logits };

struct RowWant {
  Want kind = Want::nothing;
  int32_t k = 0;          // for top_k: 1 .. 256; a smaller vocabulary gives all of it
  bool logsumexp = true;  // for logits: whether that of the row is wanted too
};

// Consecutive rows of one sequence, positions start .. start + rows - 1. Its earlier positions
// (inside each group's window) must be in the blocks already.
struct SequenceRows {
  int32_t first_row;
  int32_t rows;
  Position start;
  // One table a KV group: entry i holds positions [i * tokens_per_block, (i + 1) * ...). Entries
  // wholly before the first row's window may be kNoBlock. Covers every position up to the last
  // row's. A block that the step writes stands in no other sequence's table of the step.
  std::span<const std::span<const BlockId>> block_tables;
};

struct StepInput {
  std::span<const TokenId> tokens;          // [rows]
  std::span<const SequenceRows> sequences;  // in row order; together they cover all rows
  std::span<const RowWant> wants;           // [rows]
};

struct TokenLogit {
  TokenId token;
  float logit;
};

// Result of one row that wanted something.
struct RowResult {
  int32_t row;
  TokenId argmax;                   // smallest id among equals; always set
  float logsumexp;                  // of all logits; set for top_k, and for logits where wanted
  std::span<const TokenLogit> top;  // [min(k, vocab)], best first, equal logits by smaller id
  std::span<const float> logits;    // [vocab]; for logits
};

struct StepOutput {
  std::span<const RowResult> rows;  // rows that wanted something, in row order
};

using Ticket = uint64_t;
using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kNoDeadline = Deadline::max();

enum class HealthState { ok, degraded, dead };
struct Health {
  HealthState state = HealthState::ok;
  Status status;  // why, where not ok
};

class Executor {
 public:
  virtual ~Executor() = default;

  // Queues a step. invalid_argument for a token outside the vocabulary, rows that do not add up, a
  // block outside the pool, more rows than max_rows; such a step has no effect and the executor
  // stays usable.
  virtual Result<Ticket> submit(const StepInput& input) = 0;

  // Waits for a step; tickets are waited for in order of submission, each once. invalid_argument
  // for a ticket that is not the oldest one submitted and not waited for.
  virtual Result<StepOutput> wait(Ticket ticket, Deadline deadline) = 0;

  virtual const KvInfo& kv() const = 0;

  // Copies whole blocks of one group, from[i] to to[i]. unsupported where kv().can_copy is false.
  virtual Status copy_kv(int32_t group, std::span<const BlockId> from,
                         std::span<const BlockId> to) = 0;

  virtual Health health() const = 0;

  // What runs, for people: "cpu avx512vnni, 2 threads".
  virtual std::string description() const = 0;
};

// What every backend needs to know at open.
struct ExecutorOptions {
  int threads = 0;         // 0 = default_threads()
  int32_t max_rows = 512;  // rows a step
  // Tokens the KV cache must hold, over all sequences (rounded up to blocks). Memory is committed
  // on first use.
  int64_t kv_tokens = 8192;
  // Sequences alive at once: sizes the pools of windowed groups.
  int32_t max_sequences = 1;
};

// Called while weights load, from the loading thread, with bytes of tensors done and in all.
using LoadProgress = void (*)(void* context, int64_t done, int64_t total);

}  // namespace ix::backend
