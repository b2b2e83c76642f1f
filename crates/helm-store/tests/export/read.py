"""Reads an export as analysts do, and compares it with the rows that were exported.

Usage: read.py FOLDER, which holds turns.jsonl, turns.parquet and rows.json.
"""

import datetime
import json
import sys

import duckdb
import pandas
import pyarrow.parquet

folder = sys.argv[1]
jsonl, parquet = f"{folder}/turns.jsonl", f"{folder}/turns.parquet"
with open(f"{folder}/rows.json") as file:
    rows = json.load(file)
NESTED = ("candidates", "scores", "feedback", "violations")
MOMENTS = ("began", "ended")


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def same(found, row, where):
    for name, expected in row.items():
        value = found[name]
        if name in NESTED:
            value = json.loads(value) if isinstance(value, str) else value
        elif name in MOMENTS:
            expected = moment(expected)
        elif name == "features":
            value = list(value)
        assert value == expected and type(value) is type(expected), (where, name, value, expected)


# Every value of every row, bit for bit.
with open(jsonl) as file:
    lines = [json.loads(line) for line in file]
assert lines == rows
table = pyarrow.parquet.read_table(parquet)
assert table.schema.metadata[b"helm.row_format"] == b"1"
assert table.num_rows == len(rows)
for found, row in zip(table.to_pylist(), rows):
    same(found, row, "pyarrow")
groups = pyarrow.parquet.ParquetFile(parquet).num_row_groups
assert groups > 1, groups

# pandas: types and sums.
frame = pandas.read_parquet(parquet)
assert str(frame["began"].dtype) == "datetime64[us, UTC]", frame["began"].dtype
assert list(frame["began"]) == [moment(row["began"]) for row in rows]
assert frame["latency_us"].dtype == "int64"
rewards = [row["reward"] for row in rows if row["reward"] is not None]
assert frame["reward"].count() == len(rewards) and set(frame["reward"].dropna()) == set(rewards)
by_strategy = frame.groupby("strategy")["reward"].mean()
assert len(by_strategy) == len({row["strategy"] for row in rows if row["strategy"]})
read = pandas.read_json(jsonl, lines=True, convert_dates=["began", "ended"])
assert len(read) == len(rows) and str(read["began"].dtype).endswith("UTC]"), read["began"].dtype
assert list(read["id"]) == [row["id"] for row in rows]
assert list(read["began"]) == [moment(row["began"]) for row in rows]

# DuckDB: both, with the same answers.
cost = sum(row["cost_nano_usd"] or 0 for row in rows)
features = sum(sum(row["features"]) for row in rows)
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
for source in (f"read_parquet('{parquet}')", f"read_json('{jsonl}', format = 'newline_delimited')"):
    count, total = connection.execute(f"SELECT count(*), sum(cost_nano_usd) FROM {source}").fetchone()
    assert (count, total) == (len(rows), cost), (source, count, total, cost)
    length = connection.execute(f"SELECT sum(list_sum(features)) FROM {source}").fetchone()[0]
    assert abs(length - features) < 1e-9 * max(1.0, abs(features)), (source, length, features)
    began = connection.execute(f"SELECT min(began)::TIMESTAMPTZ::VARCHAR FROM {source}").fetchone()[0]
    assert moment(began.replace("+00", "+00:00")) == min(moment(row["began"]) for row in rows), (source, began)
kind = connection.execute(f"SELECT typeof(began) FROM read_parquet('{parquet}') LIMIT 1").fetchone()[0]
assert kind == "TIMESTAMP WITH TIME ZONE", kind
scored = connection.execute(
    f"SELECT count(*) FROM read_parquet('{parquet}') WHERE json_extract(scores, '$.length') IS NOT NULL"
).fetchone()[0]
assert scored == sum("length" in row["scores"] for row in rows), scored
print(f"{len(rows)} rows are read alike by pyarrow, pandas and DuckDB")
