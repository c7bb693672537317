// Calls nrt_init of the library that its argument names; ends with the status.
#include <cstdio>

#include "backend/neuron/nrt/nrt_library.h"

int main(int count, char** arguments) {
  using namespace ix::backend::neuron;
  if (count != 2) return 98;
  const auto library = nrt::Library::load(arguments[1]);
  if (!library.ok()) {
    std::fprintf(stderr, "%s\n", library.status().message().c_str());
    return 97;
  }
  return library.value()->functions().init(nrt::Framework::none, "", "");
}
