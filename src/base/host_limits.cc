#include "base/host_limits.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace ix {
namespace {

constexpr const char* kRoot = "/sys/fs/cgroup";

// The path of this process's group in /proc/self/cgroup for a controller; v2 lines have none.
std::string group_path(const std::string& controller) {
  std::ifstream in("/proc/self/cgroup");
  std::string line;
  while (std::getline(in, line)) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::istringstream names(line.substr(first + 1, second - first - 1));
    std::string name;
    bool matches = controller.empty() && second == first + 1;
    while (std::getline(names, name, ',')) {
      if (name == controller) matches = true;
    }
    if (matches) return line.substr(second + 1);
  }
  return {};
}

std::optional<uint64_t> read_number(const std::string& path) {
  std::ifstream in(path);
  uint64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

// The value of "key N" in a file of such lines.
std::optional<uint64_t> read_field(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string name;
    uint64_t value = 0;
    if (fields >> name && name == key && fields >> value) return value;
  }
  return std::nullopt;
}

std::optional<uint64_t> left_in(const std::string& dir, const char* limit_file,
                                const char* usage_file, const char* cache_key) {
  const auto limit = read_number(dir + limit_file);
  const auto usage = read_number(dir + usage_file);
  if (!limit || !usage || *limit > (uint64_t{1} << 60)) return std::nullopt;
  const uint64_t cache = read_field(dir + "/memory.stat", cache_key).value_or(0);
  const uint64_t used = *usage > cache ? *usage - cache : 0;
  return *limit > used ? *limit - used : 0;
}

}  // namespace

std::optional<double> cgroup_cpu_quota() {
  std::optional<double> quota;
  // Every ancestor's limit binds.
  for (std::string path = group_path("");;) {
    std::ifstream in(std::string(kRoot) + path + "/cpu.max");
    std::string max;
    double period = 0;
    if (in >> max >> period && max != "max" && period > 0) {
      const double cpus = std::stod(max) / period;
      quota = quota ? std::min(*quota, cpus) : cpus;
    }
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) break;
    path.resize(slash);
  }
  const std::string v1 = std::string(kRoot) + "/cpu" + group_path("cpu");
  const auto limit = read_number(v1 + "/cpu.cfs_quota_us");  // "-1" reads as a huge number
  const auto period = read_number(v1 + "/cpu.cfs_period_us");
  if (limit && period && *period > 0 && *limit < (uint64_t{1} << 40)) {
    const double cpus = static_cast<double>(*limit) / static_cast<double>(*period);
    quota = quota ? std::min(*quota, cpus) : cpus;
  }
  return quota;
}

std::optional<uint64_t> available_memory_bytes() {
  std::optional<uint64_t> left;
  const auto keep_smaller = [&left](std::optional<uint64_t> bytes) {
    if (bytes) left = left ? std::min(*left, *bytes) : *bytes;
  };
  if (const auto kib = read_field("/proc/meminfo", "MemAvailable:")) keep_smaller(*kib * 1024);
  for (std::string path = group_path("");;) {
    keep_smaller(left_in(kRoot + path, "/memory.max", "/memory.current", "inactive_file"));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) break;
    path.resize(slash);
  }
  keep_smaller(left_in(std::string(kRoot) + "/memory" + group_path("memory"),
                       "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file"));
  return left;
}

uint64_t last_level_cache_bytes() {
  for (int index = 3; index >= 0; --index) {
    std::ifstream in("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/size");
    uint64_t size = 0;
    char unit = ' ';
    if (!(in >> size)) continue;
    in >> unit;
    const int shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
    return size << shift;
  }
  return 0;
}

uint64_t peak_resident_bytes() {
  return read_field("/proc/self/status", "VmHWM:").value_or(0) * 1024;
}

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

std::string huge_page_mode() {
  // "always [madvise] never"
  std::ifstream in("/sys/kernel/mm/transparent_hugepage/enabled");
  for (std::string word; in >> word;) {
    if (word.starts_with('[') && word.ends_with(']')) return word.substr(1, word.size() - 2);
  }
  return "unknown";
}

}  // namespace ix
