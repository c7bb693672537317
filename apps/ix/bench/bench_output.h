// Results of benchmarks as they come: a Markdown table, CSV, or JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/limit_tracker.h"
#include "bench/samples.h"

namespace ix::cli {

using Json = nlohmann::ordered_json;

enum class OutputFormat { markdown, csv, json };

struct Column {
  std::string name;
  int width;
  bool left = false;  // text; numbers are at the right
};

class BenchOutput {
 public:
  BenchOutput(OutputFormat format, std::vector<Column> columns);

  // One result: cells are the table's, fields the object of JSON. CSV has those of its fields that
  // are no arrays, all as quoted text; every result has the same fields.
  void add(const std::vector<std::string>& cells, Json fields);

  // What comes after the last result: the build for people, the whole array of JSON.
  void finish();

 private:
  void print_row(const std::vector<std::string>& cells) const;

  OutputFormat format_;
  std::vector<Column> columns_;
  Json results_ = Json::array();
};

// Fields that every benchmark has: build_commit, cpu_info, test_time (now, UTC).
Json fields_of_run();

// avg_ns, stddev_ns and samples_ns, as llama-bench names them.
void add_times(Json& fields, const Samples& samples);

// limit_int8_gops, limit_read_gbs, limit_drift, share_int8, share_read: null where not probed. int8
// is the arithmetic of the limits.
void add_shares(Json& fields, const Limits& limits, double ops_per_second, double bytes_per_second);

// "12.34 ± 0.56".
std::string mean_cell(const Mean& mean);
// A share in percent, "-" where the limit is 0.
std::string share_cell(double value, double limit);

}  // namespace ix::cli
