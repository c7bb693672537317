#include "doctor/host_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backend/cpu/kernels/isa.h"
#include "backend/neuron/compiler/neuronx_cc.h"
#include "backend/neuron/nrt/nrt_library.h"
#include "backend/xla/pjrt/find_plugin.h"
#include "base/host_limits.h"
#include "base/thread_pool.h"

namespace ix::cli::doctor {
namespace {

template <typename T, typename Text>
Found found(const Result<T>& result, const Text& text, const char* hint) {
  if (result.ok()) return {true, text(*result)};
  if (result.status().code() == StatusCode::not_found) {
    return {false, fmt::format("not found ({})", hint)};
  }
  return {false, "cannot be used: " + result.status().message()};
}

std::string line(const char* name, const std::string& text) {
  return fmt::format("{:<12}{}\n", name, text);
}

}  // namespace

HostSummary summarise_host() {
  namespace cpu = backend::cpu;
  HostSummary host;
  host.cpu = cpu_name();
  const Result<cpu::Isa> chosen = cpu::choose_isa();
  host.isa = chosen.ok() ? std::string(cpu::to_string(*chosen)) : chosen.status().message();
  for (const cpu::Isa isa : cpu::available_isas()) host.isas.emplace_back(cpu::to_string(isa));
  host.threads = default_threads();
  host.free_bytes = available_memory_bytes();
  host.cache_bytes = last_level_cache_bytes();
  host.huge_pages = huge_page_mode();
  return host;
}

DeviceLibraries find_device_libraries() {
  DeviceLibraries libraries;
  libraries.plugin = found(
      backend::xla::pjrt::find_plugin(backend::xla::pjrt::default_plugin_places()),
      [](const std::string& path) { return path; },
      "pip install xla-cpu-pjrt, or set IX_PJRT_PLUGIN");
  libraries.libnrt = found(
      backend::neuron::nrt::Library::load(),
      [](const auto& library) { return library->version_text(); },
      "install aws-neuronx-runtime-lib, or set IX_LIBNRT");
  libraries.compiler = found(
      backend::neuron::NeuronxCc::find({}),
      [](const auto& compiler) { return compiler->version(); },
      "install neuronx-cc, or set IX_NEURONX_CC");
  return libraries;
}

std::string to_text(const HostSummary& host) {
  std::string text;
  text += line("cpu", host.cpu.empty() ? "unknown" : host.cpu);
  text += line("kernels", fmt::format("{}, of {}", host.isa, fmt::join(host.isas, ", ")));
  text += line("threads", fmt::format("{}", host.threads));
  text += line("memory", host.free_bytes ? fmt::format("{:.1f} GB can be allocated",
                                                       static_cast<double>(*host.free_bytes) / 1e9)
                                         : "unknown");
  text += line("huge pages", host.huge_pages);
  if (!host.libraries) return text;
  text += line("PJRT plugin", host.libraries->plugin.text);
  text += line("libnrt", host.libraries->libnrt.text);
  text += line("neuronx-cc", host.libraries->compiler.text);
  return text;
}

namespace {

// A plugin's path is its user's business.
Json to_json(const DeviceLibraries& libraries) {
  const auto version = [](const Found& found) { return found.there ? Json(found.text) : Json(); };
  return {{"pjrt_plugin", libraries.plugin.there},
          {"libnrt", version(libraries.libnrt)},
          {"neuronx-cc", version(libraries.compiler)}};
}

}  // namespace

Json to_json(const HostSummary& host) {
  return {{"cpu", host.cpu},
          {"kernels", host.isa},
          {"kernels_available", host.isas},
          {"threads", host.threads},
          {"free_bytes", host.free_bytes ? Json(*host.free_bytes) : Json()},
          {"cache_bytes", host.cache_bytes},
          {"huge_pages", host.huge_pages},
          {"libraries", host.libraries ? to_json(*host.libraries) : Json()}};
}

}  // namespace ix::cli::doctor
