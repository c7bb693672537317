// load_model(): what is needed is added up first, checked against memory, and only then packed.
#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "backend/cpu/cpu_model.h"
#include "backend/cpu/kernels/matrix_dispatch.h"
#include "backend/cpu/memory_plan.h"
#include "backend/cpu/step_buffers.h"
#include "backend/kv_geometry.h"
#include "base/checked_math.h"
#include "base/host_limits.h"
#include "quant/dequantize.h"

namespace ix::backend::cpu {

class ModelLoader {
 public:
  ModelLoader(const quant::WeightSource& source, const ExecutorOptions& options,
              const CpuOptions& cpu_options)
      : source_(source),
        options_(options),
        cpu_options_(cpu_options),
        threads_(options.threads > 0 ? options.threads : default_threads()) {}

  Result<std::shared_ptr<const CpuModel>> load(const graph::Decoder& decoder) {
    IX_ASSIGN_OR_RETURN(model_->isa_, choose_isa(cpu_options_.isa));
    model_->decoder_ = group_linears(decoder);
    model_->memory_limit_ = cpu_options_.memory_limit;
    model_->linears_.resize(model_->decoder_.ops.size());
    IX_RETURN_IF_ERROR(collect_parts());
    IX_RETURN_IF_ERROR(check_fits());
    IX_RETURN_IF_ERROR(pack());
    IX_RETURN_IF_ERROR(load_floats());
    IX_RETURN_IF_ERROR(find_embeddings());
    return std::shared_ptr<const CpuModel>(std::move(model_));
  }

 private:
  // Rows of a tensor that one part of a linear multiplies with.
  struct Part {
    size_t op;
    quant::TensorView view;
    bool packed;
    int64_t offset = 0;  // of its panels in the model's buffer
    int64_t bytes = 0;
  };

  Status collect_parts() {
    for (size_t i = 0; i < model_->decoder_.ops.size(); ++i) {
      if (const auto* linear = std::get_if<graph::Linear>(&model_->decoder_.ops[i])) {
        IX_RETURN_IF_ERROR(collect(i, *linear));
      }
    }
    return ok_status();
  }

  Status collect(size_t op, const graph::Linear& linear) {
    IX_ASSIGN_OR_RETURN(const quant::TensorView tensor, source_.find(linear.weight));
    int64_t rows = 0;
    for (const graph::LinearPart& part : linear.parts) rows += part.width;
    IX_RETURN_IF_ERROR(check_shape(tensor, linear.in_width, rows));
    const auto row_bytes = static_cast<int64_t>(tensor.bytes.size()) / rows;
    int64_t first = 0;
    for (const graph::LinearPart& linear_part : linear.parts) {
      Part part{.op = op, .view = tensor, .packed = false};
      part.view.dims = {linear.in_width, linear_part.width, 1, 1};
      part.view.bytes = tensor.bytes.subspan(static_cast<size_t>(first * row_bytes),
                                             static_cast<size_t>(linear_part.width * row_bytes));
      first += linear_part.width;
      part.packed = cpu_options_.pack && can_pack(tensor.type, linear_part.width, linear.in_width);
      if (part.packed) {
        part.bytes = packed_bytes(tensor.type, linear_part.width, linear.in_width);
        part.offset = total_bytes_;
        const auto total = checked_add(total_bytes_, part.bytes);
        if (!total) return resource_exhausted("the weights wrap 64 bits");
        total_bytes_ = *total;
      } else {
        IX_RETURN_IF_ERROR(try_row(tensor));
      }
      total_source_ += static_cast<int64_t>(part.view.bytes.size());
      parts_.push_back(part);
    }
    return ok_status();
  }

  static Status check_shape(const quant::TensorView& tensor, int64_t cols, int64_t rows) {
    IX_ASSIGN_OR_RETURN(const int64_t row_bytes, quant::row_bytes(tensor.type, tensor.cols()));
    const auto bytes = checked_mul(row_bytes, rows);
    if (tensor.cols() != cols || tensor.rows() != rows || !bytes ||
        static_cast<size_t>(*bytes) != tensor.bytes.size()) {
      return corrupt(
          fmt::format("tensor '{}' is {} x {} in {} bytes: expected {} rows x {} columns",
                      tensor.name, tensor.rows(), tensor.cols(), tensor.bytes.size(), rows, cols));
    }
    return ok_status();
  }

  // Says now, not in the middle of a step, that a type cannot be read.
  static Status try_row(const quant::TensorView& tensor) {
    std::vector<float> row(static_cast<size_t>(tensor.cols()));
    const size_t row_bytes = tensor.bytes.size() / static_cast<size_t>(tensor.rows());
    return quant::dequantize_row(tensor.type, tensor.bytes.first(row_bytes), row)
        .with_context(fmt::format("tensor '{}'", tensor.name));
  }

  Status check_fits() {
    IX_ASSIGN_OR_RETURN(const KvInfo kv, paged_kv(model_->decoder_, options_, sizeof(uint16_t)));
    const MemoryPlan plan{
        .weights = static_cast<uint64_t>(total_bytes_),
        .kv = static_cast<uint64_t>(pool_bytes(model_->decoder_, kv, sizeof(uint16_t))),
        .scratch = static_cast<uint64_t>(
            BufferSizes::of(model_->decoder_, options_, matrix_kernels(model_->isa_))
                .bytes(threads_)),
        .kv_tokens = options_.kv_tokens};
    if (cpu_options_.memory_limit > 0) return check_memory(plan, cpu_options_.memory_limit);
    return check_memory(plan, available_memory_bytes());
  }

