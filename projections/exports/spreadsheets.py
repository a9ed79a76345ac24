"""Rows as files: CSV and XLSX, written piece by piece, whatever their length."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

from oms_ledger.orders.documents.report import COLUMNS, NUMBERS

BOM = b"\xef\xbb\xbf"
MOST_ROWS = 1_048_576  # of one sheet of a workbook
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_IS_NUMBER = [column in NUMBERS for column in COLUMNS]

Rows = Sequence[Sequence[str]]


def csv_file(pages: Iterable[Rows]) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, as RFC 4180 says; no cell is read as a formula."""
    yield BOM + _csv([COLUMNS])
    for rows in pages:
        yield _csv([[_guarded(cell, i) for i, cell in enumerate(row)] for row in rows])


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


def _guarded(cell: str, column: int) -> str:
    """A text that a spreadsheet would calculate gets an apostrophe before it."""
    return f"'{cell}" if cell.startswith(_FORMULA) and not _IS_NUMBER[column] else cell


# XLSX: the fewest parts that a workbook has to have.

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST = 32_767  # characters of a cell


class _Pipe(io.RawIOBase):
    """Takes what is written and gives it away; a zip file that is not sought in needs no more."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        chunk = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(chunk)
        return len(chunk)

    def taken(self) -> bytes:
        chunks, self._pieces = self._pieces, []
        return b"".join(chunks)


def xlsx_file(pages: Iterable[Rows]) -> Iterator[bytes]:
    """A workbook; a further sheet begins where one is full."""
    pipe, sheets, waiting = _Pipe(), 0, _rows(pages)
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as book:
        more = True
        while more:
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as sheet:
                sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
                sheet.write(_row(COLUMNS, text=True))
                more = False
                for written, row in enumerate(waiting, 2):
                    sheet.write(_row(row))
                    if written % 500 == 0:
                        yield pipe.taken()
                    if written == MOST_ROWS:
                        more = True
                        break
                sheet.write(b"</sheetData></worksheet>")
            yield pipe.taken()
        for name, content in _parts(sheets).items():
            book.writestr(name, _XML + content)
    yield pipe.taken()


def _rows(pages: Iterable[Rows]) -> Iterator[Sequence[str]]:
    for rows in pages:
        yield from rows


def _row(cells: Sequence[str], *, text: bool = False) -> bytes:
    exported = [
        f"<c><v>{cell}</v></c>"
        if _IS_NUMBER[i] and cell and not text
        else f'<c t="inlineStr"><is><t xml:space="preserve">{_escaped(cell)}</t></is></c>'
        for i, cell in enumerate(cells)
    ]
    return f"<row>{''.join(exported)}</row>".encode()


def _escaped(cell: str) -> str:
    return escape(_UNPRINTABLE.sub("\ufffd", cell[:_LONGEST]))


def _parts(sheets: int) -> dict[str, str]:
    numbers = range(1, sheets + 1)
    listed = "".join(f'<sheet name="Orders {n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATIONS}/worksheet"'
        f' Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    typed = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for n in numbers
    )
    return {
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f"{related}</Relationships>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f"{typed}</Types>",
    }
