#include "bench/packed_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "bench/working_set.h"

namespace ix::cli {
namespace {

namespace cpu = backend::cpu;

// Above every id that the format has given out.
constexpr uint32_t kTypeIds = 64;

}  // namespace

std::vector<quant::TensorType> packable_types() {
  std::vector<quant::TensorType> out;
  for (uint32_t id = 0; id < kTypeIds; ++id) {
    const auto type = static_cast<quant::TensorType>(id);
    const quant::TypeTraits* traits = quant::find_traits(type);
    if (traits != nullptr && cpu::can_pack(type, 16, 256)) out.push_back(type);
  }
  return out;
}

Result<PackedWeights> PackedWeights::create(quant::TensorType type, int64_t m, int64_t k,
                                            int64_t working_set, ThreadPool& pool) {
  IX_ASSIGN_OR_RETURN(const int64_t row_bytes, quant::row_bytes(type, k));
  if (!cpu::can_pack(type, m, k)) {
    return invalid_argument(fmt::format("{} weights of {} rows and {} columns have no packed form",
                                        quant::type_name(type), m, k));
  }
  const int64_t bytes = cpu::packed_bytes(type, m, k);
  const int64_t copies = copies_of(bytes, working_set);
  IX_RETURN_IF_ERROR(check_room("weights", row_bytes * m + copies * bytes));

  std::vector<std::byte> source(static_cast<size_t>(row_bytes * m));
  std::mt19937 random(1);
  // Whatever bytes of a block are a half or a bfloat16, it is finite.
  for (std::byte& byte : source) byte = static_cast<std::byte>(random() & 0x3b);
  quant::TensorView view;
  view.name = "weights";
  view.type = type;
  view.dims = {k, m, 1, 1};
  view.bytes = source;

  PackedWeights out;
  IX_ASSIGN_OR_RETURN(out.storage_, PageBuffer::allocate(static_cast<uint64_t>(copies * bytes)));
  std::ranges::fill(out.storage_.bytes(), std::byte{0});  // committed before packing is timed
  const auto begin = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < copies; ++i) {
    cpu::PackOptions options;
    options.storage =
        out.storage_.bytes().subspan(static_cast<size_t>(i * bytes), static_cast<size_t>(bytes));
    IX_ASSIGN_OR_RETURN(auto packed, cpu::PackedMatrix::pack(view, pool, options));
    out.matrices_.push_back(std::move(packed));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  out.pack_bytes_per_second_ = static_cast<double>(copies * row_bytes * m) / took.count();
  return out;
}

}  // namespace ix::cli
