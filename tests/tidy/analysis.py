"""The house rules that a program checks: clang-format, clang-tidy, shellcheck, and Python's own compiler."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess

CLANG_FORMAT = "clang-format-19"
CLANG_TIDY = "clang-tidy-19"


def run(argv, **options):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def needed(program):
    if shutil.which(program) is None:
        return f"{program} is not installed; ./test installs it (scripts/packages-test.txt)"
    return None


def cpp_files(tree):
    return [path for path in tree.files if path.suffix in {".cc", ".h"} and path.parts[0] in {"src", "tests", "fuzz", "bench"}]


def clang_format(tree, _build):
    """Every C++ file is as clang-format-19 leaves it."""
    if needed(CLANG_FORMAT):
        yield needed(CLANG_FORMAT)
        return
    files = [str(tree.root / path) for path in cpp_files(tree)]
    if not files:
        return
    done = run([CLANG_FORMAT, "--dry-run", "--Werror", f"--style=file:{tree.root / '.clang-format'}", *files])
    bad = {}
    for match in re.finditer(r"^(.+?):(\d+):\d+: error:", done.stdout, re.MULTILINE):
        bad.setdefault(match.group(1), match.group(2))
    for name, line in bad.items():
        path = pathlib.Path(name).relative_to(tree.root)
        yield f"{path}:{line}: not formatted; run {CLANG_FORMAT} -i {path}"
    if done.returncode != 0 and not bad:
        yield done.stdout.strip()


def shell(tree, _build):
    """Every shell script passes shellcheck."""
    if needed("shellcheck"):
        yield needed("shellcheck")
        return
    for path in tree.files:
        full = tree.root / path
        with open(full, "rb") as file:
            first = file.readline(80)
        if re.match(rb"#!.*\b(?:ba|da)?sh\b", first) or first.startswith(b"# shellcheck shell="):
            done = run(["shellcheck", "-x", "-P", ".", str(path)], cwd=tree.root)
            if done.returncode != 0:
                yield f"{path}: shellcheck says\n{done.stdout.strip()}"


def python(tree, _build):
    """Every Python file compiles."""
    for path in tree.files:
        if path.suffix == ".py":
            try:
                compile(tree.text(path), str(path), "exec")
            except SyntaxError as problem:
                yield f"{path}:{problem.lineno}: {problem.msg}"


class Digests:
    """Hashes a source with every project header that it includes, so that a result can be kept under that name."""

    def __init__(self, folders):
        self._folders = folders
        self._cache = {}

    def _one(self, path):
        if path not in self._cache:
            data = path.read_bytes()
            names = re.findall(rb'^\s*#\s*include\s+"([^"]+)"', data, re.MULTILINE)
            found = []
            for name in names:
                for folder in [path.parent, *self._folders]:
                    candidate = folder / name.decode()
                    if candidate.is_file():
                        found.append(candidate.resolve())
                        break
            self._cache[path] = (hashlib.sha256(data).digest(), found)
        return self._cache[path]

    def of(self, path, salt):
        seen, queue = set(), [path.resolve()]
        while queue:
            current = queue.pop()
            if current not in seen:
                seen.add(current)
                queue += self._one(current)[1]
        whole = hashlib.sha256(salt)
        for part in sorted(self._one(file)[0] for file in seen):
            whole.update(part)
        return whole.hexdigest()


def tidy_jobs(tree, build):
    """[(path, compile command as a list)] of every source of the product (tests are left out: gtest's macros are noise)."""
    jobs = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        try:
            relative = path.relative_to(tree.root)
        except ValueError:
            continue
        if relative.parts[0] == "src" and "tests" not in relative.parts and path.exists():
            jobs.append((relative, entry["command"]))
    return jobs


def clang_tidy(tree, build):
    """clang-tidy-19 has nothing to say about any source of the product, nor about the headers it includes."""
    if needed(CLANG_TIDY):
        yield needed(CLANG_TIDY)
        return
    if not (build / "compile_commands.json").is_file():
        yield f"{build}/compile_commands.json is missing; configure first: cmake --preset release"
        return
    cache = build.parent / "tidy-cache"
    cache.mkdir(parents=True, exist_ok=True)
    version = run([CLANG_TIDY, "--version"]).stdout
    config = (tree.root / ".clang-tidy").read_text()
    embedded = sorted(path.parent for path in build.glob("src/*/embedded/*"))
    digests = Digests([tree.root / "src", tree.root, *embedded])

    def check(job):
        path, command = job
        salt = "\0".join([version, config, command.replace(str(build), "").replace(str(tree.root), "")]).encode()
        mark = cache / digests.of(tree.root / path, salt)
        if mark.exists():
            os.utime(mark)
            return None
        done = run([CLANG_TIDY, "-p", str(build), "--quiet", "--warnings-as-errors=*", f"--config-file={tree.root / '.clang-tidy'}",
                    str(tree.root / path)])
        if done.returncode == 0:
            mark.touch()
            return None
        shown = [line for line in done.stdout.splitlines() if not re.match(r"\d+ warnings? |Suppressed |Use -header-filter", line)]
        return f"{path}: clang-tidy says\n" + "\n".join(shown).replace(str(tree.root) + "/", "")

    with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
        for problem in pool.map(check, tidy_jobs(tree, build)):
            if problem:
                yield problem
    # Results that nobody asked for in a long time.
    marks = sorted(cache.iterdir(), key=lambda mark: mark.stat().st_mtime, reverse=True)
    for mark in marks[4000:]:
        mark.unlink(missing_ok=True)


CHECKS = {"clang_format": clang_format, "clang_tidy": clang_tidy, "shell": shell, "python": python}
