// Writes a model of a shape with random weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"
#include "synth/shape.h"

namespace ix::synth {

struct SynthOptions {
  uint64_t seed = 0;
  // Matrices are holes, which read as zeros and take no room on the disk; norms, biases and rope
  // factors are small and always there.
  bool sparse = false;
  // Of a sparse file: matrices that get their weights all the same, by name or pattern of a shell
  // ("blk.0.*", "*attn_v*").
  std::vector<std::string> fill;
};

// Bytes of weights written and to write; false ends it.
using SynthProgress = FunctionRef<bool(int64_t done, int64_t total)>;

// The file has its name when it is whole, and replaces one that had it. The same shape, seed and
// choice of tensors give the same bytes; a tensor's bytes do not depend on which others are filled.
// invalid_argument for a shape that cannot be or a pattern that names no tensor; cancelled when
// progress said so; else what gguf::GgufWriter says.
Status write_synthetic(const Shape& shape, const std::string& path, const SynthOptions& options,
                       SynthProgress progress);

}  // namespace ix::synth
