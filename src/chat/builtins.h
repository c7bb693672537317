// The tables of filters, tests and global functions.
#pragma once

#include <string_view>
#include <unordered_map>

#include "chat/runtime.h"
#include "chat/value.h"

namespace ix::chat::jinja {

using Filter = Value (*)(Runtime& runtime, const Value& input, Arguments& arguments);
using Predicate = bool (*)(Runtime& runtime, const Value& input, Arguments& arguments);

Filter find_filter(std::string_view name);        // nullptr where there is none
Predicate find_predicate(std::string_view name);  // a Jinja "test"; nullptr where there is none

using FilterTable = std::unordered_map<std::string_view, Filter>;
const FilterTable& text_filters();
const FilterTable& number_filters();
const FilterTable& sequence_filters();
const FilterTable& selection_filters();

// raise_exception, strftime_now, namespace, range, dict, cycler, joiner.
std::vector<std::pair<std::string, Value>> make_globals(Runtime& runtime);

}  // namespace ix::chat::jinja
