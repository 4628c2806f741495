"""For each rule a small tree that breaks it and says where, and one that keeps it: a rule that cannot fail is no rule."""

import json
import pathlib
import tempfile

import analysis
import rules

ERROR_H = "enum class ErrorCode {\n  kNotFound,  // 404\n  kRateLimited,\n};\n"
GOOD_ERRORS = "# Errors\n\n### not_found\n\n### rate_limited\n"
CLANG_TIDY = "Checks: '-*,bugprone-use-after-move'\n"
USES_MOVED = ("#include <string>\n#include <utility>\n\nstd::string twice(std::string text) {\n  std::string first = std::move(text);\n"
              "  return first + text;\n}\n")

# (rule, files, words of the problem; None: the rule is kept)
SAMPLES = [
    ("includes", {"src/base/a.h": '#include "store/db.h"\n'}, "src/base may not include src/store"),
    ("includes", {"src/probe/a.cc": '#include "assess/judge.h"\n'}, "src/probe may not include src/assess"),
    ("includes", {"src/net/tests/a_test.cc": '#include "api/http.h"\n'}, "src/net may not include src/api"),
    ("includes", {"src/api/a.cc": '#include "http.h"\n'}, "is not written as"),
    ("includes", {"src/extra/a.cc": ""}, "has no rank"),
    ("includes", {"src/api/a.cc": '#include "api/http.h"\n#include "web/pages.h"\n#include "base/log.h"\n',
                  "src/api/tests/a_test.cc": '#include "tests/support/server.h"\n'}, None),
    ("readmes", {"src/base/a.h": ""}, "src/base/README.md is missing"),
    ("readmes", {"scripts/a.sh": ""}, "scripts/README.md is missing"),
    ("readmes", {"src/base/a.h": "", "src/base/README.md": "# base\n"}, None),
    ("leftovers", {"src/base/a.h": "int a;  // TODO(now): think\n"}, "a.h:1: leftover"),
    ("leftovers", {"docs/a.md": "one\nFIXME\n"}, "a.md:2: leftover"),
    ("leftovers", {"src/base/stub.cc": "\n"}, "a stub file"),
    ("leftovers", {"docs/a.md": "XXXL shirts\n"}, None),
    ("absolute_paths", {"docs/a.md": "see /home/ada/carnet\n"}, "a machine's path, /home/ada"),
    ("absolute_paths", {"docs/a.md": "https://example.org/home/ada and src/work/a\n"}, None),
    ("sizes", {"src/base/a.cc": "\n" * 601}, "601 lines, over 600"),
    ("sizes", {"src/base/a.cc": "\n", "tests/tidy/long_files.txt": "src/base/a.cc a table\n"}, "short enough now"),
    ("sizes", {"tests/tidy/long_files.txt": "src/base/b.cc a table\n"}, "there is no src/base/b.cc"),
    ("sizes", {"src/base/a.cc": "\n" * 601, "tests/tidy/long_files.txt": "src/base/a.cc one table, read as a whole\n"}, None),
    ("error_docs", {"src/base/error.h": ERROR_H, "docs/errors.md": "### not_found\n"}, "no heading `### rate_limited`"),
    ("error_docs", {"src/base/error.h": ERROR_H, "docs/errors.md": GOOD_ERRORS + "### gone\n"}, "describes gone"),
    ("error_docs", {"src/base/error.h": ERROR_H, "docs/errors.md": GOOD_ERRORS,
                    "src/api/problem.cc": 'case ErrorCode::kNotFound:\n  return {404, "no_such_thing"};\n'}, "no heading `### no_such_thing`"),
    ("error_docs", {"src/base/error.h": ERROR_H, "docs/errors.md": GOOD_ERRORS}, None),
    ("limit_docs", {"src/net/a.h": "constexpr int kBodyBytesMax = 1024;\n", "docs/limits.md": ""}, "`kBodyBytesMax = 1024`"),
    ("limit_docs", {"src/net/a.h": "struct EngineLimits {\n  int at_once = 4;\n  std::chrono::milliseconds connect{3000};\n};\n",
                    "docs/limits.md": "| a | b | `EngineLimits::at_once = 4` |\n"}, "`EngineLimits::connect = 3000`"),
    ("limit_docs", {"src/api/server.h": "struct Options {\n  std::chrono::milliseconds idle_timeout{75000};\n};\n", "docs/limits.md": ""},
     "`idle_timeout = 75000`"),
    ("limit_docs", {"docs/limits.md": "| a | b | `kGoneMax = 1` |\n"}, "is not in the code"),
    ("limit_docs", {"src/net/a.h": "constexpr int kBodyBytesMax = 2048;\n", "docs/limits.md": "| a | b | `kBodyBytesMax = 1024` |\n"},
     "another value"),
    ("limit_docs", {"src/net/a.h": "constexpr int kBodyBytesMax = 1024;\nconstexpr int kSlotsMax = 8;  // limit: internal\n",
                    "docs/limits.md": "| a | b | `kBodyBytesMax = 1024` |\n"}, None),
    ("secret_logs", {"src/api/a.cc": 'void f() { log_.info("key", {{"key", key.expose()}}); }\n'}, "'expose' in a log call"),
    ("secret_logs", {"src/api/a.cc": 'void f() {\n  log.warn("bad",\n           {{"value", token}});\n}\n'}, "a.cc:2: 'token' in a log call"),
    ("secret_logs", {"src/api/a.cc": 'void f() { log_.info("token refused", {{"share", id}}); use(token); }\n'}, None),
    ("links", {"docs/a.md": "[b](b.md)\n"}, "the link b.md leads nowhere"),
    ("links", {"docs/a.md": "[b](b.md#x) [c](https://example.org)\n", "docs/b.md": ""}, None),
    ("settings_docs", {"src/app/settings.cc": '{"listen", "CARNET_LISTEN", "", ""},\n', "docs/operating.md": "--listen\n"},
     "--listen / CARNET_LISTEN"),
    ("settings_docs", {"src/app/settings.cc": '{"listen", "CARNET_LISTEN", "", ""},\n', "docs/operating.md": "--listen CARNET_LISTEN\n"}, None),
    ("clang_format", {".clang-format": "BasedOnStyle: Google\n", "src/base/a.cc": "int  a ;\n"}, "not formatted"),
    ("clang_format", {".clang-format": "BasedOnStyle: Google\n", "src/base/a.cc": "int a;\n"}, None),
    ("clang_tidy", {".clang-tidy": CLANG_TIDY, "src/base/a.cc": USES_MOVED}, "bugprone-use-after-move"),
    ("clang_tidy", {".clang-tidy": CLANG_TIDY, "src/base/a.cc": USES_MOVED, "src/base/b.cc": "int b() { return 1; }\n"}, "base/a.cc:"),
    ("clang_tidy", {".clang-tidy": CLANG_TIDY, "src/base/a.cc": "int a() { return 1; }\n"}, None),
    # Sources that cannot be read as one are read alone.
    ("clang_tidy", {".clang-tidy": CLANG_TIDY, "src/base/a.cc": USES_MOVED, "src/base/b.cc": USES_MOVED}, "base/b.cc:"),
    ("clang_tidy", {".clang-tidy": CLANG_TIDY, "src/base/a.cc": "static int f() { return 1; }\nint a() { return f(); }\n",
                    "src/base/b.cc": "static int f() { return 2; }\nint b() { return f(); }\n"}, None),
    ("shell", {"scripts/a.sh": "#!/bin/sh\nrm $1\n"}, "shellcheck says"),
    ("shell", {"scripts/a.sh": '#!/bin/sh\nrm "$1"\n'}, None),
    ("python", {"scripts/a.py": "def f(:\n"}, "a.py:1:"),
    ("python", {"scripts/a.py": "def f():\n    pass\n"}, None),
]


