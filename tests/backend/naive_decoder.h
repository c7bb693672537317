// A graph evaluated by its definition: in double, over a whole sequence at once, with no cache, no
// blocks, no threads. What the conformance suite compares logits with.
#pragma once

#include <span>
#include <vector>

#include "base/types.h"
#include "graph/decoder.h"
#include "quant/weight_source.h"

namespace ix::testing {

// Logits [tokens.size()][vocab] of one sequence from position 0.
std::vector<std::vector<double>> naive_logits(const graph::Decoder& decoder,
                                              const quant::WeightSource& weights,
                                              std::span<const TokenId> tokens);

}  // namespace ix::testing
