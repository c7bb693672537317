// Cosines and sines of a step's positions, once for all rope ops with the same frequencies.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/types.h"
#include "graph/rope.h"

namespace ix::backend::reference {

class RopeAngles {
 public:
  // Returns the number of the table, which equal tables share.
  int32_t add(graph::RopeTable table);

  // Angles are position * frequency in double.
  void compute(std::span<const Position> positions);

  // [rotary_dim / 2], times the table's magnitude.
  std::span<const float> cosines(int32_t table, int64_t row) const;
  std::span<const float> sines(int32_t table, int64_t row) const;

 private:
  struct Angles {
    graph::RopeTable table;
    std::vector<float> cosines;  // [rows, rotary_dim / 2]
    std::vector<float> sines;
  };
  std::vector<Angles> tables_;
};

}  // namespace ix::backend::reference
