"""The ledger names every sample of the five documents, by its digest, and says enough of each."""

import warnings

import documents
import pytest

KINDS = {"as_is", "until_stopped", "replaced", "waits", "never"}


def test_every_sample_is_in_the_ledger():
    if not documents.present():
        warnings.warn(documents.ABSENT, stacklevel=1)
        return
    there = {
        (document, line): documents.digest(text)
        for document in documents.DOCUMENTS
        for line, text in documents.blocks(document).items()
    }
    named = {(sample.document, sample.line): sample.digest for sample in documents.samples()}
    assert named == there


def test_there_is_no_other_document():
    if documents.present():
        assert sorted(path.name for path in documents.FOLDER.glob("*.md")) == sorted(documents.DOCUMENTS)


@pytest.mark.parametrize("sample", documents.samples(), ids=str)
def test_an_entry_says_enough(sample):
    ledger = documents.ledger()
    assert sample.runs in KINDS
    assert bool(sample.waits_for) == (sample.runs == "waits")
    assert bool(sample.reason) == (sample.runs == "never")
    assert bool(sample.by) == (sample.runs == "replaced")
    assert {sample.before} <= {"", *ledger["before"]}
    assert {sample.after} <= {"", *ledger["after"]}
    assert set(sample.replace) <= set(ledger["replace"])


def test_a_replaced_sample_is_run_where_the_ledger_says():
    if documents.present():
        for sample in documents.samples():
            if sample.by:
                text = (documents.LEDGER.parents[2] / sample.by).read_text(encoding="utf-8")
                assert documents.blocks(sample.document)[sample.line].strip() in text, sample


def test_every_name_of_the_ledger_is_used():
    ledger, samples = documents.ledger(), documents.samples()
    assert set(ledger["before"]) == {sample.before for sample in samples} - {""}
    assert set(ledger["after"]) == {sample.after for sample in samples} - {""}
    assert set(ledger["replace"]) == {name for sample in samples for name in sample.replace}
