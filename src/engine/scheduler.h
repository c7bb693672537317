// Which rows a step runs: one for every sequence that decodes, then chunks of prompts.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "engine/block_tables.h"
#include "engine/sequence.h"

namespace ix::engine {

struct PlannedRows {
  Sequence* sequence;
  int32_t rows;
};

// Requests are admitted in the order they came: the first that does not fit holds those behind it,
// so none waits for ever. Sequences that run are served in the order of admission. A sequence keeps
// its KV blocks until it ends, so nothing is ever taken back from it.
class Scheduler {
 public:
  // max_sequences <= max_rows: then decode rows leave a row for a prompt in every step.
  Scheduler(KvPools& pools, int32_t max_rows, int32_t max_sequences);

  void add(std::unique_ptr<Sequence> sequence);

  // The rows of the next step; empty when nothing can run. Admits what fits.
  std::span<const PlannedRows> plan();

  // Waiting or running; null when there is none.
  Sequence* find(RequestId id) const;

  // Ends a sequence and gives its blocks back.
  void remove(RequestId id);

  bool empty() const { return waiting_.empty() && running_.empty(); }
  std::vector<RequestId> ids() const;  // running, then waiting

 private:
  void admit();

  KvPools& pools_;
  int32_t max_rows_;
  size_t max_sequences_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // in order of admission
  std::vector<PlannedRows> plan_;
};

}  // namespace ix::engine
