// JSON: what is read, what is refused, and that reading and writing are each other's inverse.
#include <limits>
#include <stdexcept>

#include "check.hpp"
#include "json.hpp"
#include "mutate.hpp"

using crystalgrid::Json;

namespace {

constexpr const char* kDocument =
    R"({"format": 1, "grid": {"n": 30, "length": 10.0, "sigma": 1e0}, "list": [1, -2.5, 0, -0, 1E+2, true, false, null, []],)"
    R"( "text": "Å \"\\\/\b\f\n\r\t\u00e9\u20ac\ud83d\ude00", "empty": {}})";

void test_values() {
  const Json json = Json::parse(kDocument);
  CHECK(json.whole("format") == 1);
  CHECK(json.at("grid").whole("n") == 30);
  CHECK(json.at("grid").number("sigma") == 1);
  CHECK(json.string("text") == "Å \"\\/\b\f\n\r\té€😀");
  CHECK(json.array("list").size() == 9);
  CHECK(std::get<double>(json.array("list")[1].value) == -2.5);
  CHECK(std::get<double>(json.array("list")[4].value) == 100);
  CHECK(json.find("absent") == nullptr);
  CHECK(Json::parse("9223372036854775807").dump() == "9223372036854775807");
  CHECK(std::get<double>(Json::parse("9223372036854775808").value) == 9223372036854775808.0);
  CHECK(Json::parse(R"("\u0000")").text() == std::string(1, '\0'));
  CHECK(Json::parse(R"("\uD834\uDD1E")").text() == "\xf0\x9d\x84\x9e");
}

void test_refusals() {
  for (const char* text : {"",
                           " ",
                           "nan",
                           "NaN",
                           "inf",
                           "-inf",
                           "Infinity",
                           "01",
                           "-01",
                           "1.",
                           ".5",
                           "-.5",
                           "+1",
                           "1e",
                           "1e+",
                           "0x10",
                           "-",
                           "1e999",
                           "1 2",
                           "{} x",
                           "[1,]",
                           "[1 2]",
                           "[",
                           "]",
                           "{",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{1:1}",
                           "'a'",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\u+123\"",
                           "\"\\ud800\"",
                           "\"\\ud800x\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\ud800\\ud800\"",
                           "\"\\udc00\"",
                           "\"a\nb\"",
                           "\"\x01\"",
                           "truE",
                           "nul",
                           "tru"})
    if (refusal([&] { Json::parse(text); }) != "not valid JSON")
      ++failures, std::fprintf(stderr, "accepted or refused in other words: %s\n", text);
  CHECK(refusal([] { Json::parse(std::string(100, '[') + std::string(100, ']')); }).empty());
  CHECK(!refusal([] { Json::parse(std::string(101, '[') + std::string(101, ']')); }).empty());
  CHECK(!refusal([] { Json::parse(std::string(1'000'000, '[')); }).empty());
}

void test_members() {
  const Json json = Json::parse(kDocument);
  CHECK(refusal([&] { json.at("absent"); }) == "'absent' is missing");
  CHECK(refusal([&] { json.whole("text"); }) == "'text' is not a whole number");
  CHECK(refusal([&] { json.number("text"); }) == "'text' is not a number");
  CHECK(refusal([&] { json.boolean("format"); }) == "'format' is not true or false");
  CHECK(refusal([&] { json.array("format"); }) == "'format' is not a list");
  CHECK(refusal([&] { Json::parse("[]").at("a"); }) == "'a' is missing");
}

void test_dump() {
  for (const double x : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                         std::numeric_limits<double>::quiet_NaN()}) {
    bool thrown = false;
    try {
      Json{x}.dump();
    } catch (const std::invalid_argument&) {
      thrown = true;
    }
    CHECK(thrown);
  }
  CHECK(Json{std::string("a\"\\\n\x1f\x7fÅ")}.dump() == "\"a\\\"\\\\\\u000a\\u001f\x7fÅ\"");
  const std::string text = Json::parse(kDocument).dump();
  CHECK(Json::parse(text).dump() == text);
}

/// Whatever is accepted is written as JSON that says the same.
void test_damaged_documents() {
  std::mt19937 random(1);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = mutate(kDocument, random);
    refusal([&] {
      const std::string written = Json::parse(text).dump();
      ++accepted;
      CHECK(Json::parse(written).dump() == written);
    });
  }
  CHECK(accepted > 100);
  CHECK(accepted < 19'900);
}

}  // namespace

int main() {
  test_values();
  test_refusals();
  test_members();
  test_dump();
  test_damaged_documents();
  return report();
}
