// A decoder-only transformer as a list of typed ops in execution order.
//
// Each op reads and writes values. A value is a matrix [rows, width] of float, where the rows are
// the tokens of a step, so no op names a row count. Architectures (model/) differ only in which ops
// they emit; backends (backend/) only in how they run them. Nothing here knows either.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace ix::graph {

using ValueId = int32_t;  // index into Decoder::values; each value is written by exactly one op

struct Value {
  int64_t width = 0;
  std::string name;  // for people: "blk.3.q"
};

// out = weight[token, :]; weight [vocab, width].
struct Embedding {
  std::string weight;
  ValueId out;
};

// Per group of `group` consecutive columns: out = in / sqrt(mean(in^2) + eps) * weight.
// group == width is the usual norm; group == head_dim is the norm of q and k per head.
// weight [group].
struct RmsNorm {
  std::string weight;
  float eps;
  int64_t group;
  ValueId in;
  ValueId out;
};

enum class LinearRole {
  attn_q,
  attn_k,
  attn_v,
  attn_output,
  ffn_gate,
  ffn_up,
  ffn_down,
  head,
};

// How a linear splits over devices: its output columns, its input (partial sums are added), or not.
enum class Parallel { none, column, row };

// A run of output columns of a linear that has a role and a value of its own. A plain linear has
// one part; fused qkv has three, fused gate and up two, in the order of the weight's rows.
struct LinearPart {
  LinearRole role;
  int64_t width;       // output columns of this part
  int64_t head_width;  // columns that must stay together when the part is split; 1 for none
  ValueId out;
};

// y = x W^T + bias, cut into parts. weight [sum of part widths, in_width]; bias [the same] or "".
struct Linear {
  std::string weight;
  std::string bias;
  Parallel parallel;
  int64_t in_width;
  ValueId in;
  std::vector<LinearPart> parts;
};

enum class RopePairs {
  interleaved,  // columns 2i and 2i + 1 turn together (llama in GGUF order)
  halves,       // columns i and i + rotary_dim / 2 ("NEOX")
};

// Rotates the first rotary_dim columns of every head by position * frequency.
// See graph/rope.h for the frequencies.
struct Rope {
  RopePairs pairs;
  int64_t heads;
  int64_t head_dim;
  int64_t rotary_dim;
  float freq_base;
  float freq_scale = 1.0F;        // 1 / linear scaling factor
  float attention_factor = 1.0F;  // multiplies sine and cosine
  std::string factors;            // tensor [rotary_dim / 2] that divides frequencies, or ""
  // YaRN; ext_factor 0 = off.
  float ext_factor = 0.0F;
  float beta_fast = 32.0F;
  float beta_slow = 1.0F;
  int64_t original_context = 0;
  ValueId in;
  ValueId out;
};

// Causal attention: query head h reads KV head h / (heads / kv_heads).
//   s[j] = q . k[j] * scale;  s = soft_cap * tanh(s / soft_cap) where soft_cap > 0;
//   p = softmax over the positions j with pos - window < j <= pos (window 0: all j <= pos).
// Writes k and v of the step's rows into the KV cache at kv_layer first.
struct Attention {
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;        // of q and k
  int64_t value_head_dim;  // of v and out
  float scale;
  float soft_cap;
  int64_t window;
  int32_t kv_layer;  // index into Decoder::kv_layers
  ValueId q;         // [rows, heads * head_dim]
  ValueId k;         // [rows, kv_heads * head_dim]
  ValueId v;         // [rows, kv_heads * value_head_dim]
  ValueId out;       // [rows, heads * value_head_dim]
};

enum class Activation { silu, gelu_tanh };

// out = activation(gate) * up.
struct GatedActivation {
  Activation activation;
  ValueId gate;
  ValueId up;
  ValueId out;
};

struct Add {
  ValueId a;
  ValueId b;
  ValueId out;
};

struct Scale {
  float factor;
  ValueId in;
  ValueId out;
};

// out = cap * tanh(in / cap).
struct SoftCap {
  float cap;
  ValueId in;
  ValueId out;
};

using Op =
    std::variant<Embedding, RmsNorm, Linear, Rope, Attention, GatedActivation, Add, Scale, SoftCap>;

// One attention's cache: keys [kv_heads, head_dim] and values [kv_heads, value_head_dim] a token.
struct KvLayer {
  int64_t kv_heads;
  int64_t head_dim;
  int64_t value_head_dim;
  int32_t group;  // index into Decoder::kv_groups
};

// Layers with the same window share a block table.
struct KvGroup {
  int64_t window;  // 0 = all positions are kept
};

// Ops of one layer: [first_op, end_op).
struct LayerRange {
  int32_t first_op;
  int32_t end_op;
};

struct Decoder {
  std::string architecture;
  int64_t vocab_size = 0;
  int64_t context_length = 0;  // positions the model was trained for
  std::vector<Value> values;
  std::vector<Op> ops;
  std::vector<LayerRange> layers;
  std::vector<KvLayer> kv_layers;
  std::vector<KvGroup> kv_groups;
  ValueId logits = -1;  // [rows, vocab_size]; computed only for rows that want something
  // The first op of the head: from here on only rows that want something need be computed.
  int32_t head_op = 0;
};

// ok when the list is well formed: every value written once and before it is read, widths agree,
// heads divide, groups and layers exist, the head is at the end. internal otherwise: a graph is our
// own work, and model/ has refused bad files before.
Status verify(const Decoder& decoder);

// One line an op: "blk.0.q [2048] = linear blk.0.attn_q.weight (column, attn_q) blk.0.attn_norm".
std::string to_text(const Decoder& decoder);

}  // namespace ix::graph
