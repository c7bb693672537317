// DeviceTensor and Upload on a PJRT client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "backend/xla/pjrt/client.h"
#include "backend/xla/runtime.h"
#include "base/page_buffer.h"

namespace ix::backend::xla::pjrt {

// A name for the buffer that holds the content now: executions and writes put another in its place.
class PjrtTensor final : public DeviceTensor {
 public:
  PjrtTensor(const Client& client, int rank, hlo::Shape shape, std::string name, Buffer buffer)
      : client_(&client),
        rank_(rank),
        shape_(std::move(shape)),
        name_(std::move(name)),
        buffer_(std::move(buffer)) {}

  // A tensor whose content is `content`, row-major; empty = no bytes. On CPUs that memory becomes
  // the device's, without a copy.
  static Result<std::unique_ptr<PjrtTensor>> make(const Client& client, int rank, hlo::Shape shape,
                                                  std::string name, PageBuffer content);

  const hlo::Shape& shape() const override { return shape_; }
  int rank() const override { return rank_; }

  const Client& client() const { return *client_; }
  const std::string& name() const { return name_; }
  const Buffer& buffer() const { return buffer_; }
  void replace(Buffer buffer) { buffer_ = std::move(buffer); }

  // How often execution number `execution` (from 1) uses the tensor, this time included.
  int count_use(uint64_t execution) {
    if (execution_ != execution) uses_ = 0;
    execution_ = execution;
    return ++uses_;
  }
  int uses(uint64_t execution) const { return execution_ == execution ? uses_ : 0; }

 private:
  const Client* client_;
  int rank_;
  hlo::Shape shape_;
  std::string name_;
  Buffer buffer_;
  uint64_t execution_ = 0;
  int uses_ = 0;
};

// Gathers the pieces in host memory and hands them over in one.
class PjrtUpload final : public Upload {
 public:
  PjrtUpload(const Client& client, int rank, hlo::Shape shape, std::string name, PageBuffer content)
      : client_(client),
        rank_(rank),
        shape_(std::move(shape)),
        name_(std::move(name)),
        content_(std::move(content)) {}

  Status write(int64_t offset, std::span<const std::byte> bytes) override;
  Result<std::unique_ptr<DeviceTensor>> finish() override;

 private:
  const Client& client_;
  int rank_;
  hlo::Shape shape_;
  std::string name_;
  PageBuffer content_;
  uint64_t written_ = 0;
};

}  // namespace ix::backend::xla::pjrt
