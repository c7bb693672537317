// Keeps what belongs to the user out of a report that others read.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ix::cli::doctor {

class PrivateData {
 public:
  // What this process knows of its user: names of the host and the user, the home directory, and
  // the values of the variables that name files.
  static PrivateData of_this_process();

  // `words`: replaced where they stand between other characters than letters and digits.
  // `paths`: replaced wherever they stand.
  PrivateData(std::vector<std::string> words, std::vector<std::string> paths);

  // The text without them, and without anything else that looks like a path.
  std::string remove_from(std::string_view text) const;

 private:
  std::vector<std::string> words_;
  std::vector<std::string> paths_;  // the longest first
};

// NEURON_* variables that are set, by name: those on a list, whose values are numbers, ranges or
// words. Any other value is replaced by a note.
std::vector<std::pair<std::string, std::string>> neuron_environment();

}  // namespace ix::cli::doctor
