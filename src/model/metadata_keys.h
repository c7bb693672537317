// Reads an architecture's own keys ("llama.block_count") and checks their ranges. What is wrong
// goes to the findings, and a value inside the range is returned in its place, so that reading goes
// on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gguf/gguf_file.h"
#include "model/findings.h"

namespace ix::model {

struct IntRange {
  int64_t min;
  int64_t max;
};

enum class FloatRange { positive, not_negative };  // both also refuse what is far from any model

class MetadataKeys {
 public:
  // file and findings must outlive this.
  MetadataKeys(const gguf::GgufFile& file, std::string_view architecture, Findings& findings)
      : file_(file), architecture_(architecture), findings_(findings) {}

  const gguf::GgufFile& file() const { return file_; }
  const std::string& architecture() const { return architecture_; }
  Findings& findings() { return findings_; }

  // "block_count" -> "llama.block_count".
  std::string full_name(std::string_view key) const;
  bool has(std::string_view key) const;

  // Without a fallback a missing key is a finding.
  int64_t integer(std::string_view key, IntRange range, std::optional<int64_t> fallback = {});
  // An integer that some files give a layer: an array is taken when all its items are equal.
  int64_t integer_of_layers(std::string_view key, IntRange range, int64_t layers,
                            std::optional<int64_t> fallback = {});
  float real(std::string_view key, FloatRange range, std::optional<float> fallback = {});
  std::string_view text(std::string_view key, std::string_view fallback);

 private:
  int64_t in_range(std::string_view key, int64_t value, IntRange range);

  const gguf::GgufFile& file_;
  std::string architecture_;
  Findings& findings_;
};

}  // namespace ix::model
