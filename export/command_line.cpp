#include "command_line.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

#include "errors.hpp"

namespace crystalgrid {
namespace {

using Text = std::string_view;

constexpr std::size_t kHelpColumn = 25, kHelpWidth = 120;

/// The number that is the whole of `text`, if there is one.
template <class Number>
std::optional<Number> parse_number(Text text) {
  Number x{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, x);
  if (error != std::errc() || stop != end) return std::nullopt;
  return x;
}

std::string quoted(Text text) { return "'" + std::string(text) + "'"; }

[[noreturn]] void refuse(const std::string& given, const std::string& wanted, Text got) {
  throw InputError(given + ": wanted " + wanted + ", got " + quoted(got));
}

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

/// Count the characters of UTF-8 text: all bytes but those that continue a character.
std::size_t characters(Text text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// Lay out `text` in a column beside `line`, or below it if that is long, with lines broken between words.
std::string in_columns(std::string line, Text text) {
  std::string out;
  const auto end_line = [&] { out += std::exchange(line, "") + "\n"; };
  if (characters(line) + 2 > kHelpColumn) end_line();
  line.append(kHelpColumn - characters(line), ' ');
  while (!text.empty()) {
    const Text word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (characters(line) + 1 + characters(word) > kHelpWidth) {
      end_line();
      line.append(kHelpColumn, ' ');
    }
    if (characters(line) > kHelpColumn) line += ' ';
    line += word;
  }
  end_line();
  return out;
}

}  // namespace

CommandLine::CommandLine(Text table) {
  const Json json = Json::parse(table);
  summary_ = json.string("summary");
  model_ = json.string("model");
  for (const Json& group : json.array("groups"))
    for (const Json& option : group.array("options")) options_.push_back(read_option(option, group.string("title")));
}

CommandLine::Option CommandLine::read_option(const Json& json, const std::string& group) {
  Option option;
  option.group = group;
  option.name = json.string("name");
  option.kind = json.string("kind");
  option.help = json.string("help");
  if (json.find("short")) option.letter = json.string("short");
  if (json.find("required")) option.required = json.boolean("required");
  if (const Json* value = json.find("default")) option.fallback = *value;
  if (option.kind == "flag") option.fallback = Json{false};
  if (option.kind != "flag") option.metavar = json.string("metavar");
  if (option.kind == "whole") option.least = json.whole("least"), option.most = json.whole("most");
  if (option.kind == "choice")
    for (const Json& choice : json.array("choices")) option.choices.push_back(choice.text());
  return option;
}

const CommandLine::Option* CommandLine::find_option(Text word) const {
  const auto option = std::find_if(options_.begin(), options_.end(), [&](const Option& each) {
    return word == "--" + each.name || (!each.letter.empty() && word == "-" + each.letter);
  });
  return option == options_.end() ? nullptr : &*option;
}

Json CommandLine::parse_value(const Option& option, const std::string& given, Text value) {
  if (value.empty()) throw InputError(given + ": wanted a value, got none");
  if (option.kind == "whole") {
    const auto x = parse_number<std::int64_t>(value);
    if (!x || *x < option.least || *x > option.most)
      refuse(given, "a whole number from " + std::to_string(option.least) + " to " + std::to_string(option.most),
             value);
    return {*x};
  }
  if (option.kind == "positive") {
    const auto x = parse_number<double>(value);
    if (!x || !(*x > 0) || !(*x < std::numeric_limits<float>::max())) refuse(given, "a positive number", value);
    return {*x};
  }
  const auto& choices = option.choices;
  if (option.kind == "choice" && std::find(choices.begin(), choices.end(), value) == choices.end())
    refuse(given, joined(choices, " or "), value);
  return {std::string(value)};
}

Json CommandLine::parse(std::span<const char* const> words) const {
  Json::Object values;
  std::set<const Option*> seen;
  for (const Option& option : options_)
    if (option.fallback) values[option.name] = *option.fallback;
  for (auto word = words.begin(); word != words.end(); ++word) {
    const std::string text = *word, given = text.substr(0, text.starts_with("--") ? text.find('=') : text.npos);
    const bool has_value = given.size() < text.size();
    const Option* option = find_option(given);
    if (option && !seen.insert(option).second) throw InputError(given + ": given more than once; give it once");
    if (option && option->kind == "flag") {
      if (has_value) refuse(given, "no value", Text(text).substr(given.size() + 1));
      values[option->name] = {true};
    } else if (option) {
      const bool is_last = word + 1 == words.end();
      const Text value = has_value ? Text(text).substr(given.size() + 1) : is_last ? "" : *++word;
      values[option->name] = parse_value(*option, given, value);
    } else if (text.starts_with('-')) {
      throw InputError("unknown option " + given + " (see --help)");
    } else if (const auto [model, is_first] = values.try_emplace("model", Json{text}); !is_first) {
      throw InputError("wanted one model, got " + quoted(model->second.text()) + " and " + quoted(text));
    }
  }
  Json result{std::move(values)};
  if (!result.boolean("help")) check_complete(result);
  return result;
}

void CommandLine::check_complete(const Json& values) const {
  if (!values.find("model")) throw InputError("wanted a model (" + model_ + "), got none (see --help)");
  for (const Option& option : options_)
    if (option.required && !values.find(option.name))
      throw InputError("--" + option.name + ": wanted a " + option.help + ", got none (see --help)");
}

std::string CommandLine::help_of(const Option& option) {
  std::string names = "  " + (option.letter.empty() ? "" : "-" + option.letter + ", ") + "--" + option.name;
  if (!option.metavar.empty()) names += " " + option.metavar;
  if (option.kind == "flag" || !option.fallback) return in_columns(names, option.help);
  const auto* word = std::get_if<std::string>(&option.fallback->value);
  return in_columns(names, option.help + " (default " + (word ? *word : option.fallback->dump()) + ")");
}

std::string CommandLine::help(const std::string& program) const {
  std::string usage = "usage: " + program + " MODEL", options, group;
  for (const Option& option : options_) {
    if (option.required) usage += " --" + option.name + " " + option.metavar;
    if (option.group != group) options += "\n" + option.group + "\n";
    group = option.group;
    options += help_of(option);
  }
  return usage + " [options]\n\n" + summary_ + "\n\n" + in_columns("  MODEL", model_) + options;
}

}  // namespace crystalgrid
