#include "bench/bench_output.h"

#include <fmt/format.h>

#include <ctime>
#include <string_view>
#include <utility>

#include "base/host_limits.h"
#include "build_commit.h"
#include "terminal.h"

namespace ix::cli {
namespace {

std::string quoted_csv(const Json& value) {
  std::string out = "\"";
  for (const char c : value.is_string() ? value.get<std::string>() : value.dump()) {
    if (c == '"') out += '"';
    out += c;
  }
  return value.is_null() ? "\"\"" : out + '"';
}

// The line of the fields' names, or of their values.
std::string csv_line(const Json& fields, bool names) {
  std::vector<std::string> cells;
  for (const auto& [name, value] : fields.items()) {
    if (!value.is_array()) cells.push_back(names ? name : quoted_csv(value));
  }
  return fmt::format("{}\n", fmt::join(cells, ","));
}

Json number_or_null(double value, bool known) { return known ? Json(value) : Json(); }

}  // namespace

BenchOutput::BenchOutput(OutputFormat format, std::vector<Column> columns)
    : format_(format), columns_(std::move(columns)) {}

void BenchOutput::print_row(const std::vector<std::string>& cells) const {
  std::string line = "|";
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    line += column.left ? fmt::format(" {:<{}} |", cells[i], column.width)
                        : fmt::format(" {:>{}} |", cells[i], column.width);
  }
  print_text(line + '\n');
}

void BenchOutput::add(const std::vector<std::string>& cells, Json fields) {
  const bool first = results_.empty();
  if (format_ == OutputFormat::markdown) {
    if (first) {
      std::vector<std::string> names;
      std::vector<std::string> rules;
      for (const Column& column : columns_) {
        names.push_back(column.name);
        const std::string rule(static_cast<size_t>(column.width - 1), '-');
        rules.push_back(column.left ? rule + '-' : rule + ':');
      }
      print_row(names);
      print_row(rules);
    }
    print_row(cells);
  } else if (format_ == OutputFormat::csv) {
    if (first) print_text(csv_line(fields, true));
    print_text(csv_line(fields, false));
  }
  results_.push_back(std::move(fields));
}

void BenchOutput::finish() {
  if (format_ == OutputFormat::markdown) {
    print_text(fmt::format("\nbuild: {} ({})\n", IX_VERSION, kBuildCommit));
  } else if (format_ == OutputFormat::json) {
    print_text(results_.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
  }
}

Json fields_of_run() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[sizeof "2000-01-01T00:00:00Z"];
  std::strftime(text, sizeof text, "%FT%TZ", &utc);
  return {{"build_commit", kBuildCommit}, {"cpu_info", cpu_name()}, {"test_time", text}};
}

void add_times(Json& fields, const Samples& samples) {
  const Mean ns = samples.in_ns();
  fields["avg_ns"] = static_cast<int64_t>(ns.average);
  fields["stddev_ns"] = static_cast<int64_t>(ns.deviation);
  fields["samples_ns"] = samples.ns;
}

void add_shares(Json& fields, const Limits& limits, double ops_per_second,
                double bytes_per_second) {
  const std::string_view arithmetic = limits::to_string(limits.arithmetic);
  const bool ops = limits.ops > 0;
  const bool read = limits.read_bytes > 0;
  fields[fmt::format("limit_{}_gops", arithmetic)] = number_or_null(limits.ops / 1e9, ops);
  fields["limit_read_gbs"] = number_or_null(limits.read_bytes / 1e9, read);
  fields["limit_drift"] = number_or_null(limits.drift, ops || read);
  fields[fmt::format("share_{}", arithmetic)] =
      number_or_null(ops ? ops_per_second / limits.ops : 0, ops);
  fields["share_read"] = number_or_null(read ? bytes_per_second / limits.read_bytes : 0, read);
}

std::string mean_cell(const Mean& mean) {
  return fmt::format("{:.2f} ± {:.2f}", mean.average, mean.deviation);
}

std::string share_cell(double value, double limit) {
  return limit > 0 ? fmt::format("{:.1f} %", 100 * value / limit) : "-";
}

}  // namespace ix::cli
