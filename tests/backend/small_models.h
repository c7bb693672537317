// Small models with random weights, one for each group of features that a backend must handle.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "graph/decoder.h"
#include "support/memory_weights.h"

namespace ix::testing {

struct SmallModel {
  std::string name;
  graph::Decoder decoder;
  MemoryWeights weights;
};

// Unquantised weights, widths that fit no block or panel, interleaved rope, biases, shared KV
// heads, values narrower than keys.
std::shared_ptr<const SmallModel> make_uneven_model();

// Q4_K, Q6_K and Q8_0; tied head; norms of q and k; windows of 20 beside full attention; soft caps;
// post norms; GELU.
std::shared_ptr<const SmallModel> make_sliding_model();

// Q5_0, Q4_1 and others; fused qkv and gate-up; half-rotated heads with rope factors; a window
// smaller than a block.
std::shared_ptr<const SmallModel> make_fused_model();

// Widths of 256, which fit every block; matrices of two types, the embedding, which is the head
// too, of the first.
std::shared_ptr<const SmallModel> make_even_model(const std::string& name, quant::TensorType first,
                                                  quant::TensorType second);

// One of each; the even ones in Q2_K with Q3_K ("low_bits") and F16 with BF16 ("halves").
std::vector<std::shared_ptr<const SmallModel>> small_models();

// Whether they are the weights of one of small_models(), which live as long as the process.
bool is_small_model(const quant::WeightSource& weights);

// `count` tokens of the model's vocabulary.
std::vector<TokenId> random_tokens(const SmallModel& model, int count, uint32_t seed);

}  // namespace ix::testing
