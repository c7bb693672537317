// The report of an examination: what people attach to an issue.
#pragma once

#include <string>

#include "doctor/examination.h"
#include "doctor/host_summary.h"
#include "doctor/private_data.h"

namespace ix::cli::doctor {

struct ReportHeader {
  std::string version;  // of ix
  std::string commit;
  std::string device;  // "neuron", "xla", "pjrt"; empty where none was examined
};

// {"report": "ix doctor", "format": 1, "ix": {"version", "commit"}, "host": …, "device": {"name",
//  "description", "cores", "versions"} or null, "environment": {NAME: value}, "passed",
//  "interrupted", "steps": [{"id", "title", "state": "ok" | "failed" | "skipped", "expected",
//  "got", "advice", "seconds", "limit_seconds", "details"}]}
// Every text is free of private data.
Json to_json(const ReportHeader& header, const HostSummary& host, const Examination& examination,
             const PrivateData& private_data);

}  // namespace ix::cli::doctor
