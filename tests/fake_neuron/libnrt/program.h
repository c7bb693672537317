// A NEFF's program on XLA's CPU plugin, and the ranks that run it together.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/xla/pjrt/client.h"
#include "fake_neuron/libnrt/gathering.h"
#include "fake_neuron/libnrt/neff_file.h"

namespace ix::fake_nrt {

// The memory of one rank's tensors, in the order of the NEFF's inputs and outputs.
struct RankMemory {
  std::vector<std::span<std::byte>> inputs;
  std::vector<std::span<std::byte>> outputs;
};

class Program {
 public:
  // Without a client it can be loaded, but not run.
  Program(Neff neff, std::optional<backend::xla::pjrt::Executable> executable,
          const backend::xla::pjrt::Client* client, std::vector<int> cores)
      : neff_(std::move(neff)),
        executable_(std::move(executable)),
        client_(client),
        cores_(std::move(cores)) {}

  const Neff& neff() const { return neff_; }
  int ranks() const { return static_cast<int>(cores_.size()); }
  // [ranks]: reads inputs, runs all ranks, writes outputs.
  Status run(const std::map<int, RankMemory>& memory) const;

  Gathering<RankMemory> executions;

 private:
  const Neff neff_;
  const std::optional<backend::xla::pjrt::Executable> executable_;
  const backend::xla::pjrt::Client* client_;
  const std::vector<int> cores_;  // [ranks]
};

// Compiles programs; who loads the same NEFF on the same cores again gets the same one.
class Programs {
 public:
  // `plugin` is a path, empty = programs are not run; the client has `cores` devices.
  void open(const std::string& plugin, int cores);
  Result<std::shared_ptr<Program>> load(Neff neff, const std::vector<int>& cores);

 private:
  Status open_client();

  std::mutex mutex_;
  std::string plugin_;
  int cores_ = 0;
  std::unique_ptr<backend::xla::pjrt::Client> client_;
  std::map<std::string, std::shared_ptr<Program>> programs_;  // of the client
};

}  // namespace ix::fake_nrt
