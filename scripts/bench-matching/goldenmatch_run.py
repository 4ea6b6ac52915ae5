"""Runs GoldenMatch as it configures itself on one set: SET.json in, pairs and clusters out, one JSON line."""
import csv
import json
import sys
import time

from memory import peak_mb


def main():
    task = json.load(open(sys.argv[1]))
    pairs_out, clusters_out = sys.argv[3], sys.argv[4]
    began = time.perf_counter()
    import goldenmatch

    seconds = {"read": time.perf_counter() - began}
    began = time.perf_counter()
    # Two files are linked as one: its pairs carry no side, and pairs of one side are left out below.
    result = goldenmatch.dedupe(*task["files"])
    seconds["match"] = time.perf_counter() - began
    ids, sides = [], []
    for side, path in enumerate(task["files"]):
        with open(path) as lines:
            for row in csv.DictReader(lines):
                ids.append(row["unique_id"])
                sides.append(side)
    linked = len(task["files"]) > 1
    with open(pairs_out, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id_l", "id_r", "probability"])
        for left, right, score in result.scored_pairs:
            if not linked or sides[left] != sides[right]:
                writer.writerow([ids[left], ids[right], score])
    with open(clusters_out, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "golden_id"])
        for cluster, about in result.clusters.items():
            writer.writerows([ids[member], cluster] for member in about["members"])
    seconds["total"] = sum(seconds.values())
    print(json.dumps({"engine": "goldenmatch 3.22.0", "seconds": seconds, "peak_mb": peak_mb(), "pairs": len(result.scored_pairs)}))


main()
