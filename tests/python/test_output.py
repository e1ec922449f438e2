"""The buffer of a stream: lines, chunks, credit, and what a collector keeps."""

from boxlite._output import Output

LIMIT = 1000


def filled(*pieces, limit=LIMIT):
    output = Output(limit)
    for piece in pieces:
        output.feed(piece)
    return output


def lines(output):
    return list(iter(output.line, None))


def test_lines_come_whole_however_they_were_cut():
    output = filled(b"on", b"e\ntw", b"o\n\nthr")
    assert lines(output) == [b"one\n", b"two\n", b"\n"]
    output.feed(b"ee")
    output.ended = True
    assert lines(output) == [b"three"]


def test_a_character_cut_between_chunks_survives_in_its_line():
    encoded = "zwölf Käse 🧀\n".encode()
    output = Output(LIMIT)
    for byte in encoded:
        output.feed(bytes([byte]))
    assert output.line().decode() == "zwölf Käse 🧀\n"


def test_a_line_beyond_the_limit_comes_in_pieces_of_whole_characters():
    text = "ä" * LIMIT
    output = filled(b"x" + text.encode())
    pieces = []
    while (piece := output.line()) is not None:
        pieces.append(piece)
    output.ended = True
    pieces += lines(output)
    assert len(pieces) > 1
    assert "".join(piece.decode() for piece in pieces) == "x" + text


def test_lines_and_chunks_share_one_stream():
    output = filled(b"first\nsecond\nthird")
    assert output.line() == b"first\n"
    assert output.chunk(3) == b"sec"
    assert output.line() == b"ond\n"
    assert output.chunk(100) == b"third"
    assert output.chunk(100) is None


def test_credit_is_held_until_bytes_are_read():
    output = filled(b"a" * 100)
    assert output.credit() == 0
    output.chunk(100)
    assert output.credit() == 100
    assert output.credit() == 0


def test_credit_of_many_short_lines_comes_in_portions_and_completely():
    output = filled(b"line\n" * 20000, limit=1 << 20)
    given = []
    while output.line() is not None:
        if credit := output.credit():
            given.append(credit)
    given.append(output.credit())
    assert sum(given) == 100000
    assert len(given) < 10


def test_a_line_longer_than_a_window_gives_its_credit_before_its_end_came():
    output = filled(b"a" * 500)
    assert output.line() is None
    assert output.credit() == 500
    output.feed(b"b" * 100 + b"\n")
    assert output.line() == b"a" * 500 + b"b" * 100 + b"\n"
    assert output.credit() == 101


def test_collecting_gives_credit_and_keeps_the_bytes():
    output = filled(b"a" * 100)
    output.collect(may_drop=True)
    assert output.credit() == 100
    assert output.everything() == b"a" * 100
    assert output.chunk(100) == b"a" * 100
    assert output.credit() == 0


def test_collecting_beyond_the_limit_keeps_the_first_and_the_last_half():
    output, sent, given = Output(LIMIT), b"", 0
    for n in range(400):
        piece = b"%06d " % n
        sent += piece
        output.feed(piece)
        output.collect(may_drop=True)
        given += output.credit()
    assert given == len(sent)
    assert output.everything() == sent[: LIMIT // 2] + sent[-LIMIT // 2 :]
    assert output.dropped == len(sent) - LIMIT


def test_exactly_the_limit_is_kept_whole():
    output = filled(b"a" * LIMIT)
    output.collect(may_drop=True)
    assert output.dropped == 0
    assert len(output.everything()) == LIMIT


def test_a_reader_holds_back_instead_of_dropping():
    output = filled(b"a" * LIMIT, b"b")
    output.collect(may_drop=False)
    assert output.credit() == 0
    assert output.chunk(2) == b"aa"
    output.collect(may_drop=False)
    assert output.credit() == LIMIT + 1
    assert output.dropped == 0


def test_reading_stops_at_a_gap_and_goes_on_behind_it():
    output = filled(b"head\n" * 100, b"x" * LIMIT, b"\ntail\n")
    output.collect(may_drop=True)
    assert lines(output) == [b"head\n"] * 100
    assert output.cut
    assert output.skip_gap() == 506
    output.feed(b"after\n")
    output.ended = True
    assert lines(output) == [b"x" * 494 + b"\n", b"tail\n", b"after\n"]


def test_what_comes_behind_a_gap_stays_behind_it():
    output = filled(b"a" * 600, b"b" * 600)
    output.collect(may_drop=True)
    assert output.chunk(400) == b"a" * 400
    output.feed(b"c" * 10)
    assert output.everything() == b"a" * 100 + b"b" * 500 + b"c" * 10


def test_discarded_output_gives_all_its_credit():
    output = filled(b"a" * 100)
    output.discard()
    assert output.credit() == 100
    assert output.everything() == b""
