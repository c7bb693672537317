// DeviceTensor and Upload in the memory of NeuronCores.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "backend/neuron/session.h"
#include "backend/neuron/tensor_sets.h"
#include "backend/xla/runtime.h"

namespace ix::backend::neuron {

// An allocation on one core. Shared with writes that wait for their turn. Thread-safe.
class Allocation {
 public:
  // Its content is what the memory held before. invalid_argument for a shape of no bytes.
  static Result<std::shared_ptr<Allocation>> make(std::shared_ptr<Session> session,
                                                  std::shared_ptr<TensorSets> sets, int rank,
                                                  const xla::hlo::Shape& shape,
                                                  const std::string& name);
  ~Allocation();
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;

  const xla::hlo::Shape& shape() const { return shape_; }
  int rank() const { return rank_; }
  const std::string& name() const { return name_; }
  size_t size() const { return size_; }
  nrt::Tensor* tensor() const { return tensor_; }
  const Session* session() const { return session_.get(); }

  Status fill_with_zeros();
  Status write(size_t offset, std::span<const std::byte> bytes);
  // All of it.
  Status read(std::span<std::byte> bytes) const;

 private:
  Allocation(std::shared_ptr<Session> session, std::shared_ptr<TensorSets> sets, int rank,
             xla::hlo::Shape shape, std::string name)
      : session_(std::move(session)),
        sets_(std::move(sets)),
        rank_(rank),
        shape_(std::move(shape)),
        name_(std::move(name)),
        size_(static_cast<size_t>(xla::hlo::byte_size(shape_))) {}
  std::string what(const char* function) const;

  const std::shared_ptr<Session> session_;
  const std::shared_ptr<TensorSets> sets_;  // those that may hold the tensor
  const int rank_;
  const xla::hlo::Shape shape_;
  const std::string name_;
  const size_t size_;
  nrt::Tensor* tensor_ = nullptr;
};

class NeuronTensor final : public xla::DeviceTensor {
 public:
  explicit NeuronTensor(std::shared_ptr<Allocation> allocation)
      : allocation_(std::move(allocation)) {}

  const xla::hlo::Shape& shape() const override { return allocation_->shape(); }
  int rank() const override { return allocation_->rank(); }
  const std::shared_ptr<Allocation>& allocation() const { return allocation_; }

  // Number of the last job of its core that uses it; the runtime's owner thread counts them.
  uint64_t last_job() const { return last_job_; }
  void set_last_job(uint64_t job) { last_job_ = job; }

 private:
  const std::shared_ptr<Allocation> allocation_;
  uint64_t last_job_ = 0;
};

// Writes pieces straight to the device: no host copy of the whole exists.
class NeuronUpload final : public xla::Upload {
 public:
  explicit NeuronUpload(std::shared_ptr<Allocation> allocation)
      : allocation_(std::move(allocation)) {}

  Status write(int64_t offset, std::span<const std::byte> bytes) override;
  // invalid_argument where bytes are missing.
  Result<std::unique_ptr<xla::DeviceTensor>> finish() override;

 private:
  std::shared_ptr<Allocation> allocation_;
  std::atomic<uint64_t> written_ = 0;
};

}  // namespace ix::backend::neuron
