#include "evidence/cbom_knowledge.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"
#include "evidence/embedded.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;

std::string text_of(const bj::object& row, std::string_view member) {
  const bj::value* value = row.if_contains(member);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::vector<std::string> texts_of(const bj::object& row, std::string_view member) {
  std::vector<std::string> texts;
  const bj::value* value = row.if_contains(member);
  if (value == nullptr || !value->is_array()) return texts;
  for (const bj::value& entry : value->get_array())
    if (entry.is_string()) texts.emplace_back(entry.get_string());
  return texts;
}

int number_of(const bj::object& row, std::string_view member) {
  const bj::value* value = row.if_contains(member);
  return value != nullptr && value->is_int64() ? static_cast<int>(value->get_int64()) : 0;
}

CbomAlgorithm read_row(const bj::object& row, const inventory::Registry& registry) {
  CbomAlgorithm algorithm;
  algorithm.name = text_of(row, "name");
  algorithm.primitive = text_of(row, "primitive");
  algorithm.family = text_of(row, "family");
  algorithm.curve = text_of(row, "curve");
  algorithm.parameter_set = text_of(row, "parameterSet");
  algorithm.mode = text_of(row, "mode");
  algorithm.padding = text_of(row, "padding");
  algorithm.functions = texts_of(row, "functions");
  algorithm.parts = texts_of(row, "parts");
  algorithm.classical_security_bits = number_of(row, "classicalSecurityBits");
  algorithm.nist_category = number_of(row, "nistCategory");
  algorithm.registry = registry.find_by_name(algorithm.name);
  return algorithm;
}

std::string_view word_of(const std::map<std::string, std::string, std::less<>>& words,
                         std::string_view word) {
  const auto found = words.find(word);
  return found == words.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

Result<CbomKnowledge> CbomKnowledge::parse(std::string_view json,
                                           const inventory::Registry& registry) {
  CARNET_TRY(value, json::parse(json));
  const bj::object* root = value.if_object();
  const bj::value* list = root != nullptr ? root->if_contains("algorithms") : nullptr;
  if (list == nullptr || !list->is_array()) return make_internal("cbom data: no algorithms");
  CbomKnowledge knowledge;
  knowledge.registry_ = &registry;
  for (const bj::value& entry : list->get_array()) {
    if (!entry.is_object()) return make_internal("cbom data: a row is no object");
    CbomAlgorithm row = read_row(entry.get_object(), registry);
    if (row.name.empty() || row.primitive.empty() || row.functions.empty())
      return make_internal(fmt::format("cbom data: \"{}\" is incomplete", row.name));
    if (row.registry == nullptr && text_of(entry.get_object(), "source").empty())
      return make_internal(fmt::format("cbom data: \"{}\" has no source", row.name));
    for (const std::string& alias : texts_of(entry.get_object(), "aliases"))
      knowledge.aliases_.emplace(to_lower_ascii(alias), row.name);
    std::string name = row.name;
    if (!knowledge.rows_.emplace(std::move(name), std::move(row)).second)
      return make_internal("cbom data: a name twice");
  }
  for (const auto& [name, row] : knowledge.rows_)
    for (const std::string& part : row.parts)
      if (!knowledge.rows_.contains(part))
        return make_internal(fmt::format("cbom data: \"{}\" has the part \"{}\"", name, part));
  const auto words = [root](std::string_view member, Words& into) {
    const bj::value* object = root->if_contains(member);
    if (object == nullptr || !object->is_object()) return;
    for (const auto& pair : object->get_object())
      if (pair.value().is_string())
        into.emplace(std::string(pair.key()), std::string(pair.value().get_string()));
  };
  words("suiteMacs", knowledge.suite_macs_);
  words("suiteKeyExchanges", knowledge.suite_key_exchanges_);
  words("suiteAuthentications", knowledge.suite_authentications_);
  return knowledge;
}

const CbomAlgorithm* CbomKnowledge::find(std::string_view name) const {
  const inventory::Algorithm* registered = registry_->find_by_name(name);
  const auto row = rows_.find(registered != nullptr ? std::string_view(registered->name) : name);
  if (row != rows_.end()) return &row->second;
  const auto alias = aliases_.find(to_lower_ascii(name));
  return alias == aliases_.end() ? nullptr : &rows_.at(alias->second);
}

std::string_view CbomKnowledge::suite_mac(std::string_view word) const {
  return word_of(suite_macs_, word);
}
std::string_view CbomKnowledge::suite_key_exchange(std::string_view word) const {
  return word_of(suite_key_exchanges_, word);
}
std::string_view CbomKnowledge::suite_authentication(std::string_view word) const {
  return word_of(suite_authentications_, word);
}

const CbomKnowledge& builtin_cbom_knowledge() {
  static const CbomKnowledge knowledge = [] {
    auto parsed =
        CbomKnowledge::parse(embedded::cbom_algorithms_json(), inventory::builtin_registry());
    // Compiled in, and a test reads it: a fault here is a bug, not input.
    CARNET_CHECK(parsed.has_value());
    return std::move(*parsed);
  }();
  return knowledge;
}

}  // namespace carnet::evidence
