#!/usr/bin/env python3
"""Checks one house rule:  tidy.py RULE [--root DIR] [--build DIR]   or shows that each can fail:  tidy.py self-test

Exit 0: the rule is kept. 1: it is not; every place is printed. 2: wrong use.
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
import analysis  # noqa: E402
import rules  # noqa: E402
import samples  # noqa: E402


def main():
    names = sorted([*rules.RULES, *analysis.CHECKS])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rule", choices=[*names, "self-test", "list"], metavar="RULE", help=", ".join([*names, "self-test", "list"]))
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--build", type=pathlib.Path, help="the build folder with compile_commands.json; default build/release")
    arguments = parser.parse_args()
    if arguments.rule == "list":
        print("\n".join(names))
        return 0
    if arguments.rule == "self-test":
        problems = list(samples.self_test())
    else:
        root = arguments.root.resolve()
        tree = rules.Tree(root)
        if arguments.rule in rules.RULES:
            problems = list(rules.RULES[arguments.rule](tree))
        else:
            build = (arguments.build or root / "build/release").resolve()
            problems = list(analysis.CHECKS[arguments.rule](tree, build))
    for problem in problems:
        print(problem)
    if problems:
        print(f"{arguments.rule}: {len(problems)} problem{'s' if len(problems) > 1 else ''}")
        return 1
    print(f"{arguments.rule}: kept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
