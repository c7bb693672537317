// The q4 form: nibbles as the file has them, in another order, with scales and minimums in float32.
#pragma once

#include <span>

#include "backend/xla/weights/matrix_recipe.h"
#include "backend/xla/weights/source_matrix.h"

namespace ix::backend::xla {

// For a recipe that fits_q4().
Status stream_q4(const MatrixRecipe& recipe, const SourceMatrix& matrix,
                 std::span<Upload* const> pieces);

}  // namespace ix::backend::xla
