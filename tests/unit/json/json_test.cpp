#include "json/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace boxlite::json {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Value ParseOk(std::string_view text) {
  Result<Value> value = Parse(text, 1 << 20);
  EXPECT_TRUE(value.ok()) << text;
  return value.ok() ? value.TakeValue() : Value();
}

std::string ParseError(std::string_view text, size_t limit = 1 << 20) {
  Result<Value> value = Parse(text, limit);
  EXPECT_FALSE(value.ok()) << text;
  return value.ok() ? "" : value.error().message();
}

TEST(Json, Parse_AnObject_GivesItsMembers) {
  Value value = ParseOk(R"({"name":"python","size":42,"ok":true,"tags":["slim","3.11"]})");
  EXPECT_EQ(value.Text("name").value(), "python");
  EXPECT_EQ(value.Integer("size").value(), 42);
  EXPECT_EQ(value.Bool("ok", false).value(), true);
  EXPECT_THAT(value.Texts("tags", 10).value(), ElementsAre("slim", "3.11"));
  EXPECT_THAT(value.Names(10).value(), ElementsAre("name", "size", "ok", "tags"));
}

TEST(Json, Members_Missing_AreNullOrTheFallbackOrAnError) {
  Value value = ParseOk(R"({"there":null})");
  EXPECT_TRUE(value["a"]["b"]["c"].is_null());
  EXPECT_TRUE(value.Has("there"));
  EXPECT_FALSE(value.Has("a"));
  EXPECT_EQ(value.Text("a", "fallback").value(), "fallback");
  EXPECT_EQ(value.Text("there", "fallback").value(), "fallback");
  EXPECT_EQ(value.Integer("a", 7).value(), 7);
  EXPECT_TRUE(value.Texts("a", 1).value().empty());
  EXPECT_THAT(value.Text("a").error().message(), HasSubstr("\"a\""));
}

TEST(Json, Members_OfAnotherType_AreErrorsThatNameThem) {
  Value value = ParseOk(R"({"n":1,"t":"x","l":[1],"r":1.5})");
  EXPECT_THAT(value.Text("n", "").error().message(), HasSubstr("member \"n\": expected a text"));
  EXPECT_FALSE(value.Integer("t", 0).ok());
  EXPECT_FALSE(value.Integer("r", 0).ok());
  EXPECT_FALSE(value.Bool("n", false).ok());
  EXPECT_FALSE(value.Texts("l", 5).ok());
  EXPECT_FALSE(value.Texts("t", 5).ok());
  EXPECT_FALSE(value["l"].Names(5).ok());
}

TEST(Json, Lists_LongerThanTheLimit_AreErrors) {
  Value value = ParseOk("[1,2,3]");
  EXPECT_EQ(value.Elements(3).value().size(), 3u);
  EXPECT_FALSE(value.Elements(2).ok());
  EXPECT_TRUE(value.At(3).is_null());
}

TEST(Json, Parse_BadInput_SaysWhere) {
  EXPECT_THAT(ParseError("{\"a\": nope}"), HasSubstr("line 1"));
  EXPECT_THAT(ParseError("{} x"), HasSubstr("line 1"));
  EXPECT_THAT(ParseError("{\"a\":1,\"a\":2}"), HasSubstr("duplicate"));
  EXPECT_THAT(ParseError(""), HasSubstr("invalid JSON"));
  EXPECT_THAT(ParseError("\"\xff\""), HasSubstr("0xff"));
  EXPECT_THAT(ParseError("123456", 5), HasSubstr("longer than 5"));
}

TEST(Json, Parse_DeeplyNested_IsRefusedBeforeItIsParsed) {
  std::string deep = std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']');
  EXPECT_TRUE(Parse(deep, 1 << 20).ok());
  EXPECT_THAT(ParseError("[" + deep + "]"), HasSubstr("nested deeper"));
  EXPECT_TRUE(Parse("\"" + std::string(1000, '[') + "\\\"[\"", 1 << 20).ok());
}

TEST(Json, Build_ThenDump_IsOneLineInOrder) {
  Value list = Value::Array();
  list.Append(Value::OfInteger(1)).Append(Value()).Append(Value::OfText("a\n\"b\""));
  Value value = Value::Object();
  value.Set("z", list).Set("a", Value::OfBool(true)).Set("o", Value::Object());
  EXPECT_EQ(value.Dump(), R"({"z":[1,null,"a\n\"b\""],"a":true,"o":{}})");
}

TEST(Json, Values_Copied_ShareNothingThatIsFreedTwice) {
  Value copy;
  {
    Value value = ParseOk(R"({"a":{"b":"text"}})");
    copy = value["a"];
    Value other = copy;
    copy = other;
  }
  EXPECT_EQ(copy.Text("b").value(), "text");
}

}  // namespace
}  // namespace boxlite::json
