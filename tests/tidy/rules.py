"""The house rules that need no compiler. Each is a function of a Tree that yields problems as sentences."""

import os
import pathlib
import re

# An #include may point to the own module or to one of a lower rank. Modules of one rank never include each other.
RANKS = {
    "base": 0, "crypto": 1, "inventory": 2, "net": 3, "probe": 4, "assess": 4, "evidence": 4, "store": 4,
    "service": 5, "web": 6, "api": 7, "app": 8,
}
LINES_MAX = 600
SKIPPED_FOLDERS = {".git", "build", "node_modules", "carnet-data", "__pycache__", ".cache", ".vscode", ".idea"}
CODE = {".cc", ".h", ".py", ".sh", ".mjs", ".js", ".css", ".sql"}


class Tree:
    """The files of a clone, or of a sample of one."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
            self.files += [(pathlib.Path(folder) / name).relative_to(self.root) for name in sorted(names)]

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def exists(self, path):
        return (self.root / path).exists()

    def is_text(self, path):
        with open(self.root / path, "rb") as file:
            return b"\0" not in file.read(4096)

    def texts(self, *, but=()):
        """(path, text) of every text file that is not below one of the folders `but`."""
        for path in self.files:
            if any(path.as_posix().startswith(prefix) for prefix in but):
                continue
            if not (self.root / path).is_symlink() and self.is_text(path):
                yield path, self.text(path)

    def sources(self):
        """(path, text) of the C++ of src/."""
        for path in self.files:
            if path.parts[0] == "src" and path.suffix in {".cc", ".h"}:
                yield path, self.text(path)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def includes(tree):
    """#include lines point to the own module or downward."""
    for path, text in tree.sources():
        module = path.parts[1]
        if module not in RANKS:
            yield f"{path}: src/{module} has no rank in tests/tidy/rules.py"
            continue
        in_tests = "tests" in path.parts
        for match in re.finditer(r'^\s*#\s*include\s+"([^"]+)"', text, re.MULTILINE):
            where = f"{path}:{line_of(text, match.start())}"
            other = match.group(1).split("/")[0]
            if in_tests and match.group(1).startswith("tests/support/"):
                continue
            if "/" not in match.group(1) or other not in RANKS:
                yield f'{where}: "{match.group(1)}" is not written as "module/file.h"'
            elif other != module and RANKS[other] >= RANKS[module]:
                yield f"{where}: src/{module} may not include src/{other}; only what lies below it (ARCHITECTURE.md, layers)"


def readmes(tree):
    """Every folder of src/ and every top-level folder of the house says what it is."""
    folders = {path.parts[:2] for path in tree.files if path.parts[0] == "src" and len(path.parts) > 2}
    folders |= {path.parts[:1] for path in tree.files if len(path.parts) > 1 and path.parts[0] in
                {"scripts", "tests", "fuzz", "bench", "packaging", "docs", "data"}}
    for folder in sorted(folders):
        readme = pathlib.Path(*folder) / "README.md"
        if not tree.exists(readme):
            yield f"{readme} is missing: purpose, public surface, who may use it"


def leftovers(tree):
    """Nothing marked as to be done before the commit, and no stub."""
    pattern = re.compile(r"TODO\(now\)|\bFIXME\b|\bXXX\b|<<<<<<< |>>>>>>> ")
    for path, text in tree.texts(but=("tests/tidy/", "third_party/npm/package-lock.json")):
        for match in pattern.finditer(text):
            yield f"{path}:{line_of(text, match.start())}: leftover {match.group().strip()!r}"
        if path.name == "stub.cc":
            yield f"{path}: a stub file; delete it"


def absolute_paths(tree):
    """No path of somebody's machine."""
    pattern = re.compile(r"(?<![\w.~$}/-])/(?:work|home|root|Users|mnt)/[\w.]+")
    for path, text in tree.texts(but=("tests/tidy/",)):
        for match in pattern.finditer(text):
            yield f"{path}:{line_of(text, match.start())}: a machine's path, {match.group()}"


