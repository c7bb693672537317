// What the stages of a step know about its rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/executor.h"

namespace ix::backend::cpu {

// Consecutive rows of one sequence that one attention task takes together.
struct RowTile {
  int32_t sequence;
  int32_t first_row;
  int32_t rows;
};

struct StepRows {
  std::span<const TokenId> tokens;  // [rows]
  std::span<const SequenceRows> sequences;
  std::vector<int32_t> sequence_of;  // [max_rows]
  std::vector<RowTile> tiles;        // capacity max_rows

  int64_t count() const { return static_cast<int64_t>(tokens.size()); }
  const SequenceRows& sequence(int64_t row) const {
    return sequences[static_cast<size_t>(sequence_of[static_cast<size_t>(row)])];
  }
  Position position(int64_t row) const {
    const SequenceRows& s = sequence(row);
    return s.start + static_cast<Position>(row - s.first_row);
  }
};

}  // namespace ix::backend::cpu
