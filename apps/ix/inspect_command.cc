#include "inspect_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gguf/gguf_file.h"
#include "gguf/quoted.h"
#include "graph/decoder.h"
#include "model/model.h"
#include "terminal.h"

namespace ix::cli {
namespace {

using Json = nlohmann::ordered_json;

// Longer arrays are shown by their length and first items.
constexpr size_t kWholeArray = 32;
constexpr size_t kFirstItems = 8;

struct InspectOptions {
  std::string file;
  bool json = false;
  bool graph = false;
  bool tensors = false;
};

struct TypeTotal {
  int64_t tensors = 0;
  int64_t weights = 0;
  int64_t bytes = 0;
};

std::map<std::string, TypeTotal> totals_by_type(const gguf::GgufFile& file) {
  std::map<std::string, TypeTotal> out;
  for (const quant::TensorView& tensor : file.tensors()) {
    TypeTotal& total = out[quant::type_name(tensor.type)];
    ++total.tensors;
    total.weights += tensor.elements();
    total.bytes += static_cast<int64_t>(tensor.bytes.size());
  }
  return out;
}

std::vector<int64_t> shape_of(const quant::TensorView& tensor) {
  size_t used = tensor.dims.size();
  while (used > 1 && tensor.dims[used - 1] == 1) --used;
  return {tensor.dims.begin(), tensor.dims.begin() + static_cast<ptrdiff_t>(used)};
}

template <typename Array>
Json array_to_json(const Array& array) {
  Json items = Json::array();
  const size_t shown = array.items.size() <= kWholeArray ? array.items.size() : kFirstItems;
  for (size_t i = 0; i < shown; ++i) items.push_back(array.items[i]);
  if (shown == array.items.size()) return items;
  return {{"count", array.items.size()}, {"first", std::move(items)}};
}

Json value_to_json(const gguf::Value& value) {
  return std::visit(
      [](const auto& v) -> Json {
        if constexpr (requires { v.items; }) {
          return array_to_json(v);
        } else {
          return v;
        }
      },
      value);
}

std::string item_to_text(std::string_view item) { return gguf::quoted(item); }
std::string item_to_text(int64_t item) { return fmt::format("{}", item); }
std::string item_to_text(uint64_t item) { return fmt::format("{}", item); }
std::string item_to_text(double item) { return fmt::format("{}", item); }
std::string item_to_text(bool item) { return item ? "true" : "false"; }

std::string value_to_text(const gguf::Value& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        if constexpr (requires { v.items; }) {
          std::string out = fmt::format("{} items: ", v.items.size());
          for (size_t i = 0; i < v.items.size() && i < kFirstItems; ++i) {
            out += (i > 0 ? ", " : "") + item_to_text(v.items[i]);
          }
          return v.items.size() > kFirstItems ? out + ", ..." : out;
        } else {
          return item_to_text(v);
        }
      },
      value);
}

std::string architecture_of(const gguf::GgufFile& file) {
  const auto name = file.metadata().get_string("general.architecture");
  return name.ok() ? std::string(*name) : std::string();
}

Json to_json(const gguf::GgufFile& file, const std::vector<std::string>& problems,
             const std::optional<std::string>& graph) {
  Json metadata = Json::object();
  for (const auto& entry : file.metadata().entries()) {
    metadata[std::string(entry.key)] = value_to_json(entry.value);
  }
  Json types = Json::object();
  int64_t weights = 0;
  for (const auto& [name, total] : totals_by_type(file)) {
    types[name] = {{"tensors", total.tensors}, {"weights", total.weights}, {"bytes", total.bytes}};
    weights += total.weights;
  }
  Json tensors = Json::array();
  for (const quant::TensorView& tensor : file.tensors()) {
    tensors.push_back({{"name", tensor.name},
                       {"type", quant::type_name(tensor.type)},
                       {"shape", shape_of(tensor)},
                       {"bytes", tensor.bytes.size()}});
  }
  Json out = {{"files", Json(std::vector<std::string>(file.paths().begin(), file.paths().end()))},
              {"gguf_version", file.version()},
              {"size_bytes", file.size_bytes()},
              {"architecture", architecture_of(file)},
              {"parameters", weights},
              {"runs", problems.empty()},
              {"problems", problems},
              {"types", std::move(types)},
              {"metadata", std::move(metadata)},
              {"tensors", std::move(tensors)}};
  if (graph) out["graph"] = *graph;
  return out;
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(out), "{:<14} {}\n", name, value);
}

