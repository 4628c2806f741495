#pragma once
// The embedded templates, parsed once, and filled. Wraps ctemplate so that its headers and its
// habit of reading files stay in one place: the cache is frozen after construction and nothing is
// read from disk. Owned by Pages; const use is thread-safe. Every template is in AUTOESCAPE mode,
// so values are escaped for the place they stand in.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace ctemplate {
class TemplateDictionary;
}

namespace carnet::web {

// A part of a page being filled: names of the template to values, and repeated sections. Lives only
// inside the function that render() calls. Values are made displayable first (words.h,
// displayable()).
class Filler {
 public:
  explicit Filler(ctemplate::TemplateDictionary* dictionary) : dictionary_(dictionary) {}

  void set(std::string_view name, std::string_view value);
  void set(std::string_view name, long long value);
  // One more round of the section `name`; without a call the section is left out.
  Filler section(std::string_view name);
  // The template `file` in place of `{{>name}}`.
  Filler include(std::string_view name, std::string_view file);

 private:
  ctemplate::TemplateDictionary* dictionary_;
};

class TemplateSet {
 public:
  TemplateSet();
  ~TemplateSet();

  // The page made of template `name` ("overview") with the values that `fill` gives. An unknown
  // name is a bug (CHECK).
  [[nodiscard]] std::string render(std::string_view name,
                                   const std::function<void(Filler)>& fill) const;

 private:
  struct Cache;
  std::unique_ptr<Cache> cache_;
};

}  // namespace carnet::web
