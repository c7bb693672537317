#include "backend/naive_decoder.h"

#include <cmath>
#include <numbers>

#include "graph/rope.h"
#include "quant/dequantize.h"

namespace ix::testing {
namespace {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

class NaiveDecoder {
 public:
  NaiveDecoder(const graph::Decoder& decoder, const quant::WeightSource& weights,
               std::span<const TokenId> tokens)
      : decoder_(decoder), weights_(weights), tokens_(tokens), values_(decoder.values.size()) {}

  Rows run() {
    for (const graph::Op& op : decoder_.ops) {
      std::visit([this](const auto& typed) { apply(typed); }, op);
    }
    return value(decoder_.logits);
  }

 private:
  Rows& value(graph::ValueId id) { return values_[static_cast<size_t>(id)]; }

  Rows matrix(const std::string& name) {
    const auto view = weights_.find(name);
    IX_CHECK(view.ok());
    std::vector<float> flat(static_cast<size_t>(view->elements()));
    IX_CHECK(quant::dequantize_row(view->type, view->bytes, flat).ok());
    Rows rows;
    for (size_t begin = 0; begin < flat.size(); begin += static_cast<size_t>(view->cols())) {
      const auto first = flat.begin() + static_cast<ptrdiff_t>(begin);
      rows.emplace_back(first, first + view->cols());
    }
    return rows;
  }

  template <typename F>
  void map(const Rows& in, graph::ValueId out, F f) {
    value(out).clear();
    for (const Row& row : in) {
      Row& result = value(out).emplace_back();
      for (const double x : row) result.push_back(f(x));
    }
  }

  void apply(const graph::Embedding& op) {
    const Rows table = matrix(op.weight);
    for (const TokenId token : tokens_) value(op.out).push_back(table[static_cast<size_t>(token)]);
  }

  void apply(const graph::RmsNorm& op) {
    const Row weight = matrix(op.weight)[0];
    Rows out = value(op.in);
    for (Row& row : out) {
      for (size_t begin = 0; begin < row.size(); begin += weight.size()) {
        double squares = 0;
        for (size_t i = 0; i < weight.size(); ++i) squares += row[begin + i] * row[begin + i];
        const double root = std::sqrt(squares / static_cast<double>(weight.size()) + op.eps);
        for (size_t i = 0; i < weight.size(); ++i) row[begin + i] *= weight[i] / root;
      }
    }
    value(op.out) = out;
  }

  void apply(const graph::Linear& op) {
    const Rows weight = matrix(op.weight);
    const Row bias = op.bias.empty() ? Row(weight.size(), 0.0) : matrix(op.bias)[0];
    for (const Row& x : value(op.in)) {
      size_t column = 0;
      for (const graph::LinearPart& part : op.parts) {
        Row& y = value(part.out).emplace_back();
        for (int64_t i = 0; i < part.width; ++i, ++column) {
          double sum = bias[column];
          for (size_t j = 0; j < x.size(); ++j) sum += weight[column][j] * x[j];
          y.push_back(sum);
        }
      }
    }
  }

  void apply(const graph::Rope& op) {
    std::vector<float> factors;
    if (!op.factors.empty()) {
      const Row row = matrix(op.factors)[0];
      factors.assign(row.begin(), row.end());
    }
    const graph::RopeTable table = graph::rope_table(op, factors);
    Rows out = value(op.in);
    for (size_t position = 0; position < out.size(); ++position) {
      Row& row = out[position];
      for (size_t head = 0; head < row.size(); head += static_cast<size_t>(op.head_dim)) {
        for (size_t i = 0; i < table.frequencies.size(); ++i) {
          const bool halves = op.pairs == graph::RopePairs::halves;
          double& x = row[head + (halves ? i : 2 * i)];
          double& y = row[head + (halves ? i + table.frequencies.size() : 2 * i + 1)];
          const double angle = static_cast<double>(position) * table.frequencies[i];
          const double c = std::cos(angle) * table.magnitude;
          const double s = std::sin(angle) * table.magnitude;
          const double turned = x * c - y * s;
          y = x * s + y * c;
          x = turned;
        }
      }
    }
    value(op.out) = out;
  }

  void apply(const graph::Attention& op) {
    const auto dim = static_cast<size_t>(op.head_dim);
    const auto value_dim = static_cast<size_t>(op.value_head_dim);
    for (size_t position = 0; position < tokens_.size(); ++position) {
      Row& out = value(op.out).emplace_back();
      for (size_t head = 0; head < static_cast<size_t>(op.heads); ++head) {
        const size_t kv_head =
            head * static_cast<size_t>(op.kv_heads) / static_cast<size_t>(op.heads);
        Row sum(value_dim, 0.0);
        double total = 0;
        for (size_t j = 0; j <= position; ++j) {
          if (op.window > 0 && position - j >= static_cast<size_t>(op.window)) continue;
          double score = 0;
          for (size_t d = 0; d < dim; ++d) {
            score += value(op.q)[position][head * dim + d] * value(op.k)[j][kv_head * dim + d];
          }
          score *= op.scale;
          if (op.soft_cap > 0) score = op.soft_cap * std::tanh(score / op.soft_cap);
          const double p = std::exp(score);  // scores of these models are far from overflow
          total += p;
          for (size_t d = 0; d < value_dim; ++d) {
            sum[d] += p * value(op.v)[j][kv_head * value_dim + d];
          }
        }
        for (const double x : sum) out.push_back(x / total);
      }
    }
  }

  void apply(const graph::GatedActivation& op) {
    Rows out = value(op.gate);
    for (size_t row = 0; row < out.size(); ++row) {
      for (size_t i = 0; i < out[row].size(); ++i) {
        const double x = out[row][i];
        const double inner = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
        const double active = op.activation == graph::Activation::silu
                                  ? x / (1.0 + std::exp(-x))
                                  : 0.5 * x * (1.0 + std::tanh(inner));
        out[row][i] = active * value(op.up)[row][i];
      }
    }
    value(op.out) = out;
  }

  void apply(const graph::Add& op) {
    Rows out = value(op.a);
    for (size_t row = 0; row < out.size(); ++row) {
      for (size_t i = 0; i < out[row].size(); ++i) out[row][i] += value(op.b)[row][i];
    }
    value(op.out) = out;
  }

  void apply(const graph::Scale& op) {
    map(value(op.in), op.out, [&](double x) { return x * op.factor; });
  }

  void apply(const graph::SoftCap& op) {
    map(value(op.in), op.out, [&](double x) { return op.cap * std::tanh(x / op.cap); });
  }

  const graph::Decoder& decoder_;
  const quant::WeightSource& weights_;
  std::span<const TokenId> tokens_;
  std::vector<Rows> values_;  // [values][rows][width]
};

}  // namespace

std::vector<std::vector<double>> naive_logits(const graph::Decoder& decoder,
                                              const quant::WeightSource& weights,
                                              std::span<const TokenId> tokens) {
  return NaiveDecoder(decoder, weights, tokens).run();
}

}  // namespace ix::testing
