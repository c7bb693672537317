// From a GGUF file's metadata to a graph: one short file an architecture.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/gguf_file.h"
#include "graph/decoder.h"

namespace ix::model {

struct BuildOptions {
  // The context that will be used; long-context rope factors depend on it. 0 = the model's own.
  int64_t context_length = 0;
};

// Checks metadata and every tensor's presence, shape and type, then emits the graph.
// unsupported names an unknown architecture or tensor type; corrupt names the key or tensor.
Result<graph::Decoder> build_decoder(const gguf::GgufFile& file, const BuildOptions& options);

// Names of the architectures that build_decoder knows, sorted.
std::span<const std::string_view> supported_architectures();

// Everything that keeps the file from running, one message a finding; empty when it runs.
std::vector<std::string> what_would_not_run(const gguf::GgufFile& file);

}  // namespace ix::model
