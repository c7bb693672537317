// One measurement of a model: what is run, and what came out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/limit_tracker.h"
#include "bench/samples.h"
#include "bench/step_cost.h"
#include "bench/streams.h"
#include "limits/read_bandwidth.h"

namespace ix::cli {

struct ModelTest {
  int threads;
  int32_t batch;     // most rows a step
  int64_t prompt;    // tokens of a prompt; 0 for decoding
  int64_t generate;  // tokens decoded in each stream; 0 for a prompt
  int64_t depth;     // positions that are in the KV cache of each stream before
  int32_t parallel;  // streams

  // "pp512", "tg128 @ d4096", "tg128 x8".
  std::string name() const;
  int64_t tokens() const { return prompt + generate * parallel; }
  int64_t length() const { return depth + prompt + generate; }  // of a stream
};

struct ModelResult {
  ModelTest test;
  Samples samples;
  Samples read;   // reading in order by turns with the tokens; empty where that was not asked for
  StepCost cost;  // of a repetition
  Limits limits;

  Mean tokens_per_second() const {
    return mean_of(samples.rates(static_cast<double>(test.tokens())));
  }
  double bytes_per_second() const { return per_second(cost.bytes()); }
  double ops_per_second() const { return per_second(cost.linear_ops); }
  // Bytes a second of the reading between the tokens; 0 where there was none.
  double read_per_second() const {
    return read.ns.empty() ? 0 : mean_of(read.rates(static_cast<double>(cost.bytes()))).average;
  }
  // The time that reading a repetition's bytes took, as a part of the time that decoding them did.
  double share_of_read() const {
    return read.ns.empty() ? 0 : read.in_ns().average / samples.in_ns().average;
  }

 private:
  double per_second(int64_t amount) const {
    return mean_of(samples.rates(static_cast<double>(amount))).average;
  }
};

// Of a step of decoding, the `token`th of a repetition.
StepCost decode_cost(const ModelTest& test, const CostModel& model, int64_t token);

// The sum over the steps of a repetition.
StepCost cost_of(const ModelTest& test, const CostModel& model);

// Puts the depth into the cache of every stream.
Status fill_depth(const ModelTest& test, Streams& streams);

// One repetition, or for a warm-up of decoding its first token only.
Status run_once(const ModelTest& test, Streams& streams, bool warmup);

// One repetition of decoding by turns of some tokens with reading as many bytes in order. Adds the
// time of both to the result.
Status run_by_turns(const CostModel& cost, Streams& streams, limits::SequentialReader& reader,
                    ModelResult& result);

}  // namespace ix::cli
