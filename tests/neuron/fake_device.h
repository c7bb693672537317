// A test's own fake device: its environment, its compiler's cache, its log.
// The fake reads its settings once a process: a test that runs programs needs a process of its own,
// as ctest gives it, or shares the device with the others of its process.
#pragma once

#include <string>
#include <vector>

#include "backend/neuron/neuron_runtime.h"
#include "neuron/test_directory.h"

namespace ix::backend::neuron {

class FakeDevice {
 public:
  explicit FakeDevice(int cores);

  // Lines of tests/fake_neuron/libnrt/script.h. Before an open().
  void script(const std::string& lines);
  NeuronOptions options() const;
  std::unique_ptr<NeuronRuntime> open(const NeuronOptions& options) const;
  std::unique_ptr<NeuronRuntime> open() const { return open(options()); }

  // What the fake library wrote.
  std::vector<std::string> log() const;
  // Lines of it that begin so.
  std::vector<std::string> log(const std::string& beginning) const;
  void clear_log() const;
  const TestDirectory& directory() const { return directory_; }

 private:
  const TestDirectory directory_;
  std::vector<std::unique_ptr<ScopedVariable>> variables_;
};

}  // namespace ix::backend::neuron
