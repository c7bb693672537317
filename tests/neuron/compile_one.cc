// Compiles one fixed program through the cache of the environment; for tests with two processes.
#include <cstdio>

#include "backend/neuron/compiler/neff_store.h"
#include "backend/xla/hlo/builder.h"

int main() {
  using namespace ix::backend;
  xla::hlo::Builder b("shared", 1);
  const auto x = b.parameter("x", {xla::hlo::ElementType::f32, {4}});
  b.output("y", b.add(x, 1.0));
  const auto store = neuron::NeffStore::open("", {});
  if (!store.ok()) return 1;
  const auto neff = store.value()->get(std::move(b).finish().value(), xla::ProgramKind::decode);
  if (!neff.ok()) std::fprintf(stderr, "%s\n", neff.status().message().c_str());
  return neff.ok() ? 0 : 1;
}
