// Sines and cosines for the rope ops of a graph, worked out on the host.
//
// They are inputs of a program, a row for each token, and not a table on the device: the host knows
// the positions, a row has at most a few hundred numbers, and gathers are what Neuron does worst.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "graph/decoder.h"
#include "graph/rope.h"
#include "quant/weight_source.h"

namespace ix::backend::xla {

struct RopeTables {
  std::vector<graph::RopeTable> tables;  // distinct ones
  std::vector<int32_t> of_op;            // [ops]; -1 where an op is no rope

  int64_t pairs(int32_t table) const {
    return static_cast<int64_t>(tables[static_cast<size_t>(table)].frequencies.size());
  }
};

// Reads the tensors of rope factors.
Result<RopeTables> rope_tables(const graph::Decoder& decoder, const quant::WeightSource& source);

// [2, positions, pairs]: cosines, then sines, times the table's magnitude. Angles are
// position * frequency in double.
void fill_angles(const graph::RopeTable& table, std::span<const Position> positions,
                 std::span<float> out);

}  // namespace ix::backend::xla