  Status pack() {
    IX_ASSIGN_OR_RETURN(model_->packed_, PageBuffer::allocate(static_cast<uint64_t>(total_bytes_)));
    IX_ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool, ThreadPool::start(threads_));
    int64_t done = 0;
    for (const Part& part : parts_) {
      LinearWeight weight;
      if (part.packed) {
        const PackOptions pack_options{
            .storage = model_->packed_.bytes().subspan(static_cast<size_t>(part.offset),
                                                       static_cast<size_t>(part.bytes)),
            .source = &source_};
        IX_ASSIGN_OR_RETURN(weight.packed, PackedMatrix::pack(part.view, *pool, pack_options));
      } else {
        weight.plain = part.view;
      }
      model_->linears_[part.op].push_back(std::move(weight));
      done += static_cast<int64_t>(part.view.bytes.size());
      if (cpu_options_.progress != nullptr) {
        cpu_options_.progress(cpu_options_.progress_context, done, total_source_);
      }
    }
    return ok_status();
  }

  Status load_floats() {
    for (const graph::Op& any : model_->decoder_.ops) {
      if (const auto* norm = std::get_if<graph::RmsNorm>(&any)) {
        IX_RETURN_IF_ERROR(load_vector(norm->weight, norm->group));
      } else if (const auto* linear = std::get_if<graph::Linear>(&any)) {
        int64_t width = 0;
        for (const graph::LinearPart& part : linear->parts) width += part.width;
        if (!linear->bias.empty()) IX_RETURN_IF_ERROR(load_vector(linear->bias, width));
      } else if (const auto* rope = std::get_if<graph::Rope>(&any)) {
        if (!rope->factors.empty()) {
          IX_RETURN_IF_ERROR(load_vector(rope->factors, rope->rotary_dim / 2));
        }
      }
    }
    return ok_status();
  }

  Status load_vector(const std::string& name, int64_t width) {
    if (model_->floats_.contains(name)) return ok_status();
    IX_ASSIGN_OR_RETURN(const quant::TensorView tensor, source_.find(name));
    if (tensor.elements() != width) {
      return corrupt(
          fmt::format("tensor '{}' has {} elements: expected {}", name, tensor.elements(), width));
    }
    std::vector<float> values(static_cast<size_t>(width));
    IX_RETURN_IF_ERROR(quant::dequantize_row(tensor.type, tensor.bytes, values)
                           .with_context(fmt::format("tensor '{}'", name)));
    model_->floats_.emplace(name, std::move(values));
    return ok_status();
  }

  Status find_embeddings() {
    for (const graph::Op& any : model_->decoder_.ops) {
      const auto* embedding = std::get_if<graph::Embedding>(&any);
      if (embedding == nullptr || model_->embeddings_.contains(embedding->weight)) continue;
      if (const PackedMatrix* packed = packed_of(embedding->weight)) {
        model_->embeddings_.emplace(embedding->weight, EmbeddingTable(packed));
        continue;
      }
      IX_ASSIGN_OR_RETURN(const quant::TensorView tensor, source_.find(embedding->weight));
      IX_RETURN_IF_ERROR(
          check_shape(tensor, model_->decoder_.values[static_cast<size_t>(embedding->out)].width,
                      model_->decoder_.vocab_size));
      IX_RETURN_IF_ERROR(try_row(tensor));
      model_->embeddings_.emplace(embedding->weight, EmbeddingTable(tensor));
    }
    return ok_status();
  }

  // The panels of a linear in one part with this weight: a head tied to the embedding.
  const PackedMatrix* packed_of(const std::string& name) const {
    for (size_t i = 0; i < model_->decoder_.ops.size(); ++i) {
      const auto* linear = std::get_if<graph::Linear>(&model_->decoder_.ops[i]);
      if (linear == nullptr || linear->weight != name || linear->parts.size() != 1) continue;
      const LinearWeight& weight = model_->linears_[i].front();
      if (weight.packed && weight.rows() == model_->decoder_.vocab_size) return &*weight.packed;
    }
    return nullptr;
  }

  const quant::WeightSource& source_;
  const ExecutorOptions& options_;
  const CpuOptions& cpu_options_;
  const int threads_;
  std::shared_ptr<CpuModel> model_ = std::make_shared<CpuModel>();
  std::vector<Part> parts_;
  int64_t total_bytes_ = 0;   // of panels
  int64_t total_source_ = 0;  // of weights in the file
};

Result<std::shared_ptr<const CpuModel>> load_model(const graph::Decoder& decoder,
                                                   const quant::WeightSource& weights,
                                                   const ExecutorOptions& options,
                                                   const CpuOptions& cpu_options) {
  IX_RETURN_IF_ERROR(graph::verify(decoder));
  try {
    return ModelLoader(weights, options, cpu_options).load(decoder);
  } catch (const std::exception& error) {  // no memory
    return resource_exhausted(fmt::format("cannot load the weights: {}", error.what()));
  }
}

}  // namespace ix::backend::cpu
