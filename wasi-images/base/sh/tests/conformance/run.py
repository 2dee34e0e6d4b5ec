#!/usr/bin/env python3
"""Runs the shell test cases of the brush project against this shell.

    run.py CASES [--shell SH] [--all] [--list] [--show NAME] [--jobs N] [--minimum PERCENT]

CASES is `brush-shell/tests/cases/compat` of a checkout of https://github.com/reubeno/brush; the cases are not part of this repository.

A case counts as portable, and is judged, if dash and bash --posix write the same to standard output and end with the same status on it. What this
shell does plays no part in the choice. Cases for a terminal, and those that brush skips, are left out. A case is passed if this shell writes the same
and ends with the same status; messages on standard error are worded differently by all shells and not compared.

With --all the cases are judged against bash --posix alone, bash's own extensions included.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import yaml


def cases(folder):
    for path in sorted(pathlib.Path(folder).rglob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        group = str(path.relative_to(folder))[: -len(".yaml")]
        for number, case in enumerate(document.get("cases") or []):
            yield group, case.get("name") or f"case {number + 1}", case, document, path.parent


def run(command, case, document, folder):
    """Standard output and exit status of a shell on a case; None for one that does not end."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as work:
        for file in (document.get("common_test_files") or []) + (case.get("test_files") or []):
            path = pathlib.Path(work, file["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.get("source_path"):
                shutil.copy(folder / file["source_path"], path)
            else:
                path.write_text(file.get("contents") or "")
            path.chmod(0o755 if file.get("executable") else 0o644)
        environment = {"LC_ALL": "C", "PS1": "test$ ", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        environment.update({name: str(value) for name, value in (case.get("env") or {}).items()})
        if case.get("home_dir"):
            environment["HOME"] = os.path.join(work, case["home_dir"])
        process = subprocess.Popen(
            command + [str(argument) for argument in case.get("args") or []],
            cwd=work,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate((case.get("stdin") or "").encode(), timeout=case.get("timeout_in_seconds") or 10)
        except subprocess.TimeoutExpired:
            output = None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        if output is None:
            return None
        # Each run has a folder of its own.
        text = output.decode(errors="replace").replace(work, "/work").replace(os.path.basename(work), "work")
        if case.get("ignore_whitespace"):
            text = " ".join(text.split())
        return ("" if case.get("ignore_stdout") else text), process.returncode


def judge(item, options):
    group, name, case, document, folder = item
    if case.get("pty") or case.get("skip"):
        return "left out", None
    bash = run(["bash", "--posix"], case, document, folder)
    if not options.all and (bash is None or run(["dash"], case, document, folder) != bash):
        return "not portable", None
    if bash is None:
        return "not portable", None
    ours = run(options.shell.split(), case, document, folder)
    return ("passed" if ours == bash else "failed"), (ours, bash)


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases")
    parser.add_argument("--shell", default=str(here.parents[1] / "target/release/sh"))
    parser.add_argument("--all", action="store_true", help="judge all cases against bash --posix")
    parser.add_argument("--list", action="store_true", help="name each failed case")
    parser.add_argument("--show", help="only cases whose group or name holds this, with both outputs")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minimum", type=float, default=0.0, help="fail below this rate")
    options = parser.parse_args()
    for shell in ["bash"] if options.all else ["bash", "dash"]:
        if not shutil.which(shell):
            print(f"skipped: {shell} is not installed, and without it nothing can be compared")
            return 0
    items = [item for item in cases(options.cases) if not options.show or options.show in f"{item[0]}: {item[1]}"]
    counts = collections.Counter()
    groups = collections.defaultdict(collections.Counter)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for item, (result, outputs) in zip(items, pool.map(lambda item: judge(item, options), items)):
            counts[result] += 1
            groups[item[0]][result] += 1
            if result == "failed" and (options.list or options.show):
                print(f"FAILED {item[0]}: {item[1]}")
            if result == "failed" and options.show:
                ours, oracle = outputs
                print("  --- stdin\n" + (item[2].get("stdin") or ""))
                print(f"  --- ours: {ours}\n  --- oracle: {oracle}\n")
    for group, results in sorted(groups.items()):
        if results["failed"]:
            print(f"{group}: {results['failed']} of {results['passed'] + results['failed']} failed")
    judged = counts["passed"] + counts["failed"]
    rate = 100.0 * counts["passed"] / judged if judged else 0.0
    print(f"{counts['passed']} of {judged} passed ({rate:.1f} %); {counts['not portable']} not portable, {counts['left out']} left out")
    return 0 if rate >= options.minimum else 1


if __name__ == "__main__":
    sys.exit(main())
