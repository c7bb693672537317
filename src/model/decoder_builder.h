// Emits the ops of a decoder one by one and checks each tensor they name: it is there, its shape is
// what the op needs, its type can be run, and where it is small (norms, biases, rope factors) its
// numbers are finite. What is wrong goes to the findings; emitting goes on.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/gguf_file.h"
#include "graph/decoder.h"
#include "model/findings.h"
#include "model/hyperparameters.h"
#include "model/metadata_keys.h"

namespace ix::model {

using graph::ValueId;

struct Qkv {
  ValueId q;
  ValueId k;
  ValueId v;
};

// How a layer turns q and k.
struct RopeForm {
  graph::RopePairs pairs;
  float base;
  bool scaled = true;   // rope.scaling.* applies
  std::string factors;  // tensor that divides frequencies, or ""
};

// What scores are multiplied with for queries of `dim` columns, 1 / sqrt(dim).
float score_scale(int64_t dim);

struct AttentionForm {
  float scale;
  float soft_cap = 0.0F;
  int64_t window = 0;
};

class DecoderBuilder {
 public:
  // context_length: positions that will be used. keys must outlive this.
  DecoderBuilder(MetadataKeys& keys, const Hyperparameters& hyperparameters,
                 int64_t context_length);

  MetadataKeys& keys() { return keys_; }
  const Hyperparameters& hyperparameters() const { return h_; }

  ValueId embedding();

  // Tensors and values between begin_layer and end_layer have the layer's name before them
  // ("blk.3."); tensor names are given without ".weight".
  void begin_layer();
  void end_layer();

  ValueId rms_norm(ValueId in, std::string_view tensor);
  // attn_q, attn_k and attn_v, or attn_qkv where the file has them in one.
  Qkv qkv(ValueId in);
  // Norms of q and k, head by head.
  Qkv norm_heads(const Qkv& qkv);
  Qkv rope(const Qkv& qkv, const RopeForm& form);
  // Attention and its output projection.
  ValueId attention(const Qkv& qkv, const AttentionForm& form);
  ValueId gated_mlp(ValueId in, graph::Activation activation);
  // The same with gate and up in one tensor, ffn_up, in this order.
  ValueId fused_gated_mlp(ValueId in, graph::Activation activation);
  ValueId add(ValueId a, ValueId b, std::string_view name);
  ValueId scale(ValueId in, float factor, std::string_view name);

  // output_norm and the head: output.weight, or the embedding where there is none. soft_cap 0:
  // none.
  void head(ValueId in, float soft_cap = 0.0F);

  // The tensor with rope factors: rope_freqs, or of rope_factors_long and rope_factors_short the
  // one for the context in use; "" when the file has none.
  std::string rope_factors();

  // Takes note of tensors that no op uses: they would change what the model says.
  graph::Decoder finish();

 private:
  struct Part {
    graph::LinearRole role;
    int64_t width;
    int64_t head_width;
    std::string_view name;
  };

  ValueId value(std::string_view name, int64_t width);
  int64_t width(ValueId id) const;
  std::string in_layer(std::string_view name) const { return prefix_ + std::string(name); }
  bool has(const std::string& tensor) const;
  void require(const std::string& tensor, int64_t rows, int64_t cols);
  void require_numbers(const std::string& tensor, int64_t size, bool positive);
  ValueId emit_norm(ValueId in, const std::string& tensor, int64_t group, std::string_view name);
  std::vector<ValueId> linear(ValueId in, const std::string& tensor, graph::Parallel parallel,
                              std::initializer_list<Part> parts) {
    return linear(in, tensor, parallel, parts, tensor + ".bias");
  }
  std::vector<ValueId> linear(ValueId in, const std::string& tensor, graph::Parallel parallel,
                              std::initializer_list<Part> parts, const std::string& bias);
  ValueId rope(ValueId in, int64_t heads, const RopeForm& form, std::string_view name);
  ValueId activate(ValueId gate, ValueId up, graph::Activation activation);
  int32_t kv_group(int64_t window);

  MetadataKeys& keys_;
  const Hyperparameters& h_;
  int64_t context_length_;
  graph::Decoder decoder_;
  std::string prefix_;          // "blk.3." inside a layer
  std::set<std::string> used_;  // tensors
};

}  // namespace ix::model
