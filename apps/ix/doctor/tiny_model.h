// A decoder of two small layers with random weights in memory.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/decoder.h"
#include "quant/weight_source.h"

namespace ix::cli::doctor {

class TinyModel final : public quant::WeightSource {
 public:
  TinyModel();

  const graph::Decoder& decoder() const { return decoder_; }
  Result<quant::TensorView> find(std::string_view name) const override;

 private:
  struct Weight {
    std::vector<int64_t> dims;  // fastest first
    std::vector<float> values;
  };

  // Uniform in [low, high).
  void add_weight(const std::string& name, std::vector<int64_t> dims, float low, float high);
  graph::ValueId value(const std::string& name, int64_t width);
  graph::ValueId norm(const std::string& name, graph::ValueId in);
  graph::ValueId linear(const std::string& name, graph::LinearRole role, graph::ValueId in,
                        int64_t width);
  graph::ValueId rope(graph::ValueId in);
  graph::ValueId add(graph::ValueId a, graph::ValueId b);
  graph::ValueId attention(const std::string& layer, graph::ValueId in);
  graph::ValueId feed_forward(const std::string& layer, graph::ValueId in);

  graph::Decoder decoder_;
  std::map<std::string, Weight, std::less<>> weights_;
  uint64_t random_ = 1;
};

}  // namespace ix::cli::doctor
