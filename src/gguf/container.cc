#include "gguf/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "base/checked_math.h"
#include "gguf/byte_cursor.h"
#include "gguf/limits.h"
#include "gguf/quoted.h"
#include "gguf/value_reader.h"

namespace ix::gguf {
namespace {

using quant::TensorType;
using quant::TensorView;

struct Counts {
  uint64_t tensors = 0;
  uint64_t key_values = 0;
};

// A tensor's entry; the view's bytes are set when the data section's place is known.
struct TensorInfo {
  TensorView view;
  uint64_t offset = 0;  // from the start of the data section
  uint64_t size = 0;
};

Status read_magic(ByteCursor& cursor) {
  const auto magic = cursor.read<uint32_t>();
  if (magic && *magic == kMagic) return ok_status();
  if (!magic) {
    return corrupt(
        fmt::format("is not a GGUF file: {} bytes, too few for a header", cursor.left()));
  }
  char first[4];
  std::memcpy(first, &*magic, sizeof(first));
  return corrupt(fmt::format("is not a GGUF file: begins with {}, expected 'GGUF'",
                             quoted({first, sizeof(first)})));
}

Result<uint32_t> read_version(ByteCursor& cursor) {
  const auto version = cursor.read<uint32_t>();
  if (!version) return corrupt("is cut off after the first 4 bytes, expected a version");
  if (*version >= kOldestVersion && *version <= kNewestVersion) return *version;
  const uint32_t swapped = __builtin_bswap32(*version);
  if (swapped >= 1 && swapped <= kNewestVersion) {
    return unsupported(
        fmt::format("is a big-endian GGUF file (version {} with its bytes swapped); convert it to "
                    "little endian",
                    swapped));
  }
  return unsupported(fmt::format("is GGUF version {}, versions {} and {} are read{}", *version,
                                 kOldestVersion, kNewestVersion,
                                 *version == 1 ? "; convert the model again" : ""));
}

Status check_count(std::string_view what, uint64_t count, uint64_t limit, uint64_t min_bytes,
                   const ByteCursor& cursor) {
  if (count > limit) {
    return corrupt(fmt::format("states {} {}, at most {} are allowed", count, what, limit));
  }
  if (count > cursor.left() / min_bytes) {
    return corrupt(
        fmt::format("states {} {}, which need at least {} bytes; {} are left in the file", count,
                    what, count * min_bytes, cursor.left()));
  }
  return ok_status();
}

Result<Counts> read_counts(ByteCursor& cursor) {
  const auto tensors = cursor.read<uint64_t>();
  const auto key_values = cursor.read<uint64_t>();
  if (!tensors || !key_values) {
    return corrupt("is cut off in its header, expected 24 bytes");
  }
  IX_RETURN_IF_ERROR(check_count("keys", *key_values, kMaxKeyValues, kMinKeyValueBytes, cursor));
  IX_RETURN_IF_ERROR(check_count("tensors", *tensors, kMaxTensors, kMinTensorInfoBytes, cursor));
  return Counts{*tensors, *key_values};
}

Status read_metadata(ByteCursor& cursor, uint64_t count, Metadata& metadata) {
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t offset = cursor.offset();
    IX_ASSIGN_OR_RETURN(const auto key, read_string(cursor, kMaxKeyBytes,
                                                    fmt::format("key {} of {}", i + 1, count)));
    if (key.empty()) {
      return corrupt(
          fmt::format("key {} of {} at offset {} has an empty name", i + 1, count, offset));
    }
    const uint64_t value_offset = cursor.offset();
    IX_ASSIGN_OR_RETURN(auto value, read_value(cursor, key));
    if (!metadata.insert(key, std::move(value), cursor.since(value_offset))) {
      return corrupt(fmt::format("key {} at offset {} is there twice", quoted(key), offset));
    }
  }
  return ok_status();
}

Result<uint64_t> alignment_of(const Metadata& metadata) {
  constexpr std::string_view kKey = "general.alignment";
  if (metadata.find(kKey) == nullptr) return kDefaultAlignment;
  IX_ASSIGN_OR_RETURN(const int64_t alignment, metadata.get_int(kKey));
  const auto value = static_cast<uint64_t>(alignment);
  if (alignment < 0 || value < kMinAlignment || value > kMaxAlignment ||
      !std::has_single_bit(value)) {
    return corrupt(fmt::format("key {} is {}, expected a power of two from {} to {}", quoted(kKey),
                               alignment, kMinAlignment, kMaxAlignment));
  }
  return value;
}

Status read_dims(ByteCursor& cursor, std::string_view what, TensorView& view) {
  const uint64_t offset = cursor.offset();
  const auto count = cursor.read<uint32_t>();
  if (!count) return corrupt(fmt::format("{} at offset {} is cut off", what, offset));
  if (*count > kMaxDims) {
    return corrupt(fmt::format("{} at offset {} has {} dimensions, at most {} are allowed", what,
                               offset, *count, kMaxDims));
  }
  int64_t elements = 1;
  for (uint32_t i = 0; i < *count; ++i) {
    const auto dim = cursor.read<int64_t>();
    if (!dim) return corrupt(fmt::format("{} at offset {} is cut off", what, offset));
    if (*dim < 1) {
      return corrupt(fmt::format("{} at offset {}: dimension {} is {}, expected 1 to 2^63 - 1",
                                 what, offset, i, static_cast<uint64_t>(*dim)));
    }
    const auto product = checked_mul(elements, *dim);
    if (!product) {
      return corrupt(fmt::format("{} at offset {}: the product of its dimensions is not below 2^63",
                                 what, offset));
    }
    elements = *product;
    view.dims[i] = *dim;
  }
  return ok_status();
}

Result<uint64_t> size_of(const TensorView& view, std::string_view what) {
  auto row = quant::row_bytes(view.type, view.cols());
  if (!row.ok()) {
    const bool unknown = row.status().code() == StatusCode::unsupported;
    return Status(unknown ? StatusCode::unsupported : StatusCode::corrupt,
                  fmt::format("{}: {}", what, row.status().message()));
  }
  const auto size = checked_mul(*row, view.rows());
  if (!size) return corrupt(fmt::format("{}: its size is not below 2^63 bytes", what));
  return static_cast<uint64_t>(*size);
}

Result<TensorInfo> read_tensor_info(ByteCursor& cursor, uint64_t number, uint64_t alignment) {
  TensorInfo info;
  const uint64_t at = cursor.offset();
  IX_ASSIGN_OR_RETURN(info.view.name, read_string(cursor, kMaxTensorNameBytes,
                                                  fmt::format("the name of tensor {}", number)));
  if (info.view.name.empty()) {
    return corrupt(fmt::format("tensor {} at offset {} has an empty name", number, at));
  }
  const std::string what = "tensor " + quoted(info.view.name);
  IX_RETURN_IF_ERROR(read_dims(cursor, what, info.view));
  const auto type = cursor.read<uint32_t>();
  const auto offset = cursor.read<uint64_t>();
  if (!type || !offset) return corrupt(fmt::format("{} at offset {} is cut off", what, at));
  info.view.type = static_cast<TensorType>(*type);
  info.offset = *offset;
  IX_ASSIGN_OR_RETURN(info.size, size_of(info.view, what));
  if (info.offset % alignment != 0) {
    return corrupt(fmt::format("{}: its data begin at {}, expected a multiple of {}", what,
                               info.offset, alignment));
  }
  return info;
}

Status check_unique(const std::vector<TensorInfo>& infos) {
  std::unordered_set<std::string_view> names;
  for (const TensorInfo& info : infos) {
    if (!names.insert(info.view.name).second) {
      return corrupt(fmt::format("tensor {} is there twice", quoted(info.view.name)));
    }
  }
  return ok_status();
}

// Offsets and sizes have been held against the file before.
Status check_overlaps(const std::vector<TensorInfo>& infos) {
  std::vector<size_t> order(infos.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return infos[a].offset < infos[b].offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const TensorInfo& before = infos[order[i - 1]];
    const TensorInfo& after = infos[order[i]];
    if (after.offset < before.offset + before.size) {
      return corrupt(
          fmt::format("tensors {} and {} overlap: the first ends at {}, the second "
                      "begins at {} of the data",
                      quoted(before.view.name), quoted(after.view.name),
                      before.offset + before.size, after.offset));
    }
  }
  return ok_status();
}

Status place_tensors(std::span<const std::byte> bytes, uint64_t data_offset,
                     std::vector<TensorInfo>& infos) {
  for (TensorInfo& info : infos) {
    const uint64_t room = data_offset < bytes.size() ? bytes.size() - data_offset : 0;
    if (info.offset > room || info.size > room - info.offset) {
      return corrupt(fmt::format(
          "tensor {} lies beyond the end of the file: {} bytes at offset {} of the data, which has "
          "{} bytes; the file may be cut off",
          quoted(info.view.name), info.size, info.offset, room));
    }
    info.view.bytes = bytes.subspan(data_offset + info.offset, info.size);
  }
  return check_overlaps(infos);
}

Result<Container> read(std::span<const std::byte> bytes) {
  ByteCursor cursor(bytes);
  Container container;
  IX_RETURN_IF_ERROR(read_magic(cursor));
  IX_ASSIGN_OR_RETURN(container.version, read_version(cursor));
  IX_ASSIGN_OR_RETURN(const Counts counts, read_counts(cursor));
  IX_RETURN_IF_ERROR(read_metadata(cursor, counts.key_values, container.metadata));
  IX_ASSIGN_OR_RETURN(const uint64_t alignment, alignment_of(container.metadata));
  // What the keys took is gone: the count is held against what is left now.
  IX_RETURN_IF_ERROR(
      check_count("tensors", counts.tensors, kMaxTensors, kMinTensorInfoBytes, cursor));
  std::vector<TensorInfo> infos;
  infos.reserve(counts.tensors);
  for (uint64_t i = 0; i < counts.tensors; ++i) {
    IX_ASSIGN_OR_RETURN(auto info, read_tensor_info(cursor, i, alignment));
    infos.push_back(info);
  }
  container.data_offset = round_up(cursor.offset(), alignment);
  IX_RETURN_IF_ERROR(check_unique(infos));
  IX_RETURN_IF_ERROR(place_tensors(bytes, container.data_offset, infos));
  container.tensors.reserve(infos.size());
  for (const TensorInfo& info : infos) container.tensors.push_back(info.view);
  return container;
}

}  // namespace

Result<Container> read_container(const std::string& path, std::span<const std::byte> bytes) {
  auto container = read(bytes);
  if (!container.ok()) return container.status().with_context(path);
  return container;
}

}  // namespace ix::gguf
