// Program on a PJRT client.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "backend/xla/pjrt/client.h"
#include "backend/xla/runtime.h"

namespace ix::backend::xla::pjrt {

class PjrtProgram final : public Program {
 public:
  // internal where the outputs that the plugin sees are not the module's; invalid_argument for
  // aliases between shapes that differ or do not exist.
  static Result<std::unique_ptr<PjrtProgram>> make(const Client& client, const hlo::Module& module,
                                                   Executable executable);

  const hlo::Module& module() const override { return module_; }
  const Client& client() const { return client_; }
  const Executable& executable() const { return executable_; }

  // The parameter whose storage an output takes; -1 for none.
  int parameter_of(size_t output) const { return parameter_of_[output]; }

 private:
  PjrtProgram(const Client& client, const hlo::Module& module, Executable executable,
              std::vector<int> parameter_of)
      : client_(client),
        module_(module),
        executable_(std::move(executable)),
        parameter_of_(std::move(parameter_of)) {}

  const Client& client_;
  const hlo::Module module_;
  const Executable executable_;
  const std::vector<int> parameter_of_;  // [outputs]
};

}  // namespace ix::backend::xla::pjrt
