#include "backend/xla/hlo/live_bytes.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/parse_module.h"
#include "backend/xla/hlo/value_shape.h"

namespace ix::backend::xla::hlo {
namespace {

// Their results lie where their (first) operand does.
constexpr auto kInPlace = std::to_array<std::string_view>(
    {"bitcast", "dynamic-update-slice", "get-tuple-element", "reshape", "tuple"});
constexpr auto kElsewhere = std::to_array<std::string_view>({"constant", "parameter"});

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& opcodes, const std::string& opcode) {
  return std::ranges::find(opcodes, opcode) != opcodes.end();
}

int64_t bytes_of(const ix::hlo::ShapeProto& proto) {
  const Result<ValueShape> shape = from_proto(proto);
  int64_t bytes = 0;
  if (!shape.ok()) return 0;
  for (const Shape& part : shape->parts) bytes += byte_size(part);
  return bytes;
}

// Buffers of one computation, by the instruction that makes them.
class Buffers {
 public:
  explicit Buffers(const ix::hlo::HloComputationProto& computation) {
    size_t place = 0;
    for (const auto& instruction : computation.instructions()) {
      // A tuple's parts keep their buffers; the other operands of an update end with it.
      const bool tuple = instruction.opcode() == "tuple";
      Value value;
      if (tuple || is_one_of(kInPlace, instruction.opcode())) {
        const int parts =
            tuple ? instruction.operand_ids_size() : std::min(1, instruction.operand_ids_size());
        for (int i = 0; i < parts; ++i) {
          const Value& part = values_[instruction.operand_ids(i)];
          value.insert(value.end(), part.begin(), part.end());
        }
      } else if (!is_one_of(kElsewhere, instruction.opcode())) {
        value.push_back(buffers_.size());
        buffers_.push_back({bytes_of(instruction.shape()), place, place, false});
      }
      for (const int64_t id : instruction.operand_ids()) {
        for (const size_t buffer : values_[id]) buffers_[buffer].end = place;
      }
      values_[instruction.id()] = std::move(value);
      ++place;
    }
    for (const size_t buffer : values_[computation.root_id()]) buffers_[buffer].returned = true;
    places_ = place;
  }

  int64_t most_alive() const {
    std::vector<int64_t> change(places_ + 1);
    for (const Buffer& buffer : buffers_) {
      if (buffer.returned) continue;
      change[buffer.begin] += buffer.bytes;
      change[buffer.end + 1] -= buffer.bytes;
    }
    int64_t alive = 0;
    int64_t most = 0;
    for (const int64_t bytes : change) {
      alive += bytes;
      most = std::max(most, alive);
    }
    return most;
  }

 private:
  struct Buffer {
    int64_t bytes;
    size_t begin;  // places in the computation
    size_t end;
    bool returned;
  };
  using Value = std::vector<size_t>;  // indices of its buffers

  std::vector<Buffer> buffers_;
  std::unordered_map<int64_t, Value> values_;  // by instruction id
  size_t places_ = 0;
};

}  // namespace

int64_t live_bytes(const ix::hlo::HloModuleProto& module) {
  for (const auto& computation : module.computations()) {
    if (computation.id() == module.entry_computation_id()) {
      return Buffers(computation).most_alive();
    }
  }
  return 0;
}

Result<int64_t> live_bytes(std::string_view bytes) {
  IX_ASSIGN_OR_RETURN(const auto module, parse_module(bytes));
  return live_bytes(module);
}

}  // namespace ix::backend::xla::hlo
