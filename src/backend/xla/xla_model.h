// A model on the devices of a runtime: its weights, and the programs that were asked for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/xla/model_plan.h"
#include "backend/xla/program_set.h"
#include "backend/xla/runtime.h"
#include "base/result.h"
#include "graph/decoder.h"
#include "quant/weight_source.h"

namespace ix::backend::xla {

struct XlaOptions {
  WeightOptions weights;
  LoweringTarget target;
  ProgramSetOptions programs;
  // Executors load every program of the set when they are opened, not when a step first needs it.
  bool load_ahead = false;
  LoadProgress progress = nullptr;
  void* progress_context = nullptr;
};

// Threads: as the runtime; executors of one model are used from one thread.
class XlaModel {
 public:
  // Plans, dequantises and uploads. source outlives the model. Errors name the tensor.
  static Result<std::shared_ptr<XlaModel>> load(const graph::Decoder& decoder,
                                                const quant::WeightSource& source,
                                                std::unique_ptr<Runtime> runtime,
                                                const XlaOptions& options);

  const graph::Decoder& decoder() const { return decoder_; }
  const quant::WeightSource& source() const { return source_; }
  const ShardPlan& plan() const { return plan_.shards; }
  const WeightList& weights() const { return plan_.weights; }
  const RopeTables& rope() const { return plan_.rope; }
  const XlaOptions& options() const { return options_; }
  Runtime& runtime() { return *runtime_; }

  LoweringModel lowering(const CacheShape& cache) const;

  // Loads it, unless a program of the same bytes is there.
  Result<Program*> program(const hlo::Module& module, ProgramKind kind);

  // A tensor of WeightList::tensors on a rank.
  DeviceTensor* weight(int rank, int32_t index) const;
  // f32 [1]: the vocabulary index of the rank's first column of logits.
  DeviceTensor* first_token(int rank) const;

 private:
  XlaModel(const graph::Decoder& decoder, const quant::WeightSource& source,
           std::unique_ptr<Runtime> runtime, const XlaOptions& options);

  Status upload_weights();
  Status upload_op(size_t op, int rank);
  Status upload_first_tokens();

  const graph::Decoder decoder_;
  const quant::WeightSource& source_;
  XlaOptions options_;
  std::unique_ptr<Runtime> runtime_;  // outlives what it made
  ModelPlan plan_;
  std::vector<std::vector<std::unique_ptr<DeviceTensor>>> tensors_;  // [ranks][tensors]
  std::vector<std::unique_ptr<DeviceTensor>> first_tokens_;          // [ranks]
  std::map<std::string, std::unique_ptr<Program>> programs_;         // by their bytes
};

}  // namespace ix::backend::xla