def sizes(tree):
    """A file that passes 600 lines is asked whether it is two rooms; tests/tidy/long_files.txt answers."""
    answers = pathlib.Path("tests/tidy/long_files.txt")
    allowed = {}
    if tree.exists(answers):
        for line in tree.text(answers).splitlines():
            if line.strip() and not line.startswith("#"):
                name, _, reason = line.partition(" ")
                allowed[name] = reason.strip()
    for path in tree.files:
        if path.suffix not in CODE and path.name not in {"run", "test"}:
            continue
        lines = tree.text(path).count("\n")
        name = path.as_posix()
        if lines > LINES_MAX and not allowed.get(name):
            yield f"{path}: {lines} lines, over {LINES_MAX}; split it, or give the reason in {answers}"
        elif lines <= LINES_MAX and name in allowed:
            yield f"{answers}: {name} is short enough now; take its line out"
    for name in allowed:
        if not tree.exists(name):
            yield f"{answers}: there is no {name}"


def snake(enumerator):
    """kShareLinkExpired → share_link_expired"""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", enumerator[1:]).lower()


def enumerators(text, name):
    body = re.search(rf"enum class {name}[^{{]*{{(.*?)}};", text, re.DOTALL)
    if not body:
        return []
    return re.findall(r"\bk[A-Z]\w*", re.sub(r"//.*", "", body.group(1)))


def problem_codes(tree):
    """{enumerator: code string}: as src/api/problem.cc says it in its switch, else by the rule of names."""
    codes = {name: snake(name) for name in enumerators(tree.text("src/base/error.h"), "ErrorCode")}
    problem = pathlib.Path("src/api/problem.cc")
    if tree.exists(problem):
        text = tree.text(problem)
        for name in codes:
            said = re.search(rf'\b{name}\b\s*[:,][^"]*?"([a-z][a-z0-9_]*)"', text)
            if said:
                codes[name] = said.group(1)
    return codes


def error_docs(tree):
    """docs/errors.md has one heading per problem code, and none for a code that does not exist."""
    documented = re.findall(r"^#+ `?([a-z][a-z0-9_]+)`?\s*$", tree.text("docs/errors.md"), re.MULTILINE)
    codes = problem_codes(tree)
    for name, code in codes.items():
        if code not in documented:
            yield f"docs/errors.md has no heading `### {code}` (ErrorCode::{name})"
    for code in documented:
        if code not in codes.values():
            yield f"docs/errors.md describes {code}, which is no problem code"


LIMIT_NAME = re.compile(r"(?:Max|Timeout|Deadline)(?=[A-Z]|$)")
LIMIT_MEMBER = re.compile(r"^[ \t]+[\w:<>, ]+?\s(\w+(?:_max|_timeout(?:_ms)?|_deadline|_rate_min))\s*(\{[^;{}]*\}|=[^;]*);(.*)", re.MULTILINE)


def without_comments(text):
    """Comments blanked, but for the marker that exempts a constant; newlines and strings kept."""
    def blank(match):
        if match.group().startswith(('"', "'")) or "limit: internal" in match.group():
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", blank, text, flags=re.DOTALL)


def limits_in_code(tree):
    """{name with value: place} of every limit: constants named k…Max… or k…Timeout… or k…Deadline…, members of structs
    named …Limits, and members that a header gives a default and whose name ends in _max, _timeout, _deadline or _rate_min. A line with the comment `limit: internal` is none that a user meets."""
    found = {}
    for path, text in tree.sources():
        # The numbers of the method of judging (src/assess) bound nothing that comes from outside.
        if "tests" in path.parts or path.parts[1] == "assess":
            continue
        text = without_comments(text)
        declarations = []
        if path.suffix == ".h":
            declarations += [(match, *match.groups()) for match in LIMIT_MEMBER.finditer(text)]
        for match in re.finditer(r"^[ \t]*(?:inline |static )*constexpr [\w:<>, ]+?\b(k[A-Z]\w*)\s*(\{[^;]*\}|=[^;]*);(.*)", text, re.MULTILINE):
            if LIMIT_NAME.search(match.group(1)):
                declarations.append((match, match.group(1), match.group(2), match.group(3)))
        for struct in re.finditer(r"\bstruct (\w*Limits)\s*{(.*?)^\s*};", text, re.MULTILINE | re.DOTALL):
            for match in re.finditer(r"^\s*[\w:<>, ]+?\s(\w+)\s*(\{[^;]*\}|=[^;]*);(.*)", struct.group(2), re.MULTILINE):
                if not LIMIT_MEMBER.match(match.group().lstrip("\n")):
                    declarations.append((struct, f"{struct.group(1)}::{match.group(1)}", match.group(2), match.group(3)))
        for match, name, value, rest in declarations:
            value = re.sub(r"\s+", " ", value.strip().removeprefix("=").strip().strip("{}").strip())
            # A default of nothing is for whoever makes the object to set.
            if "limit: internal" in rest or value in {"", "0"}:
                continue
            found[f"{name} = {value}"] = f"{path}:{line_of(text, match.start())}"
    return found


