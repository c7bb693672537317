// Where a PJRT plugin is, when none was named.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace ix::backend::xla::pjrt {

struct PluginPlaces {
  std::string named;                      // a file, before all others; empty for none
  std::vector<std::string> environments;  // roots of Python environments, in order
  bool gpu = false;                       // look for plugins of GPUs, before those of CPUs
};

// IX_PJRT_PLUGIN, and the environments VIRTUAL_ENV, CONDA_PREFIX, ~/.local, /usr/local and /usr;
// gpu where there is a driver of NVIDIA's. Not the current folder: what lies there may be anyone's.
PluginPlaces default_plugin_places();

// Path of the first plugin. not_found, with the places and how to install one, where there is none
// or `named` does not exist.
Result<std::string> find_plugin(const PluginPlaces& places);

}  // namespace ix::backend::xla::pjrt
