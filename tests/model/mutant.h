// A tiny model with something changed: keys set or dropped, tensors dropped, renamed or rewritten.
#pragma once

#include <unistd.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gguf/gguf_file.h"
#include "gguf/gguf_writer.h"
#include "support/paths.h"
#include "support/tiny_models.h"

namespace ix::model {

class Mutant {
 public:
  explicit Mutant(const char* tiny_model) {
    auto source = gguf::GgufFile::open(tiny::tiny_path(tiny_model));
    IX_CHECK(source.ok());
    source_ = std::move(source).value();
  }

  Mutant& set(std::string key, gguf::TypedValue value) {
    keys_.insert_or_assign(std::move(key), std::move(value));
    return *this;
  }
  Mutant& drop_key(std::string key) {
    dropped_.insert(std::move(key));
    return *this;
  }
  Mutant& drop_tensor(std::string name) {
    dropped_.insert(std::move(name));
    return *this;
  }
  // A tensor of zeros in place of the file's, or beside them.
  Mutant& set_tensor(std::string name, quant::TensorType type, std::vector<int64_t> dims) {
    const auto row = quant::row_bytes(type, dims[0]);
    IX_CHECK(row.ok());
    int64_t bytes = *row;
    for (size_t i = 1; i < dims.size(); ++i) bytes *= dims[i];
    tensors_[name] = {type, dims, std::vector<std::byte>(static_cast<size_t>(bytes))};
    return *this;
  }
  // One element of an f32 tensor.
  Mutant& poke(const std::string& name, size_t index, float number) {
    const auto view = source_->find(name);
    IX_CHECK(view.ok() && view->type == quant::TensorType::f32);
    Tensor tensor{
        view->type, {view->dims[0], view->dims[1]}, {view->bytes.begin(), view->bytes.end()}};
    std::memcpy(tensor.bytes.data() + index * sizeof(float), &number, sizeof(float));
    tensors_[name] = std::move(tensor);
    return *this;
  }

  // Written, opened and, its name gone, kept by the mapping alone.
  std::unique_ptr<gguf::GgufFile> open() {
    gguf::GgufWriter writer;
    for (const gguf::KeyValue& entry : source_->metadata().entries()) {
      const std::string key(entry.key);
      if (dropped_.count(key) == 0 && keys_.count(key) == 0) expect(writer.add(entry));
    }
    for (const auto& [key, value] : keys_) expect(writer.add(key, value));
    for (const quant::TensorView& view : source_->tensors()) {
      const std::string name(view.name);
      if (dropped_.count(name) == 0 && tensors_.count(name) == 0) {
        tensors_[name] = {
            view.type, {view.dims[0], view.dims[1]}, {view.bytes.begin(), view.bytes.end()}};
      }
    }
    for (const auto& [name, tensor] : tensors_) {
      expect(writer.add_tensor(name, tensor.type, tensor.dims));
    }
    // In memory where there is such a place: the writer waits for the disk at every file.
    const std::string directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : paths::tiny_models();
    const std::string path = directory + "/ix-mutant-" + std::to_string(getpid());
    expect(writer.begin(path));
    for (const auto& [name, tensor] : tensors_) expect(writer.append(name, tensor.bytes));
    expect(writer.finish());
    auto file = gguf::GgufFile::open(path);
    IX_CHECK(file.ok());
    unlink(path.c_str());
    return std::move(file).value();
  }

 private:
  struct Tensor {
    quant::TensorType type;
    std::vector<int64_t> dims;
    std::vector<std::byte> bytes;
  };

  static void expect(const Status& status) { IX_CHECK(status.ok()); }

  std::unique_ptr<gguf::GgufFile> source_;
  std::map<std::string, gguf::TypedValue> keys_;
  std::map<std::string, Tensor> tensors_;
  std::set<std::string> dropped_;
};

}  // namespace ix::model
