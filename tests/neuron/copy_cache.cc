// copy_cache export|import DIRECTORY: of the cache of the environment.
#include <cstdio>
#include <string_view>

#include "backend/neuron/compiler/neff_cache.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto cache = ix::backend::neuron::NeffCache::open();
  if (!cache.ok()) return 1;
  const auto copied = std::string_view(argv[1]) == "export" ? cache->export_to(argv[2])
                                                            : cache->import_from(argv[2]);
  if (!copied.ok()) std::fprintf(stderr, "%s\n", copied.status().message().c_str());
  return copied.ok() ? 0 : 1;
}
