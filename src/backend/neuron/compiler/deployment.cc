#include "backend/neuron/compiler/deployment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "backend/neuron/compiler/cache_files.h"
#include "backend/neuron/compiler/json_fields.h"

namespace ix::backend::neuron {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const std::string& root) { return fs::path(root) / kDeployments; }

Json choices_of(const Deployment& deployment) {
  Json json;
  json["graph"] = deployment.graph;
  json["ranks"] = deployment.ranks;
  json["slots"] = deployment.slots;
  json["context"] = deployment.context;
  json["weights"] = deployment.weights;
  json["embed_on_host"] = deployment.embed_on_host;
  json["chunk"] = deployment.chunk;
  json["head_rows"] = deployment.head_rows;
  json["layers_per_program"] = deployment.layers_per_program;
  json["draft_rows"] = deployment.draft_rows;
  json["least_bucket"] = deployment.least_bucket;
  return json;
}

bool read_choices(const Json& json, Deployment& out) {
  return read_text_field(json, "graph", out.graph) && read_count(json, "ranks", 1, out.ranks) &&
         read_count(json, "slots", 1, out.slots) && read_count(json, "context", 1, out.context) &&
         read_text_field(json, "weights", out.weights) &&
         read_field(json, "embed_on_host", &Json::is_boolean, out.embed_on_host) &&
         read_count(json, "chunk", 1, out.chunk) &&
         read_count(json, "head_rows", 0, out.head_rows) &&
         read_count(json, "layers_per_program", 0, out.layers_per_program) &&
         read_count(json, "draft_rows", 0, out.draft_rows) &&
         read_count(json, "least_bucket", 1, out.least_bucket);
}

}  // namespace

std::string Deployment::name() const { return hash_text(choices_of(*this).dump()); }

std::string to_json(const Deployment& deployment) {
  Json json;
  json["model"] = deployment.model;
  json["instance"] = deployment.instance;
  json["compiler"] = deployment.compiler;
  json["created"] = deployment.created;
  json.update(choices_of(deployment));
  json["programs"] = deployment.programs;
  return written(json);
}

Result<Deployment> deployment_from_json(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  Deployment out;
  const bool complete = json.is_object() && read_text_field(json, "model", out.model) &&
                        read_text_field(json, "instance", out.instance) &&
                        read_text_field(json, "compiler", out.compiler) &&
                        read_field(json, "created", &Json::is_number_integer, out.created) &&
                        read_choices(json, out) && read_texts(json, "programs", out.programs);
  if (!complete) return corrupt("this is no deployment");
  return out;
}

Status store_deployment(const NeffCache& cache, const Deployment& deployment) {
  const fs::path folder = folder_of(cache.root());
  IX_RETURN_IF_ERROR(make_directory(folder));
  const fs::path file = folder / (deployment.name() + ".json");
  const fs::path made = fmt::format("{}.{}", file.string(), getpid());
  IX_RETURN_IF_ERROR(write_text(made, to_json(deployment)));
  std::error_code error;
  fs::rename(made, file, error);
  return error ? system_error(file, "rename", error.value()) : ok_status();
}

std::vector<Deployment> list_deployments(const std::string& root) {
  std::vector<Deployment> found;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder_of(root), error)) {
    if (file.path().extension() != ".json") continue;
    const Result<std::string> text = read_text(file.path());
    if (!text.ok()) continue;
    Result<Deployment> deployment = deployment_from_json(*text);
    if (deployment.ok() && deployment->name() == file.path().stem()) {
      found.push_back(*std::move(deployment));
    }
  }
  std::ranges::sort(found, [](const Deployment& a, const Deployment& b) {
    return a.created != b.created ? a.created > b.created : a.name() < b.name();
  });
  return found;
}

}  // namespace ix::backend::neuron
