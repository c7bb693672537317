// backend::Executor on devices that run programs of fixed shape: a slot of the cache for each
// sequence, prompts in chunks of one length, one decode program for all slots at once.
#pragma once

#include <memory>

#include "backend/executor.h"
#include "backend/xla/xla_model.h"

namespace ix::backend::xla {

// max_sequences slots of kv_tokens / max_sequences tokens. Compiles the programs it needs. A row's
// bits depend on the program that ran it: they differ between chunks and decode rows.
Result<std::unique_ptr<Executor>> open_static(std::shared_ptr<XlaModel> model,
                                              const ExecutorOptions& options);

}  // namespace ix::backend::xla
