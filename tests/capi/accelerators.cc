#include "capi/accelerators.h"

#include <gtest/gtest.h>

#include <fstream>

#include "capi/results.h"
#include "xla/pjrt/plugins.h"

namespace ix::capi::test {

Chosen Chosen::plugin(int devices) {
  Chosen chosen;
  chosen.set("IX_DEVICE", "pjrt:" + ix::testing::cpu_plugins().back().path);
  chosen.set("IX_PJRT_DEVICES", std::to_string(devices));
  return chosen;
}

Chosen Chosen::neuron(int cores, const char* name) {
  Chosen chosen;
  chosen.fake = std::make_unique<backend::neuron::FakeDevice>(cores);
  chosen.set("IX_NEURON_CACHE", chosen.fake->directory() / "cache");
  chosen.set("IX_DEVICE", name);
  return chosen;
}

void Chosen::set(const char* name, const std::string& value) {
  variables_.push_back(std::make_unique<ScopedVariable>(name, value));
}

int Chosen::compilations() const {
  std::ifstream file(fake->directory() / "calls");
  int count = 0;
  for (std::string line; std::getline(file, line);) count += line.find("compile") != line.npos;
  return count;
}

std::vector<float> plain(const Operands& o, const ix_gemm_options* options) {
  std::vector<float> c = untouched(o.m * o.n);
  EXPECT_EQ(gemm_q4_K_inferentia(o.a.data(), o.b.data(), c.data(), o.m, o.n, o.k, options, nullptr),
            IX_OK)
      << ix_last_error();
  return c;
}

std::vector<float> cached(const gemm_q4_K_inferentia_cache* cache, const Operands& o) {
  std::vector<float> c = untouched(o.m * o.n);
  EXPECT_EQ(gemm_q4_K_inferentia_cached(cache, o.b.data(), c.data(), o.n, nullptr, nullptr), IX_OK)
      << ix_last_error();
  return c;
}

gemm_q4_K_inferentia_cache* make_cache(const Operands& o) {
  gemm_q4_K_inferentia_cache* cache = nullptr;
  EXPECT_EQ(gemm_q4_K_inferentia_cache_create(o.a.data(), o.m, o.k, &cache), IX_OK)
      << ix_last_error();
  return cache;
}

}  // namespace ix::capi::test
