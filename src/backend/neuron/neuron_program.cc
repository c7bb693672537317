#include "backend/neuron/neuron_program.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "backend/neuron/rank_statuses.h"

namespace ix::backend::neuron {
namespace {

// vnc_count: the header says -1 and deprecated; what runs everywhere passes 1.
constexpr int32_t kCoresOfAModel = 1;
// How long other cores may take to end after one has failed.
constexpr auto kGrace = std::chrono::seconds(1);
constexpr auto kUnloadLimit = std::chrono::seconds(10);

// Shared with threads that may still be loading when nobody waits for them any more.
struct Loading {
  std::vector<std::byte> neff;
  std::vector<nrt::Model*> models;
};

Status load_on(Session& session, Loading& loading, const std::string& name, int rank) {
  IX_RETURN_IF_ERROR(session.alive());
  const auto ranks = static_cast<uint32_t>(loading.models.size());
  const nrt::Functions& nrt = session.nrt();
  const void* neff = loading.neff.data();
  const size_t size = loading.neff.size();
  nrt::Model** model = &loading.models[rank];
  if (ranks == 1) {
    return session.call(fmt::format("nrt_load of {}", name),
                        [&] { return nrt.load(neff, size, rank, kCoresOfAModel, model); });
  }
  return session.call(fmt::format("nrt_load_collectives of {} on core {}", name, rank), [&] {
    return nrt.load_collectives(neff, size, rank, kCoresOfAModel, static_cast<uint32_t>(rank),
                                ranks, model);
  });
}

// Unloads what is not null, on all cores at once. A core of a dead session may be waiting in an
// execution for a lost one.
Status unload_all(const std::shared_ptr<Session>& session, Cores& cores,
                  const std::vector<nrt::Model*>& models, const std::string& name) {
  const auto limit = session->alive().ok() ? kUnloadLimit : kGrace;
  const RankStatuses statuses = cores.run_all(
      [session, models, name](int rank) {
        if (models[rank] == nullptr) return ok_status();
        return session->call(fmt::format("nrt_unload of {} on core {}", name, rank),
                             [&] { return session->nrt().unload(models[rank]); });
      },
      limit, kGrace);
  return settle(*session, statuses, fmt::format("nrt_unload of {}", name));
}

using Sizes = std::map<std::string, size_t>;

std::optional<std::string> find_name(const Sizes& sizes, const xla::hlo::NamedShape& wanted,
                                     std::initializer_list<std::string> candidates) {
  for (const std::string& candidate : candidates) {
    const auto found = sizes.find(candidate);
    if (found != sizes.end() &&
        found->second == static_cast<size_t>(xla::hlo::byte_size(wanted.shape))) {
      return candidate;
    }
  }
  return std::nullopt;
}

// Names of NKI's making carry a suffix where an output takes the input's storage; other tools call
// tensors by their position. `sizes` are the NEFF's inputs, or its outputs.
Result<std::vector<std::string>> match(const Sizes& sizes,
                                       const std::vector<xla::hlo::NamedShape>& wanted,
                                       const char* positional) {
  std::vector<std::string> by_name;
  std::vector<std::string> by_position;
  std::string missing;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto name =
        find_name(sizes, wanted[i], {wanted[i].name, wanted[i].name + ".must_alias_input"});
    const auto position = find_name(sizes, wanted[i], {fmt::format("{}{}", positional, i)});
    if (name.has_value()) by_name.push_back(*name);
    if (position.has_value()) by_position.push_back(*position);
    if (!name.has_value() && !position.has_value()) {
      missing += fmt::format(" {} ({})", wanted[i].name, to_text(wanted[i].shape));
    }
  }
  if (by_name.size() == wanted.size()) return by_name;
  if (by_position.size() == wanted.size()) return by_position;
  return corrupt(
      fmt::format("the compiled program does not have the {}s of the one that was compiled:{}",
                  positional, missing.empty() ? " names are mixed up" : missing));
}

}  // namespace

Result<std::unique_ptr<NeuronProgram>> NeuronProgram::load(
    std::shared_ptr<Session> session, std::shared_ptr<TensorSets> sets, Cores& cores,
    const xla::hlo::Module& module, std::vector<std::byte> neff, std::chrono::seconds limit) {
  const auto loading = std::make_shared<Loading>();
  loading->neff = std::move(neff);
  loading->models.resize(cores.ranks());
  const std::string& name = module.name;
  const RankStatuses statuses = cores.run_all(
      [session, loading, name](int rank) { return load_on(*session, *loading, name, rank); }, limit,
      kGrace);
  const Status loaded = settle(*session, statuses, fmt::format("loading {}", name));
  if (!loaded.ok()) {
    if (!session->left_behind()) {
      // The failure to load is the one to tell; another ends the session by itself.
      const Status unloaded = unload_all(session, cores, loading->models, name);
      if (!unloaded.ok()) session->die(unloaded);
    }
    return loaded;
  }
  std::unique_ptr<NeuronProgram> program(new NeuronProgram(
      std::move(session), std::move(sets), cores, module, std::move(loading->models)));
  IX_RETURN_IF_ERROR(program->read_names().with_context(name));
  return program;
}

NeuronProgram::~NeuronProgram() {
  if (session_->left_behind()) return;
  for (const nrt::Model* model : models_) sets_->forget(model);
  const Status unloaded = unload_all(session_, cores_, models_, module_.name);
  if (!unloaded.ok()) session_->die(unloaded);
}

Status NeuronProgram::read_names() {
  const nrt::Functions& nrt = session_->nrt();
  nrt::TensorInfoArray* infos = nullptr;
  IX_RETURN_IF_ERROR(session_->call("nrt_get_model_tensor_info", [&] {
    return nrt.get_model_tensor_info(models_.front(), &infos);
  }));
  Sizes inputs;
  Sizes outputs;
  for (uint64_t i = 0; i < infos->tensor_count; ++i) {
    const nrt::TensorInfo& info = infos->tensors()[i];
    const std::string name(info.name, ::strnlen(info.name, sizeof(info.name)));
    (info.usage == nrt::Usage::input ? inputs : outputs)[name] = info.size;
  }
  IX_RETURN_IF_ERROR(session_->call("nrt_free_model_tensor_info",
                                    [&] { return nrt.free_model_tensor_info(infos); }));
  IX_ASSIGN_OR_RETURN(names_.inputs, match(inputs, module_.parameters, "input"));
  IX_ASSIGN_OR_RETURN(names_.outputs, match(outputs, module_.outputs, "output"));
  return ok_status();
}

}  // namespace ix::backend::neuron
