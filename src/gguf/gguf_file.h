// A GGUF model: its metadata, and its tensors as views into a read-only mapping.
//
// Reads versions 2 and 3, a single file or all parts of a split one. Everything is checked before
// it is used (gguf/limits.h states the limits), so a caller may trust sizes, offsets and types:
// names are unique, every tensor lies whole inside its file, none overlaps another, and its bytes
// are those of its type and shape.
//
// The file must not be cut shorter while it is open: reading a page that is gone kills the process.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gguf/metadata.h"
#include "quant/weight_source.h"

namespace ix::gguf {

class GgufFile final : public quant::WeightSource {
 public:
  // path: a single file or the first part of a split one (NAME-00001-of-0000N.gguf).
  // not_found, permission_denied, invalid_argument (a directory, a part that is not the first),
  // corrupt (says where and what was expected), unsupported (big endian, a version or a tensor type
  // that is not read here), resource_exhausted (out of memory or address space). Messages begin
  // with the path.
  static Result<std::unique_ptr<GgufFile>> open(const std::string& path);
  ~GgufFile() override;

  const Metadata& metadata() const;                    // of the first part
  std::span<const quant::TensorView> tensors() const;  // in file order, all parts
  uint32_t version() const;
  uint64_t size_bytes() const;  // of all parts
  std::span<const std::string> paths() const;

  Result<quant::TensorView> find(std::string_view name) const override;
  void release(const quant::TensorView& view) const override;

 private:
  struct Impl;
  explicit GgufFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ix::gguf
