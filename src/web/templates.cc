#include "web/templates.h"

#include <array>

#include <ctemplate/template.h>
#include <ctemplate/template_cache.h>
#include <ctemplate/template_dictionary.h>

#include "base/check.h"
#include "web/embedded.h"
#include "web/words.h"

namespace carnet::web {
namespace {

ctemplate::TemplateString view(std::string_view text) { return {text.data(), text.size()}; }

// Leading white space goes, line ends stay: words on two lines must not grow together.
constexpr ctemplate::Strip kStrip = ctemplate::STRIP_BLANK_LINES;

}  // namespace

void Filler::set(std::string_view name, std::string_view value) {
  const std::string shown = displayable(value);
  dictionary_->SetValue(view(name), view(shown));
}

void Filler::set(std::string_view name, long long value) { set(name, std::to_string(value)); }

Filler Filler::section(std::string_view name) {
  return Filler(dictionary_->AddSectionDictionary(view(name)));
}

Filler Filler::include(std::string_view name, std::string_view file) {
  ctemplate::TemplateDictionary* included = dictionary_->AddIncludeDictionary(view(name));
  included->SetFilename(view(file));
  return Filler(included);
}

struct TemplateSet::Cache {
  ctemplate::TemplateCache templates;
};

TemplateSet::TemplateSet() : cache_(std::make_unique<Cache>()) {
  struct Named {
    std::string_view name, text;
  };
  const std::array<Named, 8> all{{
      {"head", embedded::head_tpl()},
      {"masthead", embedded::masthead_tpl()},
      {"footer", embedded::footer_tpl()},
      {"overview", embedded::overview_tpl()},
      {"problem", embedded::problem_tpl()},
      {"open", embedded::open_tpl()},
      {"docs", embedded::docs_tpl()},
      {"verify", embedded::verify_tpl()},
  }};
  for (const Named& one : all) {
    CARNET_CHECK(cache_->templates.StringToTemplateCache(view(one.name), view(one.text), kStrip));
  }
  cache_->templates.Freeze();
}

TemplateSet::~TemplateSet() = default;

std::string TemplateSet::render(std::string_view name,
                                const std::function<void(Filler)>& fill) const {
  ctemplate::TemplateDictionary dictionary(view(name));
  fill(Filler(&dictionary));
  std::string page;
  page.reserve(32 * 1024);
  CARNET_CHECK(cache_->templates.ExpandNoLoad(view(name), kStrip, &dictionary, nullptr, &page));
  return page;
}

}  // namespace carnet::web
