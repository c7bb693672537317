// Fields of JSON objects that were written here, read again: false where one is missing or of
// another type.
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ix::backend::neuron {

using Json = nlohmann::ordered_json;

template <typename T>
bool read_field(const Json& json, const char* name, bool (Json::*is_type)() const, T& value) {
  const auto field = json.find(name);
  if (field == json.end() || !((*field).*is_type)()) return false;
  value = field->get<T>();
  return true;
}

inline bool read_text_field(const Json& json, const char* name, std::string& value) {
  return read_field(json, name, &Json::is_string, value);
}

// A whole number from low on.
template <typename T>
bool read_count(const Json& json, const char* name, int64_t low, T& value) {
  int64_t wide = 0;
  if (!read_field(json, name, &Json::is_number_integer, wide)) return false;
  value = static_cast<T>(wide);
  return wide >= low && wide <= std::numeric_limits<T>::max();
}

inline bool read_texts(const Json& json, const char* name, std::vector<std::string>& values) {
  const auto field = json.find(name);
  if (field == json.end() || !field->is_array()) return false;
  for (const Json& value : *field) {
    if (!value.is_string()) return false;
    values.push_back(value.get<std::string>());
  }
  return true;
}

inline std::string written(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ix::backend::neuron
