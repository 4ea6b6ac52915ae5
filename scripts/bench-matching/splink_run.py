"""Runs Splink (4 or 5, whichever is installed) on one set: SET.json in, pairs and clusters out, one JSON line."""
import json
import sys
import time

import duckdb
import splink
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on

from memory import peak_mb

MAJOR = int(splink.__version__.split(".")[0])


def comparison(spec):
    """One comparison at its own best settings, by the kind of column."""
    kind, column = spec["kind"], spec["column"]
    if kind == "name":
        return cl.JaroWinklerAtThresholds(column, [0.92, 0.88, 0.7]).configure(term_frequency_adjustments=True)
    if kind == "text":
        return cl.JaroWinklerAtThresholds(column, [0.92, 0.8]).configure(term_frequency_adjustments=True)
    if kind == "number":
        return cl.DamerauLevenshteinAtThresholds(column, [1, 2])
    if kind == "date":
        return cl.DamerauLevenshteinAtThresholds(column, [1, 2])
    if kind == "id":
        return cl.DamerauLevenshteinAtThresholds(column, [1, 2])
    if kind == "email":
        return cl.EmailComparison(column)
    if kind == "exact":
        return cl.ExactMatch(column).configure(term_frequency_adjustments=True)
    raise SystemExit(f"no comparison {kind}")


def task_pairs(con, task):
    """How many pairs the rules bring together, counted apart from the run."""
    left, right = ("input_0", "input_0") if len(task["files"]) == 1 else ("input_0", "input_1")
    order = "l.unique_id < r.unique_id" if left == right else "true"

    def side(table, rule):
        several = [c for c in rule if c in task.get("several", [])]
        columns = ["unique_id"] + [f'unnest("{c}") AS "{c}"' if c in several else f'"{c}"' for c in rule]
        return f"(SELECT {', '.join(columns)} FROM {table})"

    parts = [
        f"SELECT l.unique_id a, r.unique_id b FROM {side(left, rule)} l JOIN {side(right, rule)} r ON "
        + " AND ".join(f'l."{c}" = r."{c}"' for c in rule)
        + f" WHERE {order}"
        for rule in task["rules"]
    ]
    return con.execute(f"SELECT count(*) FROM ({' UNION '.join(parts)})").fetchone()[0]


def by_our_blocks(con, task, tables):
    """Joins on the blocks that our engine made, so that both compare the same pairs."""
    con.execute(f"CREATE TABLE blocks AS SELECT * FROM read_csv('{task['blocks']}', all_varchar=true, header=true, nullstr='')")
    rules = [about[0] for about in con.execute("DESCRIBE blocks").fetchall()][1:]
    task["rules"] = [[f"block_{rule}"] for rule in rules]
    task["several"] = [
        f"block_{rule}" for rule in rules if con.execute(f"SELECT count(*) FROM blocks WHERE \"{rule}\" LIKE '%;%'").fetchone()[0]
    ]
    columns = [
        f"string_split(b.\"{rule}\", ';') AS block_{rule}"
        if f"block_{rule}" in task["several"]
        else f'b."{rule}" AS block_{rule}'
        for rule in rules
    ]
    for table in tables:
        con.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT i.*, {', '.join(columns)} FROM {table} i "
            "LEFT JOIN blocks b ON b.id = i.unique_id"
        )


def main():
    task = json.load(open(sys.argv[1]))
    threads, pairs_out, clusters_out = int(sys.argv[2]), sys.argv[3], sys.argv[4]
    con = duckdb.connect()
    con.execute(f"SET threads={threads}")
    began = time.perf_counter()
    tables = []
    for at, path in enumerate(task["files"]):
        name = f"input_{at}"
        con.execute(
            f"CREATE TABLE {name} AS SELECT * FROM read_csv('{path}', all_varchar=true, header=true, nullstr='')"
        )
        tables.append(name)
    if "blocks" in task:
        by_our_blocks(con, task, tables)
    link = "dedupe_only" if len(tables) == 1 else "link_only"
    several = task.get("several", [])
    exploded = [[column for column in rule if column in several] for rule in task["rules"]]
    rules = [
        block_on(*rule, arrays_to_explode=arrays) if arrays else block_on(*rule)
        for rule, arrays in zip(task["rules"], exploded)
    ]
    settings = SettingsCreator(
        link_type=link,
        unique_id_column_name="unique_id",
        comparisons=[comparison(spec) for spec in task["comparisons"]],
        blocking_rules_to_generate_predictions=rules,
        retain_intermediate_calculation_columns=False,
        retain_matching_columns=False,
    )
    if MAJOR >= 5:
        from splink.backends.duckdb import DuckDBAPI

        api = DuckDBAPI(connection=con)
        frames = [api.register(name) for name in tables]
        linker = Linker(frames if len(frames) > 1 else frames[0], settings)
    else:
        from splink import DuckDBAPI

        linker = Linker(tables if len(tables) > 1 else tables[0], settings, DuckDBAPI(connection=con))
    seconds = {"read": time.perf_counter() - began}
    began = time.perf_counter()
    linker.training.estimate_probability_two_random_records_match(
        [block_on(*rule) for rule in task["certain"]], recall=task.get("recall", 0.7)
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in task["sessions"]:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    seconds["train"] = time.perf_counter() - began
    began = time.perf_counter()
    predictions = linker.inference.predict(threshold_match_probability=0.001)
    seconds["predict"] = time.perf_counter() - began
    began = time.perf_counter()
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predictions, 0.95)
    seconds["cluster"] = time.perf_counter() - began
    con.execute(
        f"COPY (SELECT unique_id_l, unique_id_r, match_probability FROM {predictions.physical_name}) "
        f"TO '{pairs_out}' (HEADER, DELIMITER ',')"
    )
    con.execute(
        f"COPY (SELECT unique_id, cluster_id FROM {clusters.physical_name}) TO '{clusters_out}' (HEADER, DELIMITER ',')"
    )
    seconds["total"] = sum(seconds.values())
    peak = peak_mb()
    print(json.dumps({"engine": f"splink {splink.__version__}", "seconds": seconds, "peak_mb": peak, "pairs": task_pairs(con, task)}))


main()