def problems_of(rule, files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve() / "clone"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        if rule in rules.RULES:
            return list(rules.RULES[rule](rules.Tree(root)))
        tree = rules.Tree(root)
        build = root / "build/release"
        build.mkdir(parents=True)
        (build / "compile_commands.json").write_text(json.dumps([
            {"directory": str(build), "file": str(root / path), "command": f"clang++-19 -std=c++20 -c {root / path}"}
            for path in tree.files if path.suffix == ".cc"]))
        found = list(analysis.CHECKS[rule](tree, build))
        # The second look answers from the cache and must say the same.
        if rule == "clang_tidy" and bool(found) != bool(list(analysis.CHECKS[rule](tree, build))):
            found.append("the cache changed the answer")
        return found


def self_test():
    seen = set()
    for number, (rule, files, words) in enumerate(SAMPLES):
        found = problems_of(rule, files)
        name = f"sample {number} of {rule}"
        if words is None and found:
            yield f"{name} keeps the rule but was refused: {found}"
        elif words is not None:
            seen.add(rule)
            if not any(words in problem for problem in found):
                yield f"{name} should have been refused with {words!r}, but: {found or 'it passed'}"
    for rule in [*rules.RULES, *analysis.CHECKS]:
        if rule not in seen:
            yield f"{rule} has no sample that breaks it"
