#include "app/cli_docs.h"

#include <fmt/format.h>

namespace carnet::app {
namespace {

// roff: a backslash and a dot or quote at a line's start are commands, a hyphen is a typographic
// one.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += "\\&";
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

void append_options(std::string& out, const CommandDoc& command) {
  for (const OptionDoc& option : command.options) {
    std::string names;
    for (const std::string& name : option.names) {
      if (!names.empty()) names += ", ";
      names += "\\fB" + roff(name) + "\\fR";
    }
    if (!option.value.empty()) names += " \\fI" + roff(option.value) + "\\fR";
    out += fmt::format(".TP\n{}\n{}\n", names, roff(option.help));
  }
}

void append_commands(std::string& out, const CommandDoc& command, const std::string& path) {
  for (const CommandDoc& inner : command.commands) {
    const std::string whole = path + " " + inner.name;
    const std::string arguments = inner.arguments.empty() ? "" : " " + inner.arguments;
    out += fmt::format(".SS \"{}{}\"\n{}\n", roff(whole), roff(arguments), roff(inner.help));
    append_options(out, inner);
    append_commands(out, inner, whole);
  }
}

// One `case` arm a command: the words that may follow it.
void append_bash_arms(std::string& out, const CommandDoc& command, const std::string& path) {
  std::string words;
  for (const CommandDoc& inner : command.commands) words += inner.name + " ";
  for (const OptionDoc& option : command.options)
    for (const std::string& name : option.names) words += name + " ";
  if (!words.empty()) words.pop_back();
  out += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, words);
  for (const CommandDoc& inner : command.commands)
    append_bash_arms(out, inner, path.empty() ? inner.name : path + " " + inner.name);
}

void append_command_paths(std::string& out, const CommandDoc& command, const std::string& path) {
  for (const CommandDoc& inner : command.commands) {
    const std::string whole = path.empty() ? inner.name : path + " " + inner.name;
    out += fmt::format("\"{}\"|", whole);
    append_command_paths(out, inner, whole);
  }
}

}  // namespace

std::string man_page(const CommandDoc& program, std::string_view version) {
  std::string out = fmt::format(
      ".TH CARNET 1 \"\" \"carnet {}\" \"Carnet\"\n.SH NAME\ncarnet \\- {}\n.SH "
      "SYNOPSIS\n\\fBcarnet\\fR \\fICOMMAND\\fR "
      "[\\fIOPTION\\fR ...]\n.SH OPTIONS\n",
      version,
      roff("tells how ready cryptography is for quantum computers, and proves it to an outsider"));
  append_options(out, program);
  out += ".SH COMMANDS\n";
  append_commands(out, program, "carnet");
  out +=
      ".SH FILES\n.TP\n\\fIcarnet.toml\\fR\nsettings; in the current folder, else in the data "
      "directory\n.TP\n\\fIDATA/admin.key"
      "\\fR\nthe platform's own key\n.TP\n\\fIDATA/pepper\\fR\nthe secret that every key and link "
      "depends on\n.TP\n\\fIDATA/signing.keys\\fR, \\fIDATA/signing.seal\\fR\nthe keys that "
      "passports are signed with, and what opens them\n";
  return out;
}

std::string bash_completion(const CommandDoc& program) {
  std::string paths;
  append_command_paths(paths, program, "");
  if (!paths.empty()) paths.pop_back();
  std::string out = fmt::format(
      "# bash completion for carnet\n_carnet() {{\n  local current path=\"\" word words=\"\" i\n"
      "  current=\"${{COMP_WORDS[COMP_CWORD]}}\"\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n    word=\"${{COMP_WORDS[i]}}\"\n"
      "    case \"${{path:+$path }}$word\" in\n      {}) path=\"${{path:+$path }}$word\" ;;\n    "
      "esac\n  done\n  case \"$path\" in\n",
      paths);
  append_bash_arms(out, program, "");
  out +=
      "  esac\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n}\ncomplete -o "
      "default -F _carnet carnet\n";
  return out;
}

std::string zsh_completion(const CommandDoc& program) {
  return "#compdef carnet\nautoload -U +X bashcompinit && bashcompinit\n" +
         bash_completion(program);
}

}  // namespace carnet::app
