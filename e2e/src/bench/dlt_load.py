"""dlt merges a CSV into a fresh database of the same Postgres: dlt_load.py rows|arrow FILE FOLDER.

Prints {"rows", "seconds"}: from opening the file to the merged table. Starting Python and importing are not counted.
"""

import csv
import json
import os
import sys
import time
from urllib.parse import urlsplit, urlunsplit

way, path, folder = sys.argv[1:]
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

import dlt
import psycopg2

admin = os.environ["DATABASE_ADMIN_URL"]
name = f"dlt_{way}"
session = psycopg2.connect(admin)
session.autocommit = True
with session.cursor() as cursor:
    cursor.execute(f"drop database if exists {name} with (force)")
    cursor.execute(f"create database {name}")
session.close()
own = urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))


@dlt.resource(name="customers", primary_key="CustomerNumber", write_disposition="merge")
def rows():
    with open(path, newline="", encoding="utf-8") as file:
        page = []
        for row in csv.DictReader(file):
            page.append(row)
            if len(page) == 5000:
                yield page
                page = []
        if page:
            yield page


@dlt.resource(name="customers", primary_key="CustomerNumber", write_disposition="merge")
def arrow():
    import pyarrow.csv

    text = pyarrow.csv.ConvertOptions(column_types={}, strings_can_be_null=True)
    yield pyarrow.csv.read_csv(path, convert_options=text)


if way == "arrow":
    import pyarrow.csv
pipeline = dlt.pipeline(
    pipeline_name=name,
    pipelines_dir=folder,
    destination=dlt.destinations.postgres(own),
    dataset_name="bench",
)
pipeline.drop()
began = time.monotonic()
pipeline.run(rows() if way == "rows" else arrow())
seconds = time.monotonic() - began
with pipeline.sql_client() as client:
    with client.execute_query("select count(*) from customers") as found:
        many = found.fetchone()[0]
session = psycopg2.connect(admin)
session.autocommit = True
with session.cursor() as cursor:
    cursor.execute(f"drop database if exists {name} with (force)")
print(json.dumps({"rows": many, "seconds": round(seconds, 3)}))
