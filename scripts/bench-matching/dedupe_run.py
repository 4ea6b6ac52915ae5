"""Runs dedupe on one set, memory and time capped: SET.json in, pairs and clusters out, one JSON line.

dedupe learns from labelled pairs; it is given 400 true ones and as many that are not, drawn with a fixed seed. That is
more than the others are told.
"""
import csv
import itertools
import json
import os
import random
import resource
import sys
import time

from memory import peak_mb

MEMORY_MAX = 8 << 30
LABELLED = 400


def main():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    import dedupe
    from dedupe import variables

    task = json.load(open(sys.argv[1]))
    threads, pairs_out, clusters_out = int(sys.argv[2]), sys.argv[3], sys.argv[4]
    began = time.perf_counter()
    with open(task["files"][0]) as lines:
        data = {row["unique_id"]: {key: value or None for key, value in row.items()} for row in csv.DictReader(lines)}
    with open(sys.argv[1].replace(".task.json", ".truth.csv")) as lines:
        truth = {row["id"]: row["entity"] for row in csv.DictReader(lines)}
    of_entity = {}
    for record in sorted(truth):
        of_entity.setdefault(truth[record], []).append(record)
    dice = random.Random(1)
    true_pairs = [pair for of in of_entity.values() for pair in itertools.combinations(of, 2)]
    same = [(data[a], data[b]) for a, b in dice.sample(true_pairs, min(LABELLED, len(true_pairs)))]
    ids, other = sorted(data), []
    while len(other) < LABELLED:
        a, b = dice.sample(ids, 2)
        if truth[a] != truth[b]:
            other.append((data[a], data[b]))
    fields = [variables.String(spec["column"], has_missing=True) for spec in task["comparisons"]]
    seconds = {"read": time.perf_counter() - began}
    began = time.perf_counter()
    deduper = dedupe.Dedupe(fields, num_cores=threads)
    deduper.prepare_training(data)
    deduper.mark_pairs({"match": same, "distinct": other})
    deduper.train()
    seconds["train"] = time.perf_counter() - began
    began = time.perf_counter()
    scored = deduper.score(deduper.pairs(data))
    with open(pairs_out, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id_l", "id_r", "probability"])
        count = 0
        for (left, right), score in scored:
            writer.writerow([left, right, float(score)])
            count += 1
    seconds["predict"] = time.perf_counter() - began
    began = time.perf_counter()
    clusters = deduper.partition(data, threshold=0.5)
    seconds["cluster"] = time.perf_counter() - began
    with open(clusters_out, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "golden_id"])
        for number, (members, _) in enumerate(clusters):
            writer.writerows([member, number] for member in members)
    seconds["total"] = sum(seconds.values())
    print(json.dumps({"engine": "dedupe 3.0.3", "seconds": seconds, "peak_mb": peak_mb(), "pairs": count}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
