// The interface and what is written about it agree: OpenAPI, docs/api.md, the docs page.

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "api/openapi.h"
#include "api/problem.h"
#include "api/routes.h"
#include "base/json.h"
#include "base/text.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

const fs::path kSource = CARNET_SOURCE_DIR;

// Runs a program of third_party/npm in a folder; gives its exit status and what it printed.
struct Ran {
  int status = -1;
  std::string output;
};
Ran run_tool(const std::string& name, const std::string& arguments, const fs::path& folder) {
  const fs::path tool = kSource / "third_party/npm/node_modules/.bin" / name;
  const std::string command = "cd '" + folder.string() + "' && NODE_PATH='" +
                              (kSource / "third_party/npm/node_modules").string() + "' '" +
                              tool.string() + "' " + arguments + " 2>&1";
  Ran ran;
  std::FILE* pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return ran;
  char chunk[4096];
  while (const std::size_t got = std::fread(chunk, 1, sizeof chunk, pipe))
    ran.output.append(chunk, got);
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

bool tool_is_missing(const std::string& name) {
  return !fs::exists(kSource / "third_party/npm/node_modules/.bin" / name);
}

class OpenApiTest : public ::testing::Test {
 protected:
  OpenApiTest() {
    std::ofstream(dir.file("openapi.json"))
        << api::make_openapi({.version = "1.2.3", .public_url = "https://carnet.example.org"});
  }
  TempDir dir;
};

TEST_F(OpenApiTest, IsCleanUnderRedocly) {
  if (tool_is_missing("redocly")) GTEST_SKIP() << "npm ci in third_party/npm brings redocly";
  const Ran ran =
      run_tool("redocly",
               "lint --config '" + (kSource / "tests/integration/redocly.yaml").string() + "' '" +
                   dir.file("openapi.json") + "'",
               dir.path());
  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_EQ(ran.output.find("Warning was generated"), std::string::npos) << ran.output;
}

TEST_F(OpenApiTest, IsCleanUnderSpectralWithTheOwaspRules) {
  if (tool_is_missing("spectral")) GTEST_SKIP() << "npm ci in third_party/npm brings spectral";
  // The ruleset names parts of a document beside it, and finds its packages in a folder above.
  fs::copy_file(kSource / "third_party/npm/spectral.yaml", dir.path() / "spectral.yaml");
  fs::create_directory_symlink(kSource / "third_party/npm/node_modules",
                               dir.path() / "node_modules");
  const Ran ran = run_tool(
      "spectral", "lint --fail-severity=hint --ruleset spectral.yaml openapi.json", dir.path());
  EXPECT_EQ(ran.status, 0) << ran.output;
}

TEST_F(OpenApiTest, HasEveryRouteAndNoOther) {
  const auto document = json::parse(read_file(dir.file("openapi.json")));
  ASSERT_TRUE(document);
  std::size_t operations = 0;
  for (const auto& path : document->at("paths").as_object())
    operations += path.value().as_object().size();
  EXPECT_EQ(operations, api::all_routes().size());
  const auto& components = document->at("components").as_object();
  for (const api::Route& route : api::all_routes()) {
    const std::string method = to_lower_ascii(api::to_string(route.method));
    EXPECT_EQ(document->at("paths").at(route.path).at(method).at("operationId").as_string(),
              route.operation_id);
    for (const std::string_view schema : {route.request, route.response})
      if (!schema.empty())
        EXPECT_TRUE(components.at("schemas").as_object().contains(schema)) << schema;
  }
}

TEST(DocsTest, ApiPageListsEveryRouteAndNoOther) {
  const std::string page = read_file(kSource / "docs/api.md");
  std::size_t rows = 0;
  for (const std::string_view line : split(page, '\n'))
    for (const char* method : {"| GET /", "| POST /", "| PUT /", "| PATCH /", "| DELETE /"})
      if (line.starts_with(method)) ++rows;
  EXPECT_EQ(rows, api::all_routes().size());
  for (const api::Route& route : api::all_routes()) {
    const std::string row = fmt::format("| {} {} | {} |", api::to_string(route.method), route.path,
                                        route.access.word());
    EXPECT_NE(page.find(row), std::string::npos) << row;
  }
}

TEST(DocsTest, TheServedPagesNameRoutesAndCodes) {
  Stack stack;
  const HttpAnswer page = stack.ask("GET", "/docs");
  EXPECT_EQ(page.status, 200);
  EXPECT_FALSE(page.header("Content-Security-Policy").empty());
  for (const api::Route& route : api::all_routes())
    EXPECT_NE(page.body.find(route.path), std::string::npos) << route.path;
  for (const ErrorCode code : api::all_error_codes()) {
    const std::string anchor = fmt::format("id=\"problem-{}\"", api::problem_kind(code).code);
    EXPECT_NE(page.body.find(anchor), std::string::npos) << anchor;
  }
  const HttpAnswer document = stack.ask("GET", "/openapi.json");
  EXPECT_TRUE(json::parse(document.body));
  EXPECT_NE(stack.ask("GET", "/robots.txt").body.find("Disallow: /r/"), std::string::npos);
  EXPECT_TRUE(stack.ask("GET", "/.well-known/security.txt").body.starts_with("Contact: "));
  const HttpAnswer style = stack.ask("GET", "/assets/carnet.css");
  EXPECT_EQ(style.status, 200);
  EXPECT_TRUE(style.header("Content-Type").starts_with("text/css"));
  EXPECT_EQ(stack.ask("GET", "/assets/..%2f..%2fetc%2fpasswd").status, 400);
  EXPECT_EQ(stack.ask("GET", "/assets/nothing").status, 404);
}

}  // namespace
}  // namespace carnet::test
