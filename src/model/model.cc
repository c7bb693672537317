#include "model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "gguf/quoted.h"
#include "model/architectures.h"

namespace ix::model {
namespace {

struct Architecture {
  std::string_view name;
  void (*emit)(DecoderBuilder&);
};

constexpr size_t kMaxMessages = 64;  // a file that lacks whole layers lacks hundreds of tensors

// Sorted by name.
constexpr std::array kArchitectures = {
    Architecture{"gemma2", emit_gemma2}, Architecture{"gemma3", emit_gemma3},
    Architecture{"llama", emit_llama},   Architecture{"phi3", emit_phi3},
    Architecture{"qwen2", emit_qwen2},   Architecture{"qwen3", emit_qwen3},
};

constexpr auto kNames = [] {
  std::array<std::string_view, kArchitectures.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kArchitectures[i].name;
  return names;
}();

const Architecture* find_architecture(const gguf::GgufFile& file, Findings& findings) {
  const auto name = file.metadata().get_string("general.architecture");
  if (!name.ok()) {
    findings.add(corrupt(name.status().message()));
    return nullptr;
  }
  const auto* const found =
      std::find_if(kArchitectures.begin(), kArchitectures.end(),
                   [&](const Architecture& architecture) { return architecture.name == *name; });
  if (found != kArchitectures.end()) return found;
  findings.add(unsupported(fmt::format("architecture {} is not supported; known are {}",
                                       gguf::quoted(*name), fmt::join(kNames, ", "))));
  return nullptr;
}

// A decoder that is worth something only when nothing was found.
graph::Decoder emit(const gguf::GgufFile& file, const BuildOptions& options, Findings& findings) {
  const Architecture* architecture = find_architecture(file, findings);
  if (architecture == nullptr) return {};
  MetadataKeys keys(file, architecture->name, findings);
  const Hyperparameters h = read_hyperparameters(keys);
  if (!findings.empty()) return {};  // shapes would only repeat what is wrong
  const int64_t context = options.context_length > 0 ? options.context_length : h.context_length;
  DecoderBuilder builder(keys, h, context);
  architecture->emit(builder);
  return builder.finish();
}

}  // namespace

Result<graph::Decoder> build_decoder(const gguf::GgufFile& file, const BuildOptions& options) {
  if (options.context_length < 0) {
    return invalid_argument(
        fmt::format("context length {} is negative; 0 is the model's own", options.context_length));
  }
  Findings findings;
  graph::Decoder decoder = emit(file, options, findings);
  IX_RETURN_IF_ERROR(findings.first());
  IX_RETURN_IF_ERROR(graph::verify(decoder));
  return decoder;
}

std::span<const std::string_view> supported_architectures() { return kNames; }

std::vector<std::string> what_would_not_run(const gguf::GgufFile& file) {
  Findings findings;
  emit(file, {}, findings);
  std::vector<std::string> messages;
  for (const Status& status : findings.all()) {
    if (messages.size() == kMaxMessages) {
      messages.push_back(fmt::format("and {} more", findings.all().size() - kMaxMessages));
      break;
    }
    messages.push_back(status.message());
  }
  return messages;
}

}  // namespace ix::model
