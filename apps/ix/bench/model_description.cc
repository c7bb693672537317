#include "bench/model_description.h"

#include <fmt/format.h>

#include <string_view>

namespace ix::cli {
namespace {

// general.file_type and llama.cpp's name for it (llama_ftype).
constexpr struct {
  int64_t id;
  std::string_view name;
} kFileTypes[] = {{0, "all F32"},
                  {1, "F16"},
                  {2, "Q4_0"},
                  {3, "Q4_1"},
                  {7, "Q8_0"},
                  {8, "Q5_0"},
                  {9, "Q5_1"},
                  {10, "Q2_K - Medium"},
                  {11, "Q3_K - Small"},
                  {12, "Q3_K - Medium"},
                  {13, "Q3_K - Large"},
                  {14, "Q4_K - Small"},
                  {15, "Q4_K - Medium"},
                  {16, "Q5_K - Small"},
                  {17, "Q5_K - Medium"},
                  {18, "Q6_K"},
                  {21, "Q2_K - Small"},
                  {25, "IQ4_NL - 4.5 bpw"},
                  {30, "IQ4_XS - 4.25 bpw"},
                  {32, "BF16"}};

std::string_view file_type_name(const gguf::Metadata& metadata) {
  const auto id = metadata.get_int("general.file_type");
  for (const auto& [known, name] : kFileTypes) {
    if (id.ok() && *id == known) return name;
  }
  return "unknown type";
}

}  // namespace

ModelDescription describe(const gguf::GgufFile& file) {
  ModelDescription out{.name = {}, .bytes = 0, .parameters = 0};
  for (const quant::TensorView& tensor : file.tensors()) {
    out.bytes += static_cast<int64_t>(tensor.bytes.size());
    out.parameters += tensor.elements();
  }
  const auto parameters = static_cast<double>(out.parameters);
  const auto architecture = file.metadata().get_string("general.architecture");
  out.name = fmt::format("{} {} {}", architecture.ok() ? *architecture : "unknown",
                         parameters < 1e9 ? fmt::format("{:.0f}M", parameters / 1e6)
                                          : fmt::format("{:.1f}B", parameters / 1e9),
                         file_type_name(file.metadata()));
  return out;
}

std::string size_in_words(int64_t bytes) {
  constexpr double kMiB = 1024.0 * 1024.0;
  const double mib = static_cast<double>(bytes) / kMiB;
  return mib < 1024 ? fmt::format("{:.2f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024);
}

std::string parameters_in_words(int64_t parameters) {
  const auto count = static_cast<double>(parameters);
  return count < 1e9 ? fmt::format("{:.2f} M", count / 1e6) : fmt::format("{:.2f} B", count / 1e9);
}

}  // namespace ix::cli
