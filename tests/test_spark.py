"""The recipe of docs/spark.md, as it stands there, on a Spark of two cores."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foldstat import GroupedSummary, Summaries, summarize

pytest.importorskip("pyspark", reason="pyspark is not installed")
if shutil.which("java") is None:
    pytest.skip("there is no Java to run Spark", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")  # of Spark, which is not under test

PAGE = (Path(__file__).parents[1] / "docs" / "spark.md").read_text()
PARTITIONS = 5


@pytest.fixture(scope="module")
def spark():
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", str(PARTITIONS))
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 2)) * 10.0 ** rng.integers(-50, 50, (1000, 2))
    return pd.DataFrame(x, columns=["x", "y"]).assign(city=rng.choice(["a", "b", "c"], 1000))


@pytest.fixture(scope="module")
def frame(spark, table):
    schema = "x double, y double, city string"
    rows = [(float(x), float(y), str(city)) for x, y, city in table.itertuples(index=False)]
    return spark.createDataFrame(rows, schema).repartition(PARTITIONS)


def run(blocks, **names):
    for block in blocks:
        exec(block, names)
    return names


def test_the_page(frame, table):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    found = run(blocks, frame=frame)
    expected = summarize(table[["x", "y"]], axis=0)
    assert len(found["rows"]) == PARTITIONS
    assert found["total"] == expected
    fewer = frame.select("x", "y").mapInArrow(found["summaries_of"], "state binary").coalesce(2)
    rows = fewer.mapInArrow(found["merged_of"], "state binary").collect()
    assert len(rows) == 2
    assert Summaries.merge_all(Summaries.from_bytes(row.state) for row in rows) == expected


def test_empty_partitions(frame):
    found = run(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[:1], frame=frame.limit(1).repartition(4))
    assert found["total"][0].count == 1


def test_groups(frame, table):
    def groups_of(batches):  # here, as workers do not know this module
        import pyarrow as pa

        total = GroupedSummary()
        for batch in batches:
            total += summarize(batch, by="city", n_jobs=1)
        yield pa.RecordBatch.from_pydict({"state": [total.to_bytes()]})

    rows = frame.mapInArrow(groups_of, "state binary").collect()
    total = GroupedSummary.merge_all(GroupedSummary.from_bytes(row.state) for row in rows)
    assert total == summarize(table, by="city")
