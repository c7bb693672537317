#include "synth/synth_file.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cstddef>
#include <span>

#include "gguf/gguf_writer.h"
#include "synth/file_metadata.h"
#include "synth/random_tensor.h"
#include "synth/tensor_list.h"

namespace ix::synth {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

bool matches(const SynthTensor& tensor, const std::string& pattern) {
  return ::fnmatch(pattern.c_str(), tensor.name.c_str(), 0) == 0;
}

class Writing {
 public:
  Writing(const Shape& shape, const SynthOptions& options, SynthProgress progress)
      : options_(options),
        progress_(progress),
        tensors_(list_tensors(shape)),
        rope_factors_(rope_factors(shape)),
        filled_(tensors_.size(), !options.sparse) {}

  Status choose_tensors() {
    for (const std::string& pattern : options_.fill) {
      bool found = false;
      for (size_t i = 0; i < tensors_.size(); ++i) {
        if (!matches(tensors_[i], pattern)) continue;
        filled_[i] = true;
        found = true;
      }
      if (!found) {
        return invalid_argument(fmt::format(
            "'{}' names no tensor; see those of a file with ix inspect --tensors FILE", pattern));
      }
    }
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (tensors_[i].content != Content::weights) filled_[i] = true;
      if (filled_[i]) total_ += tensors_[i].bytes();
    }
    return ok_status();
  }

  Status add_to(gguf::GgufWriter& writer) const {
    for (const SynthTensor& tensor : tensors_) {
      IX_RETURN_IF_ERROR(writer.add_tensor(tensor.name, tensor.type, tensor.dims));
    }
    return ok_status();
  }

  Status write_to(gguf::GgufWriter& writer) {
    for (size_t i = 0; i < tensors_.size(); ++i) {
      IX_RETURN_IF_ERROR(filled_[i] ? write_weights(writer, tensors_[i])
                                    : writer.leave_hole(tensors_[i].name));
    }
    return ok_status();
  }

 private:
  Status write_weights(gguf::GgufWriter& writer, const SynthTensor& tensor) {
    const RandomTensor random(tensor, options_.seed, rope_factors_);
    const auto at_once = static_cast<int64_t>(kBufferBytes / random.block_bytes());
    for (int64_t first = 0; first < random.blocks(); first += at_once) {
      const int64_t count = std::min(at_once, random.blocks() - first);
      buffer_.resize(static_cast<size_t>(count) * random.block_bytes());
      random.fill(first, buffer_);
      IX_RETURN_IF_ERROR(writer.append(tensor.name, buffer_));
      done_ += static_cast<int64_t>(buffer_.size());
      if (!progress_(done_, total_)) return {StatusCode::cancelled, "interrupted"};
    }
    return ok_status();
  }

  const SynthOptions& options_;
  const SynthProgress progress_;
  const std::vector<SynthTensor> tensors_;
  const std::vector<float> rope_factors_;
  std::vector<bool> filled_;  // [tensors]
  int64_t done_ = 0;          // bytes
  int64_t total_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace

Status write_synthetic(const Shape& shape, const std::string& path, const SynthOptions& options,
                       SynthProgress progress) {
  IX_RETURN_IF_ERROR(check_shape(shape));
  Writing writing(shape, options, progress);
  IX_RETURN_IF_ERROR(writing.choose_tensors());
  gguf::GgufWriter writer;
  IX_RETURN_IF_ERROR(add_metadata(writer, shape));
  IX_RETURN_IF_ERROR(writing.add_to(writer));
  IX_RETURN_IF_ERROR(writer.begin(path));
  IX_RETURN_IF_ERROR(writing.write_to(writer));
  return writer.finish();
}

}  // namespace ix::synth