std::string to_text(const gguf::GgufFile& file, const std::vector<std::string>& problems,
                    bool tensors) {
  std::string out;
  int64_t weights = 0;
  const auto totals = totals_by_type(file);
  for (const auto& [name, total] : totals) weights += total.weights;
  append_line(out, "file", fmt::format("{}", fmt::join(file.paths(), ", ")));
  append_line(out, "format", fmt::format("GGUF version {}", file.version()));
  append_line(out, "size", fmt::format("{:.1f} MB", static_cast<double>(file.size_bytes()) / 1e6));
  append_line(out, "architecture", gguf::quoted(architecture_of(file)));
  append_line(out, "parameters", fmt::format("{:.1f} million", static_cast<double>(weights) / 1e6));
  append_line(out, "runs", problems.empty() ? "yes" : "no");
  for (const std::string& problem : problems) append_line(out, "", problem);
  out += "\nmetadata\n";
  for (const auto& entry : file.metadata().entries()) {
    fmt::format_to(std::back_inserter(out), "  {} = {}\n", entry.key, value_to_text(entry.value));
  }
  out += "\ntensors by type\n";
  for (const auto& [name, total] : totals) {
    fmt::format_to(std::back_inserter(out), "  {:<8} {:>5} tensors {:>10.1f} MB\n", name,
                   total.tensors, static_cast<double>(total.bytes) / 1e6);
  }
  if (!tensors) return out;
  out += "\ntensors\n";
  for (const quant::TensorView& tensor : file.tensors()) {
    fmt::format_to(std::back_inserter(out), "  {:<40} {:<8} [{}] {} bytes\n", tensor.name,
                   quant::type_name(tensor.type), fmt::join(shape_of(tensor), ", "),
                   tensor.bytes.size());
  }
  return out;
}

int inspect(const InspectOptions& options) {
  if (options.file.empty()) {
    return report_error(invalid_argument("give a file: ix inspect FILE.gguf"), kExitUsage);
  }
  const auto file = gguf::GgufFile::open(options.file);
  if (!file.ok()) return report_failure(file.status());
  std::optional<std::string> graph;
  if (options.graph) {
    const auto decoder = model::build_decoder(**file, {});
    if (!decoder.ok()) return report_error(decoder.status().with_context(options.file));
    graph = graph::to_text(*decoder);
  }
  const std::vector<std::string> problems = model::what_would_not_run(**file);
  if (options.json) {
    const Json out = to_json(**file, problems, graph);
    print_text(out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    print_text(graph ? *graph : to_text(**file, problems, options.tensors));
  }
  return kExitOk;
}

}  // namespace

void add_inspect_command(const Command& app) {
  auto options = std::make_shared<InspectOptions>();
  const Command command = app.add_command("inspect", "Show what is in a file and if it would run");
  command.option("file", options->file, "GGUF file, or the first part of a split one");
  command.flag("--json", options->json, "Print one JSON object, with all tensors");
  command.flag("--tensors", options->tensors, "List every tensor");
  command.flag("--graph", options->graph, "Print the graph that would run instead");
  command.footer(
      "Examples:\n"
      "  ix inspect model.gguf\n"
      "  ix inspect model.gguf --tensors\n"
      "  ix inspect model.gguf --graph\n"
      "  ix inspect model.gguf --json | jq .problems");
  command.action([options] { return inspect(*options); });
}

}  // namespace ix::cli
