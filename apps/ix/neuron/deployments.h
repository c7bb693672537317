// Models that `ix compile` made, from the side of a run.
#pragma once

#include <optional>

#include "device_options.h"
#include "gguf/gguf_file.h"

namespace ix::cli {

// The newest one in the cache for the file's graph whose choices are those of the options that are
// not open. context: 0 = open. Nothing where there is none.
Result<std::optional<DevicePlan>> find_deployment(const DeviceOptions& options,
                                                  const gguf::GgufFile& file, int64_t context);

// hash_text() of the graph for the context that the model was trained for.
Result<std::string> graph_hash(const gguf::GgufFile& file);

}  // namespace ix::cli
