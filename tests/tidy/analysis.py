"""The house rules that a program checks: clang-format, clang-tidy, shellcheck, and Python's own compiler."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

CLANG_FORMAT = "clang-format-19"
CLANG_TIDY = "clang-tidy-19"
TIDY_BATCH = 12  # sources that clang-tidy reads as one: more is faster, and takes more memory


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
    """[(path, its compiler's flags)] of every source of the product (tests are left out: gtest's macros are noise)."""
    jobs = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        try:
            relative = path.relative_to(tree.root)
        except ValueError:
            continue
        if relative.parts[0] == "src" and "tests" not in relative.parts and path.exists():
            words = shlex.split(entry["command"])[1:]
            if "-o" in words:
                output = words.index("-o")
                del words[output:output + 2]
            # Of several targets that build it, the first.
            jobs.setdefault(relative, tuple(word for word in words if word not in {"-c", str(path)}))
    return list(jobs.items())


def local_names(text):
    """What a source declares at the left margin of its unnamed namespace; two of the same name cannot share a batch."""
    names = set()
    for block in re.findall(r"^namespace \{$(.*?)^\}  // namespace$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            match = re.match(r"(?:struct|class|enum class|using(?= \w+ =)) (\w+)|(?!namespace|template|using)[a-zA-Z][^=({]*?(\w+)\s*[=({\[;]", line)
            if match:
                names.add(match.group(1) or match.group(2))
    return names


def batches(tree, jobs, size):
    """[(paths, flags)]: sources of equal flags together. Nearly all the time of clang-tidy goes into the headers, which the
    sources of one batch share."""
    made = []
    for path, flags in jobs:
        names = local_names(tree.text(path))
        for batch in made:
            if batch["flags"] == flags and len(batch["paths"]) < size and not batch["names"] & names:
                break
        else:
            batch = {"flags": flags, "paths": [], "names": set()}
            made.append(batch)
        batch["paths"].append(path)
        batch["names"] |= names
    return sorted(((batch["paths"], batch["flags"]) for batch in made), key=lambda batch: -len(batch[0]))


def tidy_batch(tree, paths, flags):
    """What clang-tidy says about these sources, read as one; None for nothing."""
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / "batch.cc"
        whole.write_text("".join(f'#include "{tree.root / path}"\n' for path in paths))
        # -w: the compiler's own warnings are the build's business. The filter takes .cc too, as a batch includes its sources.
        done = run([CLANG_TIDY, "--quiet", "--warnings-as-errors=*", f"--config-file={tree.root / '.clang-tidy'}",
                    rf"--header-filter=^{re.escape(str(tree.root))}/src/[a-z]+/[^/]*\.(h|cc)$",
                    str(whole if len(paths) > 1 else tree.root / paths[0]), "--", *flags, "-w"])
    if done.returncode == 0:
        return None
    if len(paths) > 1 and ("clang-diagnostic-" in done.stdout or " error: " not in done.stdout):
        # They do not go together after all.
        alone = [tidy_batch(tree, [path], flags) for path in paths]
        return "\n".join(answer for answer in alone if answer) or None
    shown = [line for line in done.stdout.splitlines()
             if not re.match(r"\d+ (?:warnings?|errors?) |Suppressed |Use -header-filter|Error while processing", line)]
    return "\n".join(shown).replace(str(tree.root) + "/", "")


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
    marks, unknown = {}, []
    for path, flags in tidy_jobs(tree, build):
        salt = "\0".join([version, config, *flags]).replace(str(build), "").replace(str(tree.root), "").encode()
        marks[path] = cache / digests.of(tree.root / path, salt)
        if marks[path].exists():
            os.utime(marks[path])
        else:
            unknown.append((path, flags))

    def check(batch):
        answer = tidy_batch(tree, *batch)
        for path in batch[0]:
            if answer is None:
                marks[path].touch()
        return answer

    with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
        for problem in pool.map(check, batches(tree, unknown, TIDY_BATCH)):
            if problem:
                yield problem
    # Results that nobody asked for in a long time.
    kept = sorted(cache.iterdir(), key=lambda mark: mark.stat().st_mtime, reverse=True)
    for mark in kept[4000:]:
        mark.unlink(missing_ok=True)


CHECKS = {"clang_format": clang_format, "clang_tidy": clang_tidy, "shell": shell, "python": python}
