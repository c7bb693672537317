// Writes GGUF files, single or split, tensor by tensor: nothing but the metadata is held in memory.
//
// First the keys and the tensors' shapes, then begin(), then the tensors' bytes in the order in
// which they were added, then finish(). Only then do the files have their names; a writer that is
// destroyed before leaves nothing behind. Not safe for several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gguf/limits.h"
#include "gguf/metadata.h"
#include "gguf/value_writer.h"
#include "quant/tensor_type.h"

namespace ix::gguf {

struct WriterOptions {
  uint32_t version = kNewestVersion;
  uint64_t alignment = kDefaultAlignment;  // general.alignment is written where it is another
  // A new part is begun before a tensor that would bring one above a limit; 0 = no limit. The first
  // part has all keys. A tensor is never divided.
  uint64_t max_part_tensors = 0;
  uint64_t max_part_bytes = 0;  // of tensor data
};

class GgufWriter {
 public:
  explicit GgufWriter(WriterOptions options = {});
  ~GgufWriter();

  // invalid_argument for a key that is there, one that the writer sets itself (general.alignment,
  // split.*), or anything beyond gguf/limits.h.
  Status add(std::string_view key, const TypedValue& value);
  // A key of a file that was read, with its type as it was.
  Status add(const KeyValue& entry);
  // dims in GGUF order, fastest first: {cols, rows, ...}; 1 to 4 of them.
  Status add_tensor(std::string_view name, quant::TensorType type, std::span<const int64_t> dims);

  // Creates the files and writes their headers. With a limit in the options, path must end in
  // .gguf: NAME.gguf becomes NAME-00001-of-0000N.gguf and so on, also for a single part.
  Status begin(const std::string& path);
  // The next bytes of tensor `name`, which must be the first one that is not complete. Any number
  // of calls a tensor.
  Status append(std::string_view name, std::span<const std::byte> bytes);
  // In place of append(): all bytes of tensor `name` are zero and left as a hole in the file.
  Status leave_hole(std::string_view name);
  // invalid_argument when a tensor is not complete.
  Status finish();

  std::span<const std::string> paths() const;  // after begin()

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ix::gguf
