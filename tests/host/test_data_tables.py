"""One column of a table, one field of JSON lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from ugpt.data.dataset import Dataset
from ugpt.data.errors import DataError
from ugpt.data.reading import Reading


def load(folder: Path, content: str, column: str, name: str = "table.csv") -> Dataset:
    path = folder / name
    path.write_text(content, "utf-8", newline="")
    return Dataset.load(path, Reading(column=column))


@pytest.mark.parametrize(
    "content",
    [
        "id,name\n1,Anna\n2,Bea\n",
        "\ufeffid,name\r\n1,Anna\r\n2,Bea\r\n",
        "id;name\n1;Anna\n2;Bea",
        "id\tname\n1\tAnna\n2\tBea\n",
        '\n"id", name\n1,"Anna"\n\n2,Bea\n3,\n',
        '{"id": 1, "name": "Anna"}\n\n{"name": " Bea "}\n{"name": null}',
    ],
)
def test_a_column_by_its_name(tmp_path: Path, content: str) -> None:
    assert list(load(tmp_path, content, "name").documents) == ["Anna", "Bea"]


def test_a_column_by_its_number_is_of_a_table_without_a_header(tmp_path: Path) -> None:
    assert list(load(tmp_path, "1,Anna\n2,Bea\n", "2").documents) == ["Anna", "Bea"]


def test_quotes(tmp_path: Path) -> None:
    assert list(load(tmp_path, 'a,b\n"x, y\nz","say ""hi"""\n', "a").documents) == ["x, y\nz"]
    tabs = 'a\tb\n"x\ty\n'
    assert list(load(tmp_path, tabs, "a", "table.tsv").documents) == ['"x']


def test_rows_without_the_column_are_counted(tmp_path: Path) -> None:
    dataset = load(tmp_path, "id,name\n1,Anna\n2\n", "name")
    assert list(dataset.documents) == ["Anna"]
    path = tmp_path / "table.csv"
    assert dataset.changes == (f"1 row of {path} has no name and was left out.",)
    dataset = load(tmp_path, '{"a": "x"}\n{"b": "y"}\n{"b": "z"}\n', "a")
    assert dataset.changes == (f"2 rows of {path} have no a and were left out.",)


@pytest.mark.parametrize(
    "content",
    ["id,name\n1,Anna\n2,\n3, \n", '{"name": "Anna"}\n{"name": null}\n{"name": " "}\n'],
)
def test_empty_fields_are_counted(tmp_path: Path, content: str) -> None:
    dataset = load(tmp_path, content, "name")
    assert list(dataset.documents) == ["Anna"]
    path = tmp_path / "table.csv"
    assert dataset.changes == (f"2 fields of name in {path} are empty and were left out.",)
    one = load(tmp_path, "name\nAnna\n \n", "name")
    assert one.changes == (f"1 field of name in {path} is empty and was left out.",)


def test_a_folder_of_tables(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"text": "{name}"}}\n')
    assert list(Dataset.load(tmp_path, Reading(column="text")).documents) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("id,name\n1,Anna\n", "has no column town. It has: id, name."),
        ('{"id": 1}\n{"name": "x"}\n', "has no column town. It has: id, name."),
        ('town\n"Ulm\n', "not a row of a table"),
        ('town\nUlm\n"Aa"x\n', "Line 3"),
        ('\n\ntown\n"Aa"x\n', "Line 4"),
        ('{"town": "Ulm"}\n[1]\n', "Line 2 of"),
        ('{"town": ["Ulm"]}\n', "not text but a list"),
        ('{"town": {"a": 1}}\n', "not text but an object"),
        ('{"town": "Ulm"}\n{"town": 7}\n', "town in line 2 of"),
        ('{"town": 7}\n', "not text but a number"),
        ('{"town": "Ulm"} x\n', "Line 1 of"),
        ('{"town": "Ulm"}, {"town": "Ulm"}\n', "Line 1 of"),
        ('{"town": true}\n', "not text but true"),
        ('{"town": "Ulm", "town": "Aalen"}\n', "several fields called town"),
        ("town,id,town\nUlm,1,Aalen\n", "has 2 columns called town"),
        (
            "Ulm\nAalen\n",
            "holds no comma, semicolon or tab, so it is not a table. Leave --column out",
        ),
        ('[\n{"town": "Ulm"}\n]\n', "JSON, but not JSON lines. Make lines of it: jq -c '.[]'"),
        ('{"town": "\\ud800"}\n', "half a character"),
        ("town\n", "holds no text"),
        ("\n\n", "holds no text"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: str, complaint: str) -> None:
    with pytest.raises(DataError) as raised:
        load(tmp_path, content, "town")
    assert complaint in str(raised.value)


@pytest.mark.parametrize("first", ["7", '"Ulm"', "null", "[1]", "Ulm, Aalen"])
def test_json_lines_that_begin_with_no_object(tmp_path: Path, first: str) -> None:
    for name in ("t.jsonl", "t.ndjson", "T.JSONL"):
        with pytest.raises(DataError, match=r"Line 1 of .* is not a JSON object"):
            load(tmp_path, f'{first}\n{{"town": "Ulm"}}\n', "town", name)


def test_other_fields_of_one_name_do_not_matter(tmp_path: Path) -> None:
    assert list(load(tmp_path, "a,a,town\n1,2,Ulm\n", "town").documents) == ["Ulm"]
    assert list(load(tmp_path, '{"a": 1, "a": 2, "town": "Ulm"}', "town").documents) == ["Ulm"]


def test_a_table_that_is_read_line_by_line_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "towns.csv"
    path.write_text("id,name\n1,Ulm\n")
    assert "--column NAME" in Dataset.load(path).hints[0]
    path.write_text("Ulm\nAalen\n")
    assert not Dataset.load(path).hints
