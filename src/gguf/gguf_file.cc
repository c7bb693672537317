#include "gguf/gguf_file.h"

#include <fmt/format.h>

#include <new>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gguf/container.h"
#include "gguf/limits.h"
#include "gguf/mapped_file.h"
#include "gguf/quoted.h"
#include "gguf/split_name.h"

namespace ix::gguf {
namespace {

using quant::TensorView;

constexpr std::string_view kSplitNumber = "split.no";
constexpr std::string_view kSplitCount = "split.count";
constexpr std::string_view kSplitTensors = "split.tensors.count";

// A key that only split files have; nothing where it is missing.
Result<std::optional<int64_t>> optional_int(const Metadata& metadata, std::string_view key) {
  if (metadata.find(key) == nullptr) return std::optional<int64_t>();
  IX_ASSIGN_OR_RETURN(const int64_t value, metadata.get_int(key));
  return std::optional(value);
}

// The number of parts that the file at `path` says its model has.
Result<int64_t> part_count(const Metadata& metadata) {
  IX_ASSIGN_OR_RETURN(const auto count, optional_int(metadata, kSplitCount));
  if (!count) return int64_t{1};
  if (*count < 0 || *count > kMaxParts) {
    return corrupt(
        fmt::format("key {} is {}, expected 0 to {}", quoted(kSplitCount), *count, kMaxParts));
  }
  return std::max<int64_t>(*count, 1);
}

// That a part is the one its name says. number counts from 0.
Status check_part(const Metadata& metadata, int64_t number, int64_t count) {
  IX_ASSIGN_OR_RETURN(const int64_t stated_number, metadata.get_int(kSplitNumber));
  IX_ASSIGN_OR_RETURN(const int64_t stated_count, metadata.get_int(kSplitCount));
  if (stated_number == number && stated_count == count) return ok_status();
  return corrupt(fmt::format("says that it is part {} of {}, expected part {} of {}",
                             stated_number + 1, stated_count, number + 1, count));
}

// The name of the first part, checked for a model of `count` parts.
Result<SplitName> first_part_name(const std::string& path, const Metadata& metadata,
                                  int64_t count) {
  const auto name = parse_split_name(path);
  if (!name || name->count != count) {
    return invalid_argument(
        fmt::format("{}: is part of a model of {} files, whose names must end in "
                    "-00001-of-{:05}.gguf and so on",
                    path, count, count));
  }
  if (name->part != 1) {
    return invalid_argument(fmt::format("{}: is part {} of {}; open the first, {}", path,
                                        name->part, count, split_path(name->prefix, 1, count)));
  }
  const Status status = check_part(metadata, 0, count);
  if (!status.ok()) return status.with_context(path);
  return *name;
}

}  // namespace

struct GgufFile::Impl {
  std::vector<std::string> paths;
  std::vector<MappedFile> files;
  Metadata metadata;
  std::vector<TensorView> tensors;
  std::unordered_map<std::string_view, size_t> by_name;
  uint32_t version = 0;
  uint64_t size_bytes = 0;

  // Maps and reads one file and keeps its tensors; returns its metadata.
  Result<Metadata> add_file(const std::string& path);
  Status add_parts(const std::string& path, int64_t count);
  Status load(const std::string& path);
};

Result<Metadata> GgufFile::Impl::add_file(const std::string& path) {
  IX_ASSIGN_OR_RETURN(auto file, MappedFile::open(path));
  IX_ASSIGN_OR_RETURN(auto container, read_container(path, file.bytes()));
  for (const TensorView& view : container.tensors) {
    if (!by_name.emplace(view.name, tensors.size()).second) {
      return corrupt(fmt::format("{}: tensor {} is in another part too", path, quoted(view.name)));
    }
    tensors.push_back(view);
  }
  if (files.empty()) version = container.version;
  size_bytes += file.bytes().size();
  paths.push_back(path);
  files.push_back(std::move(file));
  return std::move(container.metadata);
}

Status GgufFile::Impl::add_parts(const std::string& path, int64_t count) {
  IX_ASSIGN_OR_RETURN(const SplitName name, first_part_name(path, metadata, count));
  for (int64_t number = 1; number < count; ++number) {
    const std::string part = split_path(name.prefix, number + 1, count);
    auto part_metadata = add_file(part);
    if (!part_metadata.ok()) return part_metadata.status();
    const Status status = check_part(*part_metadata, number, count);
    if (!status.ok()) return status.with_context(part);
  }
  auto stated = optional_int(metadata, kSplitTensors);
  if (!stated.ok()) return stated.status().with_context(path);
  if (*stated && std::cmp_not_equal(**stated, tensors.size())) {
    return corrupt(fmt::format("{}: key {} is {}, but the {} parts have {} tensors", path,
                               quoted(kSplitTensors), **stated, count, tensors.size()));
  }
  return ok_status();
}

Status GgufFile::Impl::load(const std::string& path) {
  IX_ASSIGN_OR_RETURN(metadata, add_file(path));
  auto count = part_count(metadata);
  if (!count.ok()) return count.status().with_context(path);
  return *count > 1 ? add_parts(path, *count) : ok_status();
}

Result<std::unique_ptr<GgufFile>> GgufFile::open(const std::string& path) {
  try {
    auto impl = std::make_unique<Impl>();
    IX_RETURN_IF_ERROR(impl->load(path));
    return std::unique_ptr<GgufFile>(new GgufFile(std::move(impl)));
  } catch (const std::bad_alloc&) {
    return resource_exhausted(path + ": not enough memory for its metadata");
  }
}

GgufFile::GgufFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GgufFile::~GgufFile() = default;

const Metadata& GgufFile::metadata() const { return impl_->metadata; }
std::span<const TensorView> GgufFile::tensors() const { return impl_->tensors; }
uint32_t GgufFile::version() const { return impl_->version; }
uint64_t GgufFile::size_bytes() const { return impl_->size_bytes; }
std::span<const std::string> GgufFile::paths() const { return impl_->paths; }

Result<TensorView> GgufFile::find(std::string_view name) const {
  const auto it = impl_->by_name.find(name);
  if (it == impl_->by_name.end()) {
    return not_found(fmt::format("{}: tensor {} is missing", impl_->paths.front(), quoted(name)));
  }
  return impl_->tensors[it->second];
}

void GgufFile::release(const TensorView& view) const {
  for (const MappedFile& file : impl_->files) file.release(view.bytes);
}

}  // namespace ix::gguf
