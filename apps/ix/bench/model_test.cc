#include "bench/model_test.h"

#include <fmt/format.h>

#include <algorithm>

namespace ix::cli {

std::string ModelTest::name() const {
  std::string out = prompt > 0 ? fmt::format("pp{}", prompt) : fmt::format("tg{}", generate);
  if (parallel > 1) out += fmt::format(" x{}", parallel);
  if (depth > 0) out += fmt::format(" @ d{}", depth);
  return out;
}

StepCost cost_of(const ModelTest& test, const CostModel& model) {
  StepCost sum;
  for (int64_t done = 0; done < test.prompt; done += test.batch) {
    const int64_t rows = std::min<int64_t>(test.batch, test.prompt - done);
    sum += model.step(test.depth + done, rows, 1, done + rows == test.prompt);
  }
  for (int64_t i = 0; i < test.generate; ++i) {
    sum += model.step(test.depth + i, 1, test.parallel, true);
  }
  return sum;
}

Status fill_depth(const ModelTest& test, Streams& streams) {
  for (int32_t stream = 0; stream < test.parallel; ++stream) {
    IX_RETURN_IF_ERROR(streams.prefill(stream, 0, test.depth, test.batch));
  }
  return ok_status();
}

// Positions from depth on are written again in every repetition. In a windowed group that leaves
// other tokens than the depth's in the window: as many of them, which is what costs time.
Status run_once(const ModelTest& test, Streams& streams, bool warmup) {
  if (test.prompt > 0) {
    return streams.prefill(0, test.depth, test.depth + test.prompt, test.batch);
  }
  const int64_t tokens = warmup ? 1 : test.generate;
  for (int64_t i = 0; i < tokens; ++i) IX_RETURN_IF_ERROR(streams.decode(test.depth + i));
  return ok_status();
}

}  // namespace ix::cli
