// The backends that the conformance suite runs on, and what each of them promises.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/executor.h"

namespace ix::testing {

struct Backend {
  std::string name;
  std::function<Result<std::unique_ptr<backend::Executor>>(
      const graph::Decoder&, const quant::WeightSource&, const backend::ExecutorOptions&)>
      open;

  // Most that logits may be off, as a part of the logits' own root mean square: root mean square of
  // the errors of a whole sequence, for models without and with quantised weights.
  double error_plain;
  double error_quantised;

  // A row's bits depend on its sequence alone: not on chunks, other rows, threads or block ids.
  bool batch_invariant = true;
};

std::vector<Backend> backends();

}  // namespace ix::testing
