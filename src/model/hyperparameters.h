// The numbers that all architectures have, read from a file's metadata and checked.
#pragma once

#include <cstdint>
#include <string>

#include "graph/decoder.h"
#include "model/metadata_keys.h"

namespace ix::model {

enum class RopeScaling { none, linear, yarn, longrope };

struct Hyperparameters {
  std::string architecture;
  int64_t vocab_size;      // rows of token_embd.weight
  int64_t context_length;  // positions the model was trained for
  int64_t layers;
  int64_t width;  // of a token's state
  int64_t ffn_width;
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;        // of q and k
  int64_t value_head_dim;  // of v
  int64_t rotary_dim;
  float norm_epsilon;

  float rope_base;
  RopeScaling rope_scaling;
  float rope_factor;            // positions are divided by it; 1 = not scaled
  float rope_attention_factor;  // multiplies sine and cosine, beside what YaRN does
  int64_t rope_original_context;
  float yarn_beta_fast;
  float yarn_beta_slow;
};

// Findings go to keys.findings(); the result is worth something only when there are none.
Hyperparameters read_hyperparameters(MetadataKeys& keys);

}  // namespace ix::model
