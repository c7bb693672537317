#include "gguf/gguf_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/checked_math.h"
#include "gguf/output_file.h"
#include "gguf/quoted.h"
#include "gguf/split_name.h"

namespace ix::gguf {
namespace {

constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr std::string_view kSplitPrefix = "split.";

struct Tensor {
  std::string name;
  quant::TensorType type = quant::TensorType::f32;
  std::vector<int64_t> dims;
  uint64_t size = 0;  // bytes
};

// A range of tensors that goes into one file.
struct Part {
  size_t first = 0;
  size_t last = 0;  // one past
};

void append_key(std::string& out, std::string_view key, std::string_view encoded_value) {
  append_string(out, key);
  out += encoded_value;
}

template <typename T>
void append_scalar(std::string& out, std::string_view key, T value) {
  append_key(out, key, encode_value(key, TypedValue(value)).value());
}

Result<uint64_t> tensor_size(std::string_view name, quant::TensorType type,
                             std::span<const int64_t> dims) {
  const auto refuse = [name](std::string_view why) {
    return invalid_argument(fmt::format("tensor {}: {}", quoted(name), why));
  };
  if (dims.empty() || dims.size() > kMaxDims) {
    return refuse(fmt::format("{} dimensions, expected 1 to {}", dims.size(), kMaxDims));
  }
  int64_t rows = 1;
  for (const int64_t dim : dims) {
    if (dim < 1) return refuse(fmt::format("a dimension is {}, expected at least 1", dim));
  }
  for (const int64_t dim : dims.subspan(1)) {
    const auto product = checked_mul(rows, dim);
    if (!product) return refuse("the product of its dimensions is not below 2^63");
    rows = *product;
  }
  const auto row = quant::row_bytes(type, dims[0]);
  if (!row.ok()) return refuse(row.status().message());
  const auto size = checked_mul(*row, rows);
  if (!size || !checked_mul(rows, dims[0])) return refuse("its size is not below 2^63");
  return static_cast<uint64_t>(*size);
}

}  // namespace

struct GgufWriter::Impl {
  explicit Impl(WriterOptions writer_options) : options(writer_options) {}

  WriterOptions options;
  std::vector<std::pair<std::string, std::string>> keys;  // with encoded values, as added
  std::unordered_set<std::string> key_names;
  std::vector<Tensor> tensors;
  std::unordered_set<std::string> tensor_names;
  uint64_t data_bytes = 0;  // of all tensors, padded

  // From begin() on.
  std::vector<Part> parts;
  std::vector<OutputFile> files;  // the last one is open
  std::vector<std::string> paths;
  bool finished = false;
  size_t tensor = 0;     // the first that is not complete
  uint64_t written = 0;  // bytes of it

  bool begun() const { return !files.empty(); }
  bool splits() const { return options.max_part_tensors != 0 || options.max_part_bytes != 0; }
  Status check_options() const;
  Status add_encoded(std::string_view key, std::string encoded);
  void divide();
  Status name_parts(const std::string& path);
  std::string header(size_t number) const;
  Status add_tensor(Tensor added);
  Status start(const std::string& path);
  Status create_part();
  Status expect(std::string_view name, uint64_t bytes) const;
  Result<OutputFile*> file_of_current();
  Status append(std::string_view name, std::span<const std::byte> bytes);
  Status leave_hole(std::string_view name);
  void next_tensor();
  Status finish();
};

Status GgufWriter::Impl::check_options() const {
  if (options.version < kOldestVersion || options.version > kNewestVersion) {
    return invalid_argument(fmt::format("GGUF version {}, expected {} or {}", options.version,
                                        kOldestVersion, kNewestVersion));
  }
  if (!std::has_single_bit(options.alignment) || options.alignment < kMinAlignment ||
      options.alignment > kMaxAlignment) {
    return invalid_argument(fmt::format("alignment {}, expected a power of two from {} to {}",
                                        options.alignment, kMinAlignment, kMaxAlignment));
  }
  return ok_status();
}

Status GgufWriter::Impl::add_encoded(std::string_view key, std::string encoded) {
  const auto refuse = [key](std::string_view why) {
    return invalid_argument(fmt::format("key {} {}", quoted(key), why));
  };
  if (begun()) return refuse("comes after begin()");
  if (key.empty() || key.size() > kMaxKeyBytes) {
    return refuse(fmt::format("has {} bytes, expected 1 to {}", key.size(), kMaxKeyBytes));
  }
  if (key == kAlignmentKey || key.starts_with(kSplitPrefix)) {
    return refuse("is written by the writer itself");
  }
  // Room for the keys that the writer adds.
  if (keys.size() + 4 >= kMaxKeyValues) {
    return refuse(fmt::format("is one too many, at most {} are allowed", kMaxKeyValues - 4));
  }
  if (!key_names.emplace(key).second) return refuse("is there already");
  keys.emplace_back(key, std::move(encoded));
  return ok_status();
}

Status GgufWriter::Impl::add_tensor(Tensor added) {
  const auto refuse = [&added](std::string_view why) {
    return invalid_argument(fmt::format("tensor {} {}", quoted(added.name), why));
  };
  if (begun()) return refuse("comes after begin()");
  if (added.name.empty() || added.name.size() > kMaxTensorNameBytes) {
    return refuse(fmt::format("has a name of {} bytes, expected 1 to {}", added.name.size(),
                              kMaxTensorNameBytes));
  }
  if (tensors.size() == kMaxTensors) {
    return refuse(fmt::format("is one too many, at most {} are allowed", kMaxTensors));
  }
  constexpr uint64_t kMaxDataBytes = std::numeric_limits<int64_t>::max();
  const uint64_t padded = round_up<uint64_t>(added.size, kMaxAlignment);
  if (padded > kMaxDataBytes - data_bytes) return refuse("makes the file larger than 2^63 bytes");
  if (!tensor_names.insert(added.name).second) return refuse("is there already");
  data_bytes += padded;
  tensors.push_back(std::move(added));
  return ok_status();
}

void GgufWriter::Impl::divide() {
  parts.assign(1, Part());
  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const uint64_t size = tensors[i].size;
    const uint64_t count = parts.back().last - parts.back().first;
    const bool full = (options.max_part_tensors != 0 && count >= options.max_part_tensors) ||
                      (options.max_part_bytes != 0 &&
                       size > options.max_part_bytes - std::min(bytes, options.max_part_bytes));
    if (count > 0 && full) {
      parts.push_back({i, i});
      bytes = 0;
    }
    parts.back().last = i + 1;
    bytes += size;
  }
}

