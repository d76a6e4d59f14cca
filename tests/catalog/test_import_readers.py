"""Rows of files, with their lines; files that are broken."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.imports.errors import FileError
from catalog.imports.readers import Layout, read_rows, scan


def read(tmp_path, data, format_, **layout):
    path = tmp_path / "file"
    path.write_bytes(data)
    return list(read_rows(path, Layout(format_, **layout)))


def told(rows):
    return [(row.ordinal, row.line, dict(row.cells)) for row in rows]


def test_csv_rows_know_the_line_they_begin_on(tmp_path):
    data = b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n\r\n2,"q""q"\r\n'
    assert told(read(tmp_path, data, "csv")) == [(1, 2, {"a": "1", "b": "x\r\ny"}), (2, 5, {"a": "2", "b": 'q"q'})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_header_shows_the_delimiter(tmp_path, delimiter):
    data = delimiter.join("ab") + "\n" + delimiter.join("12") + "\n"
    assert told(read(tmp_path, data.encode(), "csv")) == [(1, 2, {"a": "1", "b": "2"})]


def test_csv_row_of_other_length_has_a_problem(tmp_path):
    rows = read(tmp_path, b"a,b\n1\n1,2,3\n1,2\n", "csv")
    assert [(row.line, row.problem) for row in rows] == [
        (2, "The row has 1 cells and the header 2."), (3, "The row has 3 cells and the header 2."), (4, "")
    ]  # fmt: skip


def test_columns_without_a_name_are_left_out(tmp_path):
    assert told(read(tmp_path, b"a,,b,\n1,2,3,4\n", "csv")) == [(1, 2, {"a": "1", "b": "3"})]


def test_json_lines_keep_types_and_skip_blank_lines(tmp_path):
    rows = read(tmp_path, b'\xef\xbb\xbf{"a": 1.5}\n\n{"a": [true]}', "jsonl")
    assert told(rows) == [(1, 1, {"a": 1.5}), (2, 3, {"a": [True]})]


def test_yaml_scalars_stay_what_is_written(tmp_path):
    data = b"# comment\n- sku: 007\n  price: 1.50\n  on: yes\n  none:\n  quoted: '~'\n- {sku: 1_000, list: [a, 2]}\n"
    assert told(read(tmp_path, data, "yaml")) == [
        (1, 2, {"sku": "007", "price": "1.50", "on": "yes", "none": None, "quoted": "~"}),
        (2, 7, {"sku": "1_000", "list": ["a", "2"]}),
    ]


def test_yaml_aliases_are_not_read(tmp_path):
    bomb = b"- &a {x: 1}\n- {y: [*a, *a]}\n"
    path = tmp_path / "file"
    path.write_bytes(bomb)
    rows = []
    with pytest.raises(FileError, match=r"line 2: .*aliases"):
        rows.extend(read_rows(path, Layout("yaml")))


def test_yaml_that_breaks_yields_the_items_before(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"- a: 1\n- a: 2\n- a: 'x\n")
    rows, found = read_rows(path, Layout("yaml")), []
    with pytest.raises(FileError) as error:
        for row in rows:
            found.append(row.line)  # noqa: PERF401
    assert (found, error.value.is_cut) == ([1, 2], True)


@pytest.mark.parametrize(
    ("data", "format_", "message"),
    [
        (b"a: 1\n", "yaml", "the file is YAML, but no list"),
        (b"[" * 5000, "yaml", "line 1: the file is no YAML from here on"),
        (b'{"a": 1}\n{"a"', "jsonl", "line 2: the file ends in the middle of this row."),
        (b'a,b\n1,"' + (b"x" * 99 + b"\n") * 170_000, "csv", "line 2: a cell has more than 16,777,216 characters"),
        (gzip.compress(b"x", mtime=0)[:-4] + b"abcd", "jsonl", "line 1: the compressed file is damaged."),
    ],
)
def test_broken_files_name_the_line(tmp_path, data, format_, message):
    with pytest.raises(FileError) as error:
        read(tmp_path, data, format_)
    assert message in error.value.message


def test_scan_counts_rows_and_columns_up_to_the_cut(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b'{"a": 1}\n{"b": 2}\n{"c"')
    found = scan(path, Layout("jsonl"))
    assert (found.rows, list(found.columns), found.cut is not None) == (2, ["a", "b"], True)


CELLS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2)))
def test_what_is_written_as_csv_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "file"
    quoted = ["a,b", *(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in rows)]
    path.write_bytes("\r\n".join(quoted).encode() + b"\r\n")
    assert [list(row.cells.values()) for row in read_rows(path, Layout("csv"))] == rows


@given(st.binary(max_size=300), st.sampled_from(["jsonl", "csv", "yaml"]))
def test_no_bytes_make_a_reader_fail_otherwise_than_by_a_file_error(tmp_path_factory, data, format_):
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(data)
    try:
        ordinals = [row.ordinal for row in read_rows(path, Layout(format_))]
    except FileError:
        return
    assert ordinals == list(range(1, len(ordinals) + 1))
