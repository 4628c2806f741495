#pragma once
// The man page and the shell completions, written from the command line's own description so that
// they cannot differ from it. Pure functions.

#include <string>
#include <string_view>
#include <vector>

namespace carnet::app {

struct OptionDoc {
  std::vector<std::string> names;  // "-o", "--output"
  std::string value;               // "FILE"; "" for a switch
  std::string help;
};

struct CommandDoc {
  std::string name;  // "carnet", then "scan" …
  std::string help;
  std::string arguments;  // "TARGET ..."
  std::vector<OptionDoc> options;
  std::vector<CommandDoc> commands;
};

[[nodiscard]] std::string man_page(const CommandDoc& program,
                                   std::string_view version);  // roff, section 1
[[nodiscard]] std::string bash_completion(const CommandDoc& program);
[[nodiscard]] std::string zsh_completion(const CommandDoc& program);

}  // namespace carnet::app
