"""The words that the screen and the page share."""

from __future__ import annotations

import unicodedata
from typing import Any

from nnparity.diagnosis.finding import MENDED

#: verdict → the sentence that opens the report.
VERDICTS = {
    "ok": "Your backprop is right.",
    "convention": "Your backprop is right, up to a constant.",
    "declaration": "The code is consistent, but it is another network than the declared one.",
    "unexplained": "Something is wrong that no known mistake explains.",
    "bug": "One bug.",
    "crash": "The step stops before it is done.",
}

#: Kinds of finding that count when bugs are counted.
ACCUSATIONS = ("crash", "bug", "unexplained", "declaration")

#: key of the report → the words before its lines.
REMARKS = {"blind_spots": "This probe cannot show", "beyond": "Beyond this probe"}


def verdict_sentence(report: dict[str, Any]) -> str:
    """One sentence: what the diagnosis comes to."""
    count = sum(finding["kind"] in ACCUSATIONS for finding in report["findings"])
    if report["verdict"] == "bug" and count > 1:
        return f"{count} bugs."
    return VERDICTS[report["verdict"]]


def network_words(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What the network is, as pairs of a name and a word; what was inferred or assumed says so."""
    network = report.get("network")
    if not network:
        return []

    def said(option: str, text: str) -> str:
        how = next((word for word in ("inferred", "assumed") if option in network.get(word, ())), None)
        return f"{text} ({how})" if how else text

    hidden = ", ".join(dict.fromkeys(word or "?" for word in network["activation"])) or "none"
    return [
        ("sizes", ", ".join(map(str, network["sizes"]))),
        ("hidden", said("activation", hidden)),
        ("output", said("output_activation", network["output_activation"] or "?")),
        ("loss", said("loss", network["loss"] or "?")),
    ]


def place_words(finding: dict[str, Any]) -> str:
    """`port.R:88–90`, `notes.ipynb, cell 3:2`, or nothing."""
    if not finding["file"]:
        return ""
    place = finding["file"] + (f", cell {finding['cell']}" if finding["cell"] else "")
    if finding["line"]:
        place += f":{finding['line']}"
        if finding["end_line"] and finding["end_line"] != finding["line"]:
            place += f"–{finding['end_line']}"
    return place


def evidence_words(finding: dict[str, Any], worst: dict[str, Any] | str | None = None) -> str:
    """The difference in units of the rounding bound, and its worst element if that is known."""
    words = []
    if finding["evidence"] is not None:
        words.append(f"the difference is {ratio_words(finding['evidence'])} times the rounding bound")
    if isinstance(worst, str):
        words.append(f"worst at {worst}")
    elif worst:
        words.append("worst element " + worst_words(worst))
    return "; ".join(words)


def worst_words(worst: dict[str, Any]) -> str:
    """`[2, 3]: 0.8821, should be 0.09171`."""
    place = worst.get("at") or worst.get("place") or worst.get("element") or ""
    value, right = worst.get("value"), worst.get("right", worst.get("expected"))
    if value is None or right is None:
        return str(place)
    return f"{place}: {value + 0.0:.4g}, should be {right + 0.0:.4g}".replace("-", "−")


def ratio_words(ratio: float) -> str:
    """A large number as people write it: 3.3 · 10¹³."""
    if ratio < 1e4:
        return f"{ratio:.3g}"
    digits, power = f"{ratio:.1e}".split("e")
    return f"{digits} · 10" + str(int(power)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def proof_words(finding: dict[str, Any]) -> str:
    """Whether putting the right value in made the difference go away."""
    if finding["kind"] not in ("bug", "declaration", "unexplained"):
        return ""
    if finding["proved"] and finding["fix"].endswith(MENDED):
        return "proved: with that line in its place, the step is the textbook's"
    if finding["proved"]:
        return "proved: with the right value put in here, the difference is gone"
    return "not proved by repair"


def printable(text: str) -> str:
    """Text without what would steer a terminal: tabs become spaces, other control characters a visible sign."""
    text = text.expandtabs(4)
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n" else c for c in text
    )
