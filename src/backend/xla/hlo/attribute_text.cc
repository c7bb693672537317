#include "backend/xla/hlo/attribute_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "backend/xla/hlo/replica_groups.h"

namespace ix::backend::xla::hlo {
namespace {

using Instruction = ix::hlo::HloInstructionProto;
using Field = google::protobuf::RepeatedField<int64_t>;
using Texts = std::vector<std::string>;

std::string braces(std::string_view name, const Field& values) {
  return fmt::format("{}={{{}}}", name, fmt::join(values, ","));
}

std::string quoted(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return '"' + escaped + '"';
}

void append_slice(const Instruction& instruction, Texts& texts) {
  const bool strided = std::ranges::any_of(instruction.slice_dimensions(),
                                           [](const auto& bounds) { return bounds.stride() != 1; });
  Texts parts;
  for (const auto& bounds : instruction.slice_dimensions()) {
    parts.push_back(strided
                        ? fmt::format("[{}:{}:{}]", bounds.start(), bounds.limit(), bounds.stride())
                        : fmt::format("[{}:{}]", bounds.start(), bounds.limit()));
  }
  texts.push_back(fmt::format("slice={{{}}}", fmt::join(parts, ", ")));
}

void append_padding(const Instruction& instruction, Texts& texts) {
  const auto& dimensions = instruction.padding_config().dimensions();
  const bool interior = std::ranges::any_of(
      dimensions, [](const auto& edges) { return edges.interior_padding() != 0; });
  Texts parts;
  for (const auto& edges : dimensions) {
    std::string part = fmt::format("{}_{}", edges.edge_padding_low(), edges.edge_padding_high());
    if (interior) part += fmt::format("_{}", edges.interior_padding());
    parts.push_back(std::move(part));
  }
  texts.push_back(fmt::format("padding={}", fmt::join(parts, "x")));
}

void append_dot(const Instruction& instruction, Texts& texts) {
  const auto& dims = instruction.dot_dimension_numbers();
  const std::pair<const char*, const Field*> fields[] = {
      {"lhs_batch_dims", &dims.lhs_batch_dimensions()},
      {"lhs_contracting_dims", &dims.lhs_contracting_dimensions()},
      {"rhs_batch_dims", &dims.rhs_batch_dimensions()},
      {"rhs_contracting_dims", &dims.rhs_contracting_dimensions()}};
  for (const auto& [name, field] : fields) {
    if (!field->empty()) texts.push_back(braces(name, *field));
  }
}

void append_gather(const Instruction& instruction, Texts& texts) {
  const auto& numbers = instruction.gather_dimension_numbers();
  texts.push_back(braces("offset_dims", numbers.offset_dims()));
  texts.push_back(braces("collapsed_slice_dims", numbers.collapsed_slice_dims()));
  texts.push_back(braces("start_index_map", numbers.start_index_map()));
  texts.push_back(fmt::format("index_vector_dim={}", numbers.index_vector_dim()));
  texts.push_back(braces("slice_sizes", instruction.gather_slice_sizes()));
}

void append_scatter(const Instruction& instruction, Texts& texts) {
  const auto& numbers = instruction.scatter_dimension_numbers();
  texts.push_back(braces("update_window_dims", numbers.update_window_dims()));
  texts.push_back(braces("inserted_window_dims", numbers.inserted_window_dims()));
  texts.push_back(braces("scatter_dims_to_operand_dims", numbers.scatter_dims_to_operand_dims()));
  texts.push_back(fmt::format("index_vector_dim={}", numbers.index_vector_dim()));
}

void append_collective(const Instruction& instruction, Texts& texts) {
  if (instruction.channel_id() != 0) {
    texts.push_back(fmt::format("channel_id={}", instruction.channel_id()));
  }
  Texts groups;
  for (const std::vector<int64_t>& group : replica_groups(instruction)) {
    groups.push_back(fmt::format("{{{}}}", fmt::join(group, ",")));
  }
  texts.push_back(fmt::format("replica_groups={{{}}}", fmt::join(groups, ",")));
  if (instruction.dimensions_size() > 0) {
    texts.push_back(braces("dimensions", instruction.dimensions()));
  }
  if (instruction.use_global_device_ids()) texts.emplace_back("use_global_device_ids=true");
}

void append_compare(const Instruction& instruction, Texts& texts) {
  texts.push_back("direction=" + instruction.comparison_direction());
  if (!instruction.comparison_type().empty()) {
    texts.push_back("type=" + instruction.comparison_type());
  }
}

void append_custom_call(const Instruction& instruction, Texts& texts) {
  texts.push_back("custom_call_target=" + quoted(instruction.custom_call_target()));
  if (instruction.custom_call_has_side_effect()) {
    texts.emplace_back("custom_call_has_side_effect=true");
  }
  const std::string& name =
      ix::hlo::CustomCallApiVersion_Name(instruction.custom_call_api_version());
  if (instruction.custom_call_api_version() > ix::hlo::API_VERSION_ORIGINAL) {
    texts.push_back("api_version=" + name);
  }
}

void append_own(const Instruction& instruction, Texts& texts) {
  const std::string& opcode = instruction.opcode();
  if (opcode == "iota") {
    texts.push_back(fmt::format("iota_dimension={}", fmt::join(instruction.dimensions(), ",")));
  } else if (opcode == "slice") {
    append_slice(instruction, texts);
  } else if (opcode == "pad") {
    append_padding(instruction, texts);
  } else if (opcode == "dot") {
    append_dot(instruction, texts);
  } else if (opcode == "gather") {
    append_gather(instruction, texts);
  } else if (opcode == "scatter") {
    append_scatter(instruction, texts);
  } else if (opcode == "compare") {
    append_compare(instruction, texts);
  } else if (opcode == "custom-call") {
    append_custom_call(instruction, texts);
  } else if (opcode == "get-tuple-element") {
    texts.push_back(fmt::format("index={}", instruction.tuple_index()));
  } else if (opcode == "dynamic-slice") {
    texts.push_back(braces("dynamic_slice_sizes", instruction.dynamic_slice_sizes()));
  } else if (opcode == "topk") {
    texts.push_back(fmt::format("k={}", instruction.k()));
    texts.push_back(fmt::format("largest={}", instruction.largest()));
  } else if (opcode.starts_with("all-") || opcode == "reduce-scatter") {
    append_collective(instruction, texts);
  } else if (opcode == "broadcast" || instruction.dimensions_size() > 0) {
    texts.push_back(braces("dimensions", instruction.dimensions()));
  }
}

void append_calls(const Instruction& instruction,
                  const std::function<std::string(int64_t)>& computation_name, Texts& texts) {
  Texts names;
  for (const int64_t id : instruction.called_computation_ids()) {
    names.push_back(computation_name(id));
  }
  if (names.empty()) return;
  if (instruction.opcode() == "while" && names.size() == 2) {
    texts.push_back("condition=" + names[1]);
    texts.push_back("body=" + names[0]);
  } else if (names.size() == 1) {
    texts.push_back((instruction.opcode() == "fusion" ? "calls=" : "to_apply=") + names[0]);
  } else {
    texts.push_back(fmt::format(
        "{}={{{}}}",
        instruction.opcode() == "conditional" ? "branch_computations" : "called_computations",
        fmt::join(names, ", ")));
  }
}

void append_metadata(const ix::hlo::OpMetadata& metadata, Texts& texts) {
  Texts parts;
  if (!metadata.op_type().empty()) parts.push_back("op_type=" + quoted(metadata.op_type()));
  if (!metadata.op_name().empty()) parts.push_back("op_name=" + quoted(metadata.op_name()));
  if (!metadata.source_file().empty()) {
    parts.push_back("source_file=" + quoted(metadata.source_file()));
  }
  if (metadata.source_line() != 0) {
    parts.push_back(fmt::format("source_line={}", metadata.source_line()));
  }
  if (!parts.empty()) texts.push_back(fmt::format("metadata={{{}}}", fmt::join(parts, " ")));
}

}  // namespace

std::string to_text(const ix::hlo::FrontendAttributes& attributes) {
  const std::map<std::string, std::string> sorted(attributes.map().begin(), attributes.map().end());
  Texts parts;
  for (const auto& [key, value] : sorted) parts.push_back(key + "=" + quoted(value));
  return fmt::format("{{{}}}", fmt::join(parts, ","));
}

Texts attribute_texts(const Instruction& instruction,
                      const std::function<std::string(int64_t)>& computation_name) {
  Texts texts;
  append_own(instruction, texts);
  if (instruction.is_stable()) texts.emplace_back("is_stable=true");
  if (instruction.indices_are_sorted()) texts.emplace_back("indices_are_sorted=true");
  if (instruction.unique_indices()) texts.emplace_back("unique_indices=true");
  const auto& precisions = instruction.precision_config().operand_precision();
  if (std::ranges::any_of(precisions, [](int precision) { return precision != 0; })) {
    Texts names;
    for (const int precision : precisions) {
      std::string name = ix::hlo::PrecisionConfig::Precision_Name(precision);
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
      names.push_back(std::move(name));
    }
    texts.push_back(fmt::format("operand_precision={{{}}}", fmt::join(names, ",")));
  }
  append_calls(instruction, computation_name, texts);
  if (!instruction.frontend_attributes().map().empty()) {
    texts.push_back("frontend_attributes=" + to_text(instruction.frontend_attributes()));
  }
  append_metadata(instruction.metadata(), texts);
  if (!instruction.backend_config().empty()) {
    texts.push_back("backend_config=" + quoted(instruction.backend_config()));
  }
  return texts;
}

}  // namespace ix::backend::xla::hlo
