// The parsed template.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "chat/operations.h"

namespace ix::chat::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<std::unique_ptr<Statement>>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star;         // *args
  ExpressionPtr double_star;  // **kwargs
};

enum class ExpressionKind : uint8_t {
  none,
  boolean,           // integer
  integer,           // integer
  real,              // real
  string,            // text
  name,              // text
  namespace_target,  // text = the variable, attribute = its attribute; only as a target of set
  list,              // operands
  tuple,             // operands
  dict,              // operands: key, value, key, value, ...
  attribute,         // operands[0].attribute
  item,              // operands[0][operands[1]]
  slice,             // operands: object, start, stop, step (null where absent)
  call,              // operands[0](arguments)
  filter,            // operands[0] | text(arguments); a null operand is a block's output
  test,              // operands[0] is text(arguments)
  negate,
  plus,
  logical_not,
  logical_and,
  logical_or,
  binary,       // operands[0] binary operands[1]
  concat,       // operands joined as text
  compare,      // operands[0] comparisons[0] operands[1] comparisons[1] ...
  conditional,  // operands: then, condition, else (null where absent)
};

struct Expression {
  ExpressionKind kind = ExpressionKind::none;
  int line = 1;
  int height = 1;  // of the tree below and with this
  BinaryOperator binary = BinaryOperator::add;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::string attribute;
  std::vector<ExpressionPtr> operands;
  std::vector<CompareOperator> comparisons;
  CallArguments arguments;
};

struct Signature {
  std::vector<std::string> names;
  std::vector<ExpressionPtr> defaults;  // of the last names
  // Whether the body names these, which makes it accept them.
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};

struct DataStatement {
  std::string text;
};
struct PrintStatement {
  std::vector<ExpressionPtr> values;
};
struct IfStatement {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct ForStatement {
  ExpressionPtr target;
  ExpressionPtr iterable;
  ExpressionPtr filter;  // may be null
  Body body;
  Body otherwise;
  bool recursive = false;
};
struct SetStatement {
  ExpressionPtr target;
  ExpressionPtr value;
};
struct SetBlockStatement {
  ExpressionPtr target;
  ExpressionPtr filter;  // may be null
  Body body;
};
struct MacroStatement {
  std::string name;
  Signature signature;
  Body body;
};
struct CallStatement {
  Signature signature;
  ExpressionPtr call;
  Body body;
};
struct FilterStatement {
  ExpressionPtr filter;
  Body body;
};
struct WithStatement {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> bindings;
  Body body;
};
// generation, block: a scope of its own.
struct ScopeStatement {
  Body body;
};
struct BreakStatement {};
struct ContinueStatement {};
// include, import, from, extends: there is nothing to load templates from.
struct LoadStatement {
  std::string tag;
};

struct Statement {
  int line = 1;
  std::variant<DataStatement, PrintStatement, IfStatement, ForStatement, SetStatement,
               SetBlockStatement, MacroStatement, CallStatement, FilterStatement, WithStatement,
               ScopeStatement, BreakStatement, ContinueStatement, LoadStatement>
      node;
};

}  // namespace ix::chat::jinja
