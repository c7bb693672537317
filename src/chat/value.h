// Values of the template language, with Python's semantics. All but namespaces, loops and
// generators are immutable once made, so that sharing them is safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"

namespace ix::chat::jinja {

class Runtime;

// How a template's failure travels inside this folder; never leaves it.
struct TemplateError {
  StatusCode code = StatusCode::invalid_argument;
  std::string message;
  bool own_words = false;  // from raise_exception: reported as it is
};
[[noreturn]] void fail(std::string message);
[[noreturn]] void fail_exhausted(std::string message);

enum class Kind : uint8_t {
  undefined,
  none,
  boolean,
  integer,
  real,
  string,
  sequence,  // SequenceKind says which
  dict,
  name_space,
  callable,  // macros, functions, methods, loop, cycler, joiner
};

enum class SequenceKind : uint8_t { list, tuple, range, keys, values, items, generator };

// Anything on the heap; its bytes count against the memory limit of one rendering.
struct Object {
  explicit Object(Runtime& owner) : runtime(owner) {}
  virtual ~Object();
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  void charge(size_t bytes);

  Runtime& runtime;
  size_t charged_bytes = 0;
  int depth = 0;  // levels of objects that hold objects, with this one; keeps recursion short
};

struct StringObject;
struct SequenceObject;
struct DictObject;
struct NamespaceObject;
struct CallableObject;

class Value {
 public:
  Value() : integer_(0) {}  // none
  static Value boolean(bool b);
  static Value integer(int64_t i);
  static Value real(double d);
  static Value object(Kind kind, std::shared_ptr<Object> object);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_undefined() const { return kind_ == Kind::undefined; }
  bool is_none() const { return kind_ == Kind::none; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_sequence(SequenceKind kind) const;
  bool is_integral() const { return kind_ == Kind::integer || kind_ == Kind::boolean; }
  bool is_number() const { return is_integral() || kind_ == Kind::real; }

  bool as_boolean() const { return integer_ != 0; }
  int64_t as_integer() const { return integer_; }  // of a boolean too
  double as_real() const { return kind_ == Kind::real ? real_ : static_cast<double>(integer_); }
  const std::string& text() const;  // bytes of a string, message of an undefined
  const StringObject& string() const;
  SequenceObject& sequence() const;
  const DictObject& dict() const;
  NamespaceObject& name_space() const;
  CallableObject& callable() const;
  const std::shared_ptr<Object>& pointer() const { return object_; }

 private:
  Kind kind_ = Kind::none;
  union {
    int64_t integer_;
    double real_;
  };
  std::shared_ptr<Object> object_;
};

using Values = std::vector<Value>;

int depth_of(const Value& value);

struct StringObject : Object {
  using Object::Object;
  std::string bytes;
  size_t length = 0;    // code points
  bool markup = false;  // MarkupSafe's Markup
  bool ascii() const { return length == bytes.size(); }
};

struct SequenceObject : Object {
  using Object::Object;
  SequenceKind type = SequenceKind::list;
  Values items;
  size_t consumed = 0;                    // of a generator
  int64_t start = 0, stop = 0, step = 1;  // of a range
  bool group = false;                     // a tuple that has .grouper and .list
};

struct DictObject : Object {
  using Object::Object;
  std::vector<std::pair<Value, Value>> entries;

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);

 private:
  std::unordered_multimap<size_t, size_t> index_;  // hash of the key -> entry
};

struct NamespaceObject : Object {
  using Object::Object;
  std::vector<std::pair<std::string, Value>> attributes;
  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
};

// Arguments of one call.
struct Arguments {
  Values positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct CallableObject : Object {
  using Object::Object;
  virtual Value call(Arguments& arguments) = 0;
  virtual std::optional<Value> attribute(std::string_view) { return std::nullopt; }
  virtual std::string describe() const = 0;  // what str() gives
  virtual std::string type_name() const { return "function"; }
  virtual std::optional<int64_t> size() { return std::nullopt; }
};

// Puts arguments into the order of `names`; absent ones are nullopt. `what` names the callee in
// errors.
std::vector<std::optional<Value>> bind_arguments(std::string_view what, const Arguments& arguments,
                                                 const std::vector<std::string_view>& names,
                                                 size_t required = 0);

std::string type_name(const Value& value);  // as Python's type(x).__name__
size_t hash_value(const Value& value);      // fails for a value that cannot be a key

}  // namespace ix::chat::jinja
