"""A mistake planted in a source by one change of its text, and whether the report names the line."""

from nnparity.diagnosis.diagnose import diagnose


def report_of(folder, ending, source, options):
    """The report on a source."""
    file = folder / f"network.{ending}"
    file.write_text(source)
    return diagnose(file, **options).report


def check_named(folder, ending, network, was, new, word, ids, options):
    """Plant `new` for `was`: the verdict is bug, the first finding on lines that hold `word`, with one of the ids."""
    assert network.count(was) == 1
    source = network.replace(was, new)
    report = report_of(folder, ending, source, options)
    first = report["findings"][0]
    assert report["verdict"] == "bug"
    assert word in "\n".join(source.split("\n")[first["line"] - 1 : first["end_line"]])
    assert str(first["id"]) in ids.split("|")
