#include "fake_neuron/libnrt/settings.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace ix::fake_nrt {
namespace {

std::string variable(const char* name, const std::string& otherwise = {}) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

// "2", "0-3" and "0-1,2" as cores; nothing where it is none of these.
std::optional<std::vector<int>> parse_cores(const std::string& text) {
  std::vector<int> cores;
  size_t at = 0;
  while (at <= text.size()) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    int first = 0;
    int last = 0;
    char rest = 0;
    const int fields = std::sscanf(part.c_str(), "%d-%d%c", &first, &last, &rest);
    const bool single = part.find('-') == std::string::npos;
    if (fields != (single ? 1 : 2)) return std::nullopt;
    for (int core = first; core <= (single ? first : last); ++core) cores.push_back(core);
    at = end + 1;
  }
  return cores;
}

}  // namespace

Settings read_settings() {
  constexpr uint64_t kHbmOfACore = uint64_t{16} << 30;
  Settings settings;
  const std::string version = variable("FAKE_NRT_VERSION");
  if (!version.empty()) {
    unsigned long parts[4] = {};
    std::sscanf(version.c_str(), "%lu.%lu.%lu.%lu", &parts[0], &parts[1], &parts[2], &parts[3]);
    settings.version = {parts[0], parts[1], parts[2], parts[3]};
  }
  settings.cores = std::atoi(variable("FAKE_NRT_CORES", "2").c_str());
  settings.core_bytes = std::strtoull(
      variable("FAKE_NRT_CORE_BYTES", std::to_string(kHbmOfACore)).c_str(), nullptr, 10);
  settings.hashes_only = variable("FAKE_NRT_STORE") == "hash";
  settings.plugin = variable("FAKE_NRT_PLUGIN");
  settings.directory =
      variable("FAKE_NRT_DIR", (std::filesystem::temp_directory_path() / "fake_nrt").string());
  settings.script = variable("FAKE_NRT_SCRIPT");
  settings.log = variable("FAKE_NRT_LOG");
  settings.hashes = variable("FAKE_NRT_HASHES");
  return settings;
}

CoreRequest requested_cores() {
  CoreRequest request;
  if (const std::string visible = variable("NEURON_RT_VISIBLE_CORES"); !visible.empty()) {
    const auto cores = parse_cores(visible);
    request.valid = cores.has_value() && !cores->empty();
    if (!request.valid) return request;
    for (size_t i = 1; i < cores->size(); ++i) {
      if (cores->at(i) != cores->at(i - 1) + 1) request.valid = false;
    }
    request.first = cores->front();
    request.count = static_cast<int>(cores->size());
    return request;
  }
  const int count = std::atoi(variable("NEURON_RT_NUM_CORES", "0").c_str());
  if (count > 0) request.count = count;
  return request;
}

int64_t execution_timeout_seconds() {
  return std::atoll(variable("NEURON_RT_EXEC_TIMEOUT", "600").c_str());
}

bool has_root_address() {
  const std::string address = variable("NEURON_RT_ROOT_COMM_ID");
  const size_t colon = address.rfind(':');
  return colon != std::string::npos && colon > 0 && std::atoi(address.c_str() + colon + 1) > 0;
}

}  // namespace ix::fake_nrt
