#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace ix::engine {

Scheduler::Scheduler(KvPools& pools, int32_t max_rows, int32_t max_sequences)
    : pools_(pools), max_rows_(max_rows), max_sequences_(static_cast<size_t>(max_sequences)) {
  IX_CHECK(max_sequences >= 1 && max_sequences <= max_rows);
  running_.reserve(max_sequences_);
  plan_.reserve(max_sequences_);
}

void Scheduler::add(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }

void Scheduler::admit() {
  while (!waiting_.empty() && running_.size() < max_sequences_ &&
         pools_.try_commit(waiting_.front()->token_limit())) {
    waiting_.front()->reserve();
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

std::span<const PlannedRows> Scheduler::plan() {
  admit();
  plan_.clear();
  int32_t left = max_rows_;
  for (const auto& sequence : running_) {
    if (!sequence->decoding()) continue;
    plan_.push_back({sequence.get(), 1});
    --left;
  }
  for (const auto& sequence : running_) {
    if (sequence->decoding() || left == 0) continue;
    const int64_t rows =
        std::min<int64_t>({sequence->pending_rows(), int64_t{left}, int64_t{pools_.max_chunk()}});
    plan_.push_back({sequence.get(), static_cast<int32_t>(rows)});
    left -= static_cast<int32_t>(rows);
  }
  return plan_;
}

Sequence* Scheduler::find(RequestId id) const {
  const auto has_id = [id](const auto& sequence) { return sequence->id() == id; };
  const auto running = std::find_if(running_.begin(), running_.end(), has_id);
  if (running != running_.end()) return running->get();
  const auto waiting = std::find_if(waiting_.begin(), waiting_.end(), has_id);
  return waiting != waiting_.end() ? waiting->get() : nullptr;
}

void Scheduler::remove(RequestId id) {
  std::erase_if(waiting_, [id](const auto& sequence) { return sequence->id() == id; });
  std::erase_if(running_, [this, id](const auto& sequence) {
    if (sequence->id() != id) return false;
    pools_.uncommit(sequence->token_limit());
    return true;
  });
}

std::vector<RequestId> Scheduler::ids() const {
  std::vector<RequestId> out;
  for (const auto& sequence : running_) out.push_back(sequence->id());
  for (const auto& sequence : waiting_) out.push_back(sequence->id());
  return out;
}

}  // namespace ix::engine
