#include "backend/xla/weights/weight_list.h"

#include "backend/xla/weights/op_recipes.h"
#include "backend/xla/weights/source_matrix.h"

namespace ix::backend::xla {
namespace {

using hlo::ElementType;

// The element type of a table of embeddings: bf16 but where everything is kept in float32.
ElementType table_type(const WeightOptions& options) {
  return options.form == WeightForm::f32 ? ElementType::f32 : ElementType::bf16;
}

class Lister {
 public:
  Lister(const graph::Decoder& decoder, const ShardPlan& plan, const quant::WeightSource& source,
         const WeightOptions& options)
      : decoder_(decoder), plan_(plan), source_(source) {
    list_.options = options;
  }

  Result<WeightList> run() {
    list_.forms.assign(decoder_.ops.size(), list_.options.form);
    for (op_ = 0; op_ < decoder_.ops.size(); ++op_) {
      list_.first.push_back(static_cast<int32_t>(list_.tensors.size()));
      IX_RETURN_IF_ERROR(
          std::visit([this](const auto& op) { return add_op(op); }, decoder_.ops[op_]));
    }
    list_.first.push_back(static_cast<int32_t>(list_.tensors.size()));
    return std::move(list_);
  }

 private:
  template <typename Op>
  Status add_op(const Op& /*without weights*/) {
    return ok_status();
  }

  Status add_op(const graph::Embedding& op) {
    const TableRecipe recipe = table_recipe(decoder_, op, table_type(list_.options));
    IX_RETURN_IF_ERROR(
        SourceMatrix::open(source_, recipe.tensor, recipe.rows, recipe.cols).status());
    if (!list_.options.embed_on_host) {
      add(WeightPart::table, op.weight, {recipe.type, {recipe.rows, recipe.cols}});
    }
    return ok_status();
  }

  Status add_op(const graph::RmsNorm& op) {
    IX_RETURN_IF_ERROR(SourceMatrix::open(source_, op.weight, 1, op.group).status());
    add(WeightPart::norm, op.weight, {ElementType::f32, {op.group}});
    return ok_status();
  }

  Status add_op(const graph::Linear& op) {
    const MatrixRecipe recipe = matrix_recipe(plan_, op, 0, list_.options.form);
    IX_RETURN_IF_ERROR(
        SourceMatrix::open(source_, recipe.tensor, recipe.rows, recipe.cols).status());
    WeightForm& form = list_.forms[op_];
    if (form == WeightForm::q4) {
      IX_ASSIGN_OR_RETURN(const bool fits, fits_q4_everywhere(op));
      if (!fits) form = WeightForm::bf16;
    }
    const auto in = static_cast<int64_t>(recipe.in.size());
    const auto out = static_cast<int64_t>(recipe.out.size());
    for (const WeightPiece& piece : weight_pieces(form, in, out)) {
      WeightPart part = WeightPart::values;
      if (piece.suffix == ".scales") part = WeightPart::scales;
      if (piece.suffix == ".minimums") part = WeightPart::minimums;
      add(part, op.weight + std::string(piece.suffix), piece.shape);
    }
    if (!op.bias.empty()) {
      IX_RETURN_IF_ERROR(SourceMatrix::open(source_, op.bias, 1, recipe.rows).status());
      add(WeightPart::bias, op.bias, {ElementType::f32, {out}});
    }
    return ok_status();
  }

  Result<bool> fits_q4_everywhere(const graph::Linear& op) const {
    for (int rank = 0; rank < plan_.ranks; ++rank) {
      IX_ASSIGN_OR_RETURN(const bool fits,
                          fits_q4(matrix_recipe(plan_, op, rank, WeightForm::q4), source_));
      if (!fits) return false;
    }
    return true;
  }

  void add(WeightPart part, std::string name, hlo::Shape shape) {
    list_.tensors.push_back({static_cast<int32_t>(op_), part, std::move(name), std::move(shape)});
  }

  const graph::Decoder& decoder_;
  const ShardPlan& plan_;
  const quant::WeightSource& source_;
  WeightList list_;
  size_t op_ = 0;
};

}  // namespace

int32_t WeightList::find(size_t op, WeightPart part) const {
  for (int32_t i = first[op]; i < first[op + 1]; ++i) {
    if (tensors[static_cast<size_t>(i)].part == part) return i;
  }
  return -1;
}

int64_t WeightList::bytes() const {
  int64_t total = 0;
  for (const WeightTensor& tensor : tensors) total += hlo::byte_size(tensor.shape);
  return total;
}

Result<WeightList> list_weights(const graph::Decoder& decoder, const ShardPlan& plan,
                                const quant::WeightSource& source, const WeightOptions& options) {
  return Lister(decoder, plan, source, options).run();
}

Status stream_op(const WeightList& list, const graph::Decoder& decoder, const ShardPlan& plan,
                 int rank, size_t op, const quant::WeightSource& source,
                 std::span<Upload* const> uploads) {
  const graph::Op& any = decoder.ops[op];
  if (const auto* norm = std::get_if<graph::RmsNorm>(&any)) {
    return stream_vector(norm_recipe(plan, *norm), source, *uploads[0]);
  }
  if (const auto* embedding = std::get_if<graph::Embedding>(&any)) {
    if (uploads.empty()) return ok_status();
    return stream_table(table_recipe(decoder, *embedding, table_type(list.options)), source,
                        *uploads[0]);
  }
  if (const auto* linear = std::get_if<graph::Linear>(&any)) {
    const size_t pieces = uploads.size() - (linear->bias.empty() ? 0 : 1);
    IX_RETURN_IF_ERROR(stream_matrix(matrix_recipe(plan, *linear, rank, list.forms[op]), source,
                                     uploads.first(pieces)));
    if (linear->bias.empty()) return ok_status();
    return stream_vector(bias_recipe(plan, *linear, rank), source, *uploads.back());
  }
  return ok_status();
}

}  // namespace ix::backend::xla