def limit_docs(tree):
    """Every limit of the code is in docs/limits.md with the value it has; the last cell of a row names it."""
    documented = re.findall(r"`((?:\w+::)?\w+ = [^`]+)`\s*\|\s*$", tree.text("docs/limits.md"), re.MULTILINE)
    in_code = limits_in_code(tree)
    for limit, where in in_code.items():
        if limit not in documented:
            yield (f"{where}: docs/limits.md has no row that ends with `{limit}` | (add or correct it; for a bound that no user "
                   "can meet, end the code's line with `// limit: internal`)")
    for limit in documented:
        if limit not in in_code:
            yield f"docs/limits.md: `{limit}` is not in the code (or has another value there)"


SECRET_WORD = re.compile(r"expose\s*\(|\b(?:token|passcode|password|pepper|secret|authorization|key_text|raw_path|raw_target)\b(?!\s*_)")


def call_text(text, start):
    """From the opening parenthesis at `start` to its end."""
    depth = 0
    for offset in range(start, len(text)):
        if text[offset] == "(":
            depth += 1
        elif text[offset] == ")":
            depth -= 1
            if depth == 0:
                return text[start:offset + 1]
    return text[start:]


def secret_logs(tree):
    """No secret, token, passcode or raw path in a log call."""
    call = re.compile(r"\blog\w*\s*(?:\(\)\s*)?(?:\.|->)\s*(?:debug|info|warn|error|write)\s*(\()")
    for path, text in tree.sources():
        text = without_comments(text)
        for match in call.finditer(text):
            # Words inside string literals are names of events and fields, not values.
            body = re.sub(r'"(?:\\.|[^"\\])*"', '""', call_text(text, match.start(1)))
            word = SECRET_WORD.search(body)
            if word:
                yield f"{path}:{line_of(text, match.start())}: {word.group().strip('( ')!r} in a log call"


def links(tree):
    """Relative links of the documents lead somewhere."""
    for path in tree.files:
        if path.suffix != ".md":
            continue
        text = re.sub(r"```.*?```", lambda m: re.sub(r"[^\n]", " ", m.group()), tree.text(path), flags=re.DOTALL)
        for match in re.finditer(r"\]\(([^)#\s]+)(#[^)\s]*)?\)", text):
            target = match.group(1)
            if re.match(r"[a-z]+:", target):
                continue
            if not (tree.root / path.parent / target).exists():
                yield f"{path}:{line_of(text, match.start())}: the link {target} leads nowhere"


def settings_docs(tree):
    """Every setting of the table in src/app/settings.cc is in docs/operating.md, with its environment name."""
    source = pathlib.Path("src/app/settings.cc")
    if not tree.exists(source):
        return
    documented = tree.text("docs/operating.md")
    for flag, variable in re.findall(r'\{\s*"([a-z][a-z-]+)",\s*"(CARNET_[A-Z_]+)"', tree.text(source)):
        if f"--{flag}" not in documented or variable not in documented:
            yield f"docs/operating.md does not describe --{flag} / {variable}"


RULES = {
    "includes": includes, "readmes": readmes, "leftovers": leftovers, "absolute_paths": absolute_paths, "sizes": sizes,
    "error_docs": error_docs, "limit_docs": limit_docs, "secret_logs": secret_logs, "links": links,
    "settings_docs": settings_docs,
}
