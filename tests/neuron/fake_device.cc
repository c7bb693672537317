#include "neuron/fake_device.h"

#include <algorithm>
#include <fstream>

namespace ix::backend::neuron {

FakeDevice::FakeDevice(int cores) {
  const std::pair<const char*, std::string> variables[] = {
      {"IX_LIBNRT", IX_FAKE_LIBNRT},
      {"IX_NEURONX_CC", IX_FAKE_NEURONX_CC},
      {"FAKE_NRT_PLUGIN", IX_CPU_PLUGIN},
      {"FAKE_NRT_CORES", std::to_string(cores)},
      {"FAKE_NRT_DIR", directory_ / "device"},
      {"FAKE_NRT_LOG", directory_ / "log"},
      {"FAKE_NRT_SCRIPT", directory_ / "script"},
      {"FAKE_NEURONX_CC_LOG", directory_ / "calls"},
      {"NEURON_RT_EXEC_TIMEOUT", "60"},
  };
  for (const auto& [name, value] : variables) {
    variables_.push_back(std::make_unique<ScopedVariable>(name, value));
  }
  script("");
}

void FakeDevice::script(const std::string& lines) { std::ofstream(directory_ / "script") << lines; }

NeuronOptions FakeDevice::options() const {
  NeuronOptions options;
  options.cache_root = directory_ / "cache";
  options.claim_time = std::chrono::seconds(0);
  return options;
}

std::unique_ptr<NeuronRuntime> FakeDevice::open(const NeuronOptions& options) const {
  return NeuronRuntime::open(options).value();
}

std::vector<std::string> FakeDevice::log() const { return log(""); }

void FakeDevice::clear_log() const { std::filesystem::remove(directory_ / "log"); }

std::vector<std::string> FakeDevice::log(const std::string& beginning) const {
  std::ifstream file(directory_ / "log");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(beginning)) lines.push_back(line);
  }
  return lines;
}

}  // namespace ix::backend::neuron
