// The CPU backend: weights packed once into panels, kernels chosen at run time for this CPU.
#pragma once

#include <memory>
#include <string>

#include "backend/executor.h"

namespace ix::backend::cpu {

struct CpuOptions {
  std::string isa;   // "" = the best this CPU has, or IX_CPU_ISA where set
  bool pack = true;  // false: every weight through the plain path (tests)
  // Bytes that weights, KV cache and buffers may take together; 0 = what the system has left.
  uint64_t memory_limit = 0;
  LoadProgress progress = nullptr;
  void* progress_context = nullptr;
};

// Weights, packed; shared by executors.
class CpuModel;

// Packs the weights of every linear in parallel and gives the file's pages back. Embeddings stay in
// the source, so decoder and weights must outlive the model. resource_exhausted, with the figures,
// when they do not fit the memory that is left.
Result<std::shared_ptr<const CpuModel>> load_model(const graph::Decoder& decoder,
                                                   const quant::WeightSource& weights,
                                                   const ExecutorOptions& options,
                                                   const CpuOptions& cpu_options);

// Keeps the packed weights in memory, never swapped out, while the model lives. resource_exhausted
// as PageBuffer::lock() says it.
Status lock_weights(const CpuModel& model);

Result<std::unique_ptr<Executor>> open_cpu(std::shared_ptr<const CpuModel> model,
                                           const ExecutorOptions& options);

}  // namespace ix::backend::cpu
