// Runs a program over the rows of a step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/executor.h"
#include "backend/reference/attention.h"
#include "backend/reference/kv_cache.h"
#include "backend/reference/program.h"
#include "backend/value_slots.h"
#include "base/thread_pool.h"

namespace ix::backend::reference {

class StepRunner {
 public:
  static Result<StepRunner> create(const graph::Decoder& decoder,
                                   const quant::WeightSource& weights, const KvInfo& kv);

  // Runs every op on all rows, and from the head on only on the rows of `wanted` (rising).
  // Returns logits [wanted.size(), vocab_size], valid until the next run. `input` is validated.
  std::span<const float> run(const StepInput& input, std::span<const int32_t> wanted,
                             ThreadPool& pool);

  // Copies blocks of every layer of the group. The ids are validated.
  void copy_blocks(int32_t group, std::span<const BlockId> from, std::span<const BlockId> to);

 private:
  StepRunner(const graph::Decoder& decoder, Program program);

  void place_rows(const StepInput& input);
  void prepare_scratch(int threads);
  void keep_rows(std::span<const int32_t> wanted);

  void run_step(const EmbeddingStep& step);
  void run_step(const RmsNormStep& step);
  void run_step(const LinearStep& step);
  void run_step(const RopeStep& step);
  void run_step(const graph::Attention& step);
  void run_step(const graph::GatedActivation& step);
  void run_step(const graph::Add& step);
  void run_step(const graph::Scale& step);
  void run_step(const graph::SoftCap& step);

  int64_t width(graph::ValueId id) const;
  std::span<float> row_of(graph::ValueId id, int64_t row);
  float* data(graph::ValueId id);
  float* make_room(graph::ValueId id);  // for rows_ rows of a value about to be written

  const graph::Decoder* decoder_;
  Program program_;
  ValueSlots slots_;
  std::vector<KvLayerCache> caches_;         // [kv_layers]
  std::vector<std::vector<float>> buffers_;  // [slots][rows * width of the value]
  int64_t tokens_per_block_ = 0;

  // Of the step that runs.
  ThreadPool* pool_ = nullptr;
  std::span<const TokenId> tokens_;
  int64_t rows_ = 0;
  std::vector<Position> positions_;                  // [rows]
  std::vector<std::vector<RowPlace>> places_;        // [groups][rows]
  std::vector<std::vector<float>> weight_scratch_;   // [threads]
  std::vector<AttentionScratch> attention_scratch_;  // [threads]
};

}  // namespace ix::backend::reference