Status GgufWriter::Impl::name_parts(const std::string& path) {
  constexpr std::string_view kEnd = ".gguf";
  paths.clear();
  if (!splits()) {
    paths.assign(1, path);
    return ok_status();
  }
  if (!path.ends_with(kEnd) || path.size() == kEnd.size()) {
    return invalid_argument(fmt::format("{}: the name of a split model must end in .gguf", path));
  }
  const auto count = static_cast<int64_t>(parts.size());
  if (count > kMaxParts) {
    return invalid_argument(
        fmt::format("{}: {} parts, at most {} are allowed", path, count, kMaxParts));
  }
  const std::string prefix = path.substr(0, path.size() - kEnd.size());
  for (int64_t number = 1; number <= count; ++number) {
    paths.push_back(split_path(prefix, number, count));
  }
  return ok_status();
}

// Everything before the data section of part `number`, padding included.
std::string GgufWriter::Impl::header(size_t number) const {
  std::string metadata;
  uint64_t key_count = 0;
  if (number == 0) {
    for (const auto& [key, encoded] : keys) append_key(metadata, key, encoded);
    key_count += keys.size();
  }
  if (options.alignment != kDefaultAlignment) {
    append_scalar(metadata, kAlignmentKey, static_cast<uint32_t>(options.alignment));
    ++key_count;
  }
  if (splits()) {
    append_scalar(metadata, "split.no", static_cast<uint16_t>(number));
    append_scalar(metadata, "split.count", static_cast<uint16_t>(parts.size()));
    append_scalar(metadata, "split.tensors.count", static_cast<int32_t>(tensors.size()));
    key_count += 3;
  }
  const Part& range = parts[number];
  std::string out;
  append_number(out, kMagic);
  append_number(out, options.version);
  append_number(out, static_cast<uint64_t>(range.last - range.first));
  append_number(out, key_count);
  out += metadata;
  uint64_t offset = 0;
  for (size_t i = range.first; i < range.last; ++i) {
    const Tensor& info = tensors[i];
    append_string(out, info.name);
    append_number(out, static_cast<uint32_t>(info.dims.size()));
    for (const int64_t dim : info.dims) append_number(out, dim);
    append_number(out, static_cast<uint32_t>(info.type));
    append_number(out, offset);
    offset += round_up(info.size, options.alignment);
  }
  out.resize(round_up<uint64_t>(out.size(), options.alignment), '\0');
  return out;
}

Status GgufWriter::Impl::start(const std::string& path) {
  if (begun()) return invalid_argument(path + ": begin() was called before");
  IX_RETURN_IF_ERROR(check_options());
  divide();
  IX_RETURN_IF_ERROR(name_parts(path));
  return create_part();
}

