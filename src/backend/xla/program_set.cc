#include "backend/xla/program_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/checked_math.h"

namespace ix::backend::xla {
namespace {

// A quarter of the context is rounded up to this.
constexpr int64_t kBucketUnit = 16;

std::vector<ProgramShape> over_layers(const ProgramSet& set, ProgramShape shape, bool with_head) {
  std::vector<ProgramShape> shapes;
  for (int32_t first = 0; first < set.layers; first += set.layers_per_program) {
    shape.first_layer = first;
    shape.end_layer = std::min(first + set.layers_per_program, set.layers);
    shape.with_head = with_head && shape.end_layer == set.layers;
    shapes.push_back(shape);
  }
  return shapes;
}

class Lowering {
 public:
  Lowering(const LoweringModel& model, std::vector<CompilableProgram>& programs)
      : model_(model), programs_(programs) {}

  Status add(const std::vector<ProgramShape>& shapes) {
    for (const ProgramShape& shape : shapes) {
      IX_RETURN_IF_ERROR(add(lower(model_, shape), shape.kind));
    }
    return ok_status();
  }

  Status add(Result<LoweredProgram> lowered, ProgramKind kind) {
    if (!lowered.ok()) return lowered.status();
    if (seen_.insert(lowered->module.bytes).second) {
      programs_.push_back({*std::move(lowered), kind});
    }
    return ok_status();
  }

 private:
  const LoweringModel& model_;
  std::vector<CompilableProgram>& programs_;
  std::set<std::string> seen_;
};

}  // namespace

std::vector<ProgramShape> ProgramSet::prefill(int64_t bucket) const {
  return over_layers(*this,
                     {.kind = ProgramKind::prefill,
                      .rows = chunk,
                      .positions = bucket,
                      .first_layer = 0,
                      .end_layer = 0,
                      .with_head = false},
                     false);
}

ProgramShape ProgramSet::prefill_head() const {
  return {.kind = ProgramKind::prefill,
          .rows = chunk,
          .positions = cache.positions,
          .first_layer = layers,
          .end_layer = layers,
          .with_head = true,
          .picked_rows = head_rows};
}

std::vector<ProgramShape> ProgramSet::decode(int64_t bucket, int32_t rows) const {
  return over_layers(*this,
                     {.kind = ProgramKind::decode,
                      .rows = rows,
                      .positions = bucket,
                      .first_layer = 0,
                      .end_layer = 0,
                      .with_head = false},
                     true);
}

int64_t ProgramSet::bucket_for(int64_t end) const {
  const auto found = std::ranges::lower_bound(buckets, end);
  return found == buckets.end() ? buckets.back() : *found;
}

Result<ProgramSet> plan_programs(const graph::Decoder& decoder, int64_t slots, int64_t context,
                                 const ProgramSetOptions& options) {
  if (slots < 1 || context < 1 || options.chunk < 1 || options.head_rows < 0 ||
      options.layers_per_program < 0 || options.draft_rows < 0 || options.least_bucket < 1) {
    return invalid_argument(fmt::format(
        "programs for {} slots of {} tokens, chunks of {}, head rows {}, layers {}, draft rows {}, "
        "smallest bucket {}: sizes are 1 or more, what may be left to choice 0 or more",
        slots, context, options.chunk, options.head_rows, options.layers_per_program,
        options.draft_rows, options.least_bucket));
  }
  const auto layers = static_cast<int32_t>(decoder.layers.size());
  const auto chunk = static_cast<int32_t>(std::min<int64_t>(options.chunk, context));
  const int32_t draft = std::min(options.draft_rows, chunk);
  ProgramSet set{
      // A chunk that begins at the last position of the context still lies within its slot, and so
      // do the rows of a decode.
      .cache = {.slots = slots, .positions = context + chunk, .type = options.kv_type},
      .chunk = chunk,
      .head_rows = static_cast<int32_t>(
          std::min<int64_t>(options.head_rows > 0 ? options.head_rows : slots, chunk)),
      .layers = layers,
      .layers_per_program =
          options.layers_per_program == 0 ? layers : std::min(options.layers_per_program, layers),
      .draft_rows = draft,
      .buckets = {}};
  const int64_t quarter = ceil_div(ceil_div(context, int64_t{4}), kBucketUnit) * kBucketUnit;
  if (context / 4 >= options.least_bucket && quarter >= chunk && quarter < context) {
    set.buckets.push_back(quarter);
  }
  set.buckets.push_back(set.cache.positions);
  return set;
}

Result<std::vector<CompilableProgram>> lower_programs(const LoweringModel& model,
                                                      const ProgramSet& set, bool optional) {
  std::vector<CompilableProgram> programs;
  Lowering lowering(model, programs);
  for (const int64_t bucket : set.buckets) {
    IX_RETURN_IF_ERROR(lowering.add(set.prefill(bucket)));
    IX_RETURN_IF_ERROR(lowering.add(set.decode(bucket, 1)));
    if (set.draft_rows > 0) {
      IX_RETURN_IF_ERROR(lowering.add(set.decode(bucket, 1 + set.draft_rows)));
    }
  }
  IX_RETURN_IF_ERROR(lowering.add({set.prefill_head()}));
  std::vector<int64_t> top_rows = {set.head_rows, set.cache.slots};
  if (set.draft_rows > 0) top_rows.push_back(set.cache.slots * (1 + set.draft_rows));
  for (const int64_t rows : top_rows) {
    IX_RETURN_IF_ERROR(lowering.add(lower_top_k(model, rows), ProgramKind::decode));
  }
  if (!optional) return programs;
  for (int32_t group = 0; group < static_cast<int32_t>(model.decoder->kv_groups.size()); ++group) {
    IX_RETURN_IF_ERROR(lowering.add(lower_copy(model, group), ProgramKind::decode));
  }
  return programs;
}

}  // namespace ix::backend::xla
