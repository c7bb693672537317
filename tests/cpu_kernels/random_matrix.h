// Random and adversarial matrices in file blocks, and activations, for the kernel tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/kernels/isa.h"
#include "backend/cpu/kernels/panel_format.h"
#include "quant/weight_source.h"

namespace ix::backend::cpu::test {

enum class Values {
  usual,     // scales around 0.01, activations normally distributed
  extreme,   // scales of any finite half; activations of any size from 1e-20 to 1e20, and zeros
  greatest,  // every quant, scale and activation at an end of its range
};

struct FileType {
  quant::TensorType type;
  const char* name;
  int block_cols;
  int block_bytes;
  std::vector<int> halves;  // offsets of 16-bit floats in a block
  int min_offset;           // of the f16 that mins are multiples of; -1: none
  int largest_min;          // times that f16
  int largest_scale;        // of a sub-block, times the first of the halves; 0: there are none
  // The bits of one of those floats.
  uint16_t (*random_float)(Values, std::mt19937&);
};

const std::vector<FileType>& packed_file_types();

struct FileMatrix {
  const FileType* file_type;
  int64_t rows;
  int64_t cols;
  std::vector<std::byte> bytes;

  quant::TensorView view() const;
  int64_t row_bytes() const { return cols / file_type->block_cols * file_type->block_bytes; }
  // Row by quant::dequantize_row.
  std::vector<float> row(int64_t r) const;
  // Upper bound of what is subtracted or added to a weight of column c of row r.
  double largest_min(int64_t r, int64_t c) const;
  // Upper bound of what the quant of column c of row r is multiplied with.
  double largest_scale(int64_t r, int64_t c) const;

 private:
  // The f16 at `offset` of the block that column c of row r is in.
  float half_at(int64_t r, int64_t c, int offset) const;
};

FileMatrix random_matrix(const FileType& type, int64_t rows, int64_t cols, Values values,
                         std::mt19937& random);

// [n, cols]
std::vector<float> random_activations(int64_t n, int64_t cols, Values values, std::mt19937& random);

// A row as quantised by `kernels`, back in floats.
std::vector<float> dequantize_activations(ActivationKind kind, const void* row, int64_t cols);

}  // namespace ix::backend::cpu::test