// Creates the next part with its header.
Status GgufWriter::Impl::create_part() {
  const size_t number = files.size();
  IX_ASSIGN_OR_RETURN(auto file, OutputFile::create(paths[number]));
  IX_RETURN_IF_ERROR(file.write(header(number)));
  files.push_back(std::move(file));
  return ok_status();
}

// Whether `bytes` more of tensor `name` are what comes next.
Status GgufWriter::Impl::expect(std::string_view name, uint64_t bytes) const {
  const auto refuse = [name](std::string_view why) {
    return invalid_argument(fmt::format("tensor {}: {}", quoted(name), why));
  };
  if (!begun()) return refuse("its bytes come before begin()");
  if (tensor == tensors.size()) return refuse("its bytes come after those of the last tensor");
  const Tensor& current = tensors[tensor];
  if (current.name != name) {
    return refuse(
        fmt::format("out of order, the next bytes are those of {}", quoted(current.name)));
  }
  if (bytes > current.size - written) {
    return refuse(fmt::format("{} bytes, expected {}", written + bytes, current.size));
  }
  return ok_status();
}

// The part that the current tensor goes into, created when its first tensor comes.
Result<OutputFile*> GgufWriter::Impl::file_of_current() {
  if (tensor == parts[files.size() - 1].last) {
    IX_RETURN_IF_ERROR(files.back().close());
    IX_RETURN_IF_ERROR(create_part());
  }
  return &files.back();
}

Status GgufWriter::Impl::append(std::string_view name, std::span<const std::byte> bytes) {
  IX_RETURN_IF_ERROR(expect(name, bytes.size()));
  IX_ASSIGN_OR_RETURN(OutputFile * file, file_of_current());
  IX_RETURN_IF_ERROR(file->write(bytes));
  written += bytes.size();
  const uint64_t size = tensors[tensor].size;
  if (written < size) return ok_status();
  next_tensor();
  return file->pad(round_up(size, options.alignment) - size);
}

Status GgufWriter::Impl::leave_hole(std::string_view name) {
  IX_RETURN_IF_ERROR(expect(name, 0));
  if (written > 0) {
    return invalid_argument(
        fmt::format("tensor {}: a hole after {} bytes of it, expected the "
                    "whole tensor as one",
                    quoted(name), written));
  }
  IX_ASSIGN_OR_RETURN(OutputFile * file, file_of_current());
  const uint64_t size = tensors[tensor].size;
  next_tensor();
  return file->skip(round_up(size, options.alignment));
}

void GgufWriter::Impl::next_tensor() {
  ++tensor;
  written = 0;
}

Status GgufWriter::Impl::finish() {
  if (!begun()) return invalid_argument("finish() before begin()");
  if (tensor < tensors.size()) {
    return invalid_argument(fmt::format("tensor {} has {} bytes, expected {}",
                                        quoted(tensors[tensor].name), written,
                                        tensors[tensor].size));
  }
  if (finished) return invalid_argument("finish() was called before");
  finished = true;
  IX_RETURN_IF_ERROR(files.back().close());
  for (OutputFile& file : files) IX_RETURN_IF_ERROR(file.keep());
  return ok_status();
}

GgufWriter::GgufWriter(WriterOptions options) : impl_(std::make_unique<Impl>(options)) {}
GgufWriter::~GgufWriter() = default;

Status GgufWriter::add(std::string_view key, const TypedValue& value) {
  IX_ASSIGN_OR_RETURN(auto encoded, encode_value(key, value));
  return impl_->add_encoded(key, std::move(encoded));
}

Status GgufWriter::add(const KeyValue& entry) {
  if (entry.encoded.empty()) {
    return invalid_argument(
        fmt::format("key {} does not come from a file and has no type", quoted(entry.key)));
  }
  return impl_->add_encoded(
      entry.key,
      std::string(reinterpret_cast<const char*>(entry.encoded.data()), entry.encoded.size()));
}

Status GgufWriter::add_tensor(std::string_view name, quant::TensorType type,
                              std::span<const int64_t> dims) {
  IX_ASSIGN_OR_RETURN(const uint64_t size, tensor_size(name, type, dims));
  return impl_->add_tensor({std::string(name), type, {dims.begin(), dims.end()}, size});
}

Status GgufWriter::begin(const std::string& path) { return impl_->start(path); }

Status GgufWriter::append(std::string_view name, std::span<const std::byte> bytes) {
  return impl_->append(name, bytes);
}

Status GgufWriter::leave_hole(std::string_view name) { return impl_->leave_hole(name); }

Status GgufWriter::finish() { return impl_->finish(); }

std::span<const std::string> GgufWriter::paths() const { return impl_->paths; }

}  // namespace ix::gguf
