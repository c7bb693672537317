#include "bench/model_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace ix::cli {
namespace {

// Some, as the threads of decoding and of reading have to be woken for each turn and wait for
// nothing for a while after it; few, as the rate of reading may change within a second.
constexpr int64_t kTokensOfATurn = 8;

}  // namespace

std::string ModelTest::name() const {
  std::string out = prompt > 0 ? fmt::format("pp{}", prompt) : fmt::format("tg{}", generate);
  if (parallel > 1) out += fmt::format(" x{}", parallel);
  if (depth > 0) out += fmt::format(" @ d{}", depth);
  return out;
}

StepCost decode_cost(const ModelTest& test, const CostModel& model, int64_t token) {
  return model.step(test.depth + token, 1, test.parallel, true);
}

StepCost cost_of(const ModelTest& test, const CostModel& model) {
  StepCost sum;
  for (int64_t done = 0; done < test.prompt; done += test.batch) {
    const int64_t rows = std::min<int64_t>(test.batch, test.prompt - done);
    sum += model.step(test.depth + done, rows, 1, done + rows == test.prompt);
  }
  for (int64_t i = 0; i < test.generate; ++i) sum += decode_cost(test, model, i);
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

Status run_by_turns(const CostModel& cost, Streams& streams, limits::SequentialReader& reader,
                    ModelResult& result) {
  using Clock = std::chrono::steady_clock;
  const ModelTest& test = result.test;
  Clock::duration decoding{};
  double reading = 0;
  for (int64_t first = 0; first < test.generate; first += kTokensOfATurn) {
    const int64_t end = std::min(first + kTokensOfATurn, test.generate);
    int64_t bytes = 0;
    const auto begin = Clock::now();
    for (int64_t i = first; i < end; ++i) {
      IX_RETURN_IF_ERROR(streams.decode(test.depth + i));
      bytes += decode_cost(test, cost, i).bytes();
    }
    decoding += Clock::now() - begin;
    reading += reader.read(bytes);
  }
  result.samples.ns.push_back(
      std::chrono::duration_cast<std::chrono::nanoseconds>(decoding).count());
  result.read.ns.push_back(static_cast<int64_t>(reading * 1e9));
  return ok_status();
}

}  // namespace ix::cli
