#include "doctor/compile_step.h"

namespace ix::cli::doctor {

Result<bool> compile(DeviceUnderTest& device, const backend::xla::hlo::Module& module) {
  if (device.store == nullptr) return not_found("the cache of compiled programs is not open");
  IX_ASSIGN_OR_RETURN(const auto neff,
                      device.store->get(module, backend::xla::ProgramKind::prefill));
  return neff.was_built;
}

StepResult without_compiler() {
  return StepResult::skipped("there is no neuronx-cc, and the cache lacks the program");
}

Step compile_step(const std::string& id, const std::string& title, BuildModule build) {
  return {"compile." + id,
          "compile " + title,
          "neuronx-cc takes the program",
          "see what the compiler says; docs/neuron.md explains its codes",
          kCompileLimit,
          {},
          [build = std::move(build)](DeviceUnderTest& device) {
            const auto module = build(device.ranks());
            if (!module.ok()) return StepResult::failed(module.status());
            const Result<bool> built = compile(device, *module);
            if (built.status().code() == StatusCode::not_found) return without_compiler();
            if (!built.ok()) return StepResult::failed(built.status());
            return StepResult::passed(*built ? "compiled" : "from the cache",
                                      {{"from_cache", !*built}});
          }};
}

}  // namespace ix::cli::doctor
