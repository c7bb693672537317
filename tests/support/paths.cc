#include "support/paths.h"

namespace ix::paths {

std::string cached(const std::string& name) { return IX_CACHE_DIR "/" + name; }

std::string tiny_models() { return IX_TINY_DIR; }

std::string python_packages() { return IX_PYTHON_PACKAGES; }

}  // namespace ix::paths
