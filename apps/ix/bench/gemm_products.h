// What `ix bench gemm` measures: products of one matrix of weights with columns of activations.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "backend/cpu/kernels/isa.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "bench/bench_output.h"

namespace ix::cli {

// Random weights W [m, k] in copies that products take in turn, with N columns of random
// activations.
class GemmProducts {
 public:
  GemmProducts() = default;
  virtual ~GemmProducts() = default;
  GemmProducts(const GemmProducts&) = delete;
  GemmProducts& operator=(const GemmProducts&) = delete;

  virtual int64_t weight_bytes() const = 0;  // of a copy, as a product reads them
  virtual int64_t copies() const = 0;
  virtual int64_t column_bytes() const = 0;  // of a column's activations and results

  // The kernels and columns of the products that follow; n columns must fit into memory.
  // resource_exhausted where they do not.
  virtual Status prepare(backend::cpu::Isa isa, int64_t n, int threads) = 0;

  // One product with the next copy, after prepare(). resource_exhausted without memory for what a
  // product needs besides.
  virtual Status multiply(ThreadPool& pool) = 0;

  // What else is known of the products that were measured.
  virtual void add_fields(Json& fields) const = 0;
};

struct GemmKind {
  std::string name;  // in the first column of the table
  Json fields;       // that tell it from other kinds
  // invalid_argument for a shape that the kind has not, resource_exhausted, with the figures,
  // without memory.
  std::function<Result<std::unique_ptr<GemmProducts>>(int64_t m, int64_t k, int64_t working_set,
                                                      ThreadPool& pool)>
      create;
};

}  // namespace ix::cli
