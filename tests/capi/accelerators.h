// Devices beside the CPU: virtual ones of XLA's CPU plugin, NeuronCores of the fake libnrt; and
// calls that must succeed on them. A process has one device: each test needs a process of its own,
// as ctest gives it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "capi/reference.h"
#include "ix/inferentia.h"
#include "neuron/fake_device.h"

namespace ix::capi::test {

// The variables that choose a device for the scope.
class Chosen {
 public:
  static Chosen plugin(int devices);
  static Chosen neuron(int cores, const char* name = "neuron");

  void set(const char* name, const std::string& value);
  // How often the compiler compiled.
  int compilations() const;

  std::unique_ptr<backend::neuron::FakeDevice> fake;  // of neuron()

 private:
  std::vector<std::unique_ptr<ScopedVariable>> variables_;
};

// C [m, n] of dense operands.
std::vector<float> plain(const Operands& o, const ix_gemm_options* options = nullptr);
std::vector<float> cached(const gemm_q4_K_inferentia_cache* cache, const Operands& o);

gemm_q4_K_inferentia_cache* make_cache(const Operands& o);

}  // namespace ix::capi::test
