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


def test_numbers_are_texts_too(tmp_path: Path) -> None:
    assert list(load(tmp_path, '{"n": 7}\n{"n": 1.5}\n', "n").documents) == ["7", "1.5"]


def test_rows_without_the_column_are_counted(tmp_path: Path) -> None:
    dataset = load(tmp_path, "id,name\n1,Anna\n2\n", "name")
    assert list(dataset.documents) == ["Anna"]
    assert "1 rows of" in dataset.changes[0]
    assert load(tmp_path, '{"a": "x"}\n{"b": "y"}\n', "a").changes


def test_a_folder_of_tables(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"text": "{name}"}}\n')
    assert list(Dataset.load(tmp_path, Reading(column="text")).documents) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("id,name\n1,Anna\n", "has no column town. It has: id, name."),
        ('{"id": 1}\n{"name": "x"}\n', "has no column town. It has: id, name."),
        ('town\n"Ulm\n', "no row of a table"),
        ('town\nUlm\n"Aa"x\n', "Line 3"),
        ('{"town": "Ulm"}\n[1]\n', "Line 2 of"),
        ('{"town": ["Ulm"]}\n', "no text, but a list"),
        ('{"town": "\\ud800"}\n', "half a character"),
        ("town\n", "holds no text"),
        ("\n\n", "holds no text"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: str, complaint: str) -> None:
    with pytest.raises(DataError) as raised:
        load(tmp_path, content, "town")
    assert complaint in str(raised.value)


def test_a_table_that_is_read_line_by_line_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "towns.csv"
    path.write_text("id,name\n1,Ulm\n")
    assert "--column NAME" in Dataset.load(path).hints[0]
    path.write_text("Ulm\nAalen\n")
    assert not Dataset.load(path).hints
