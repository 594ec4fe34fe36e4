"""What it costs to put the page's script into pages."""

from benchmark.load import median, ratio, rounds
from benchmark.report import Section, milliseconds, shown
from benchmark.scenarios import PAGE, Bench

_DOCUMENT = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
_SCRIPTS_OWN = {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
_LIMITED = {
    "server_settings": {"AllowCustomInactivityDuration": True},
    "feature_control_bits": {"FCB.UCIInactivityTimeout": True},
}
_IDLE = {"inactivitytimeoutenabled": True, "inactivitytimeoutinmins": 60, "inactivitytimeoutreminderinmins": 5}
NONE, OTHER, DOCUMENT = "documents, `inject: none`", "all else, `inject: documents`", "documents, `inject: documents`"


def injection(bench: Bench) -> Section:
    """The small page for a session that may idle out, as a document without and with injection, and as no document."""
    stage, subjects = bench.stage, {}
    for inject in ("none", "documents"):
        organization = {"system_settings": _IDLE, "browser": {"inject": inject}}
        subjects[inject] = stage.claims_proxy(stage.upstream, organization=organization, **_LIMITED)
        subjects[inject].sign_in()
    asked = {NONE: ("none", _DOCUMENT), OTHER: ("documents", _SCRIPTS_OWN), DOCUMENT: ("documents", _DOCUMENT)}

    def measure(name: str):
        inject, headers = asked[name]
        return bench.load(subjects[inject], PAGE, headers=headers)

    try:
        found = rounds(bench.rounds, list(asked), measure)
    finally:
        for subject in subjects.values():
            stage.end(subject)
    return Section(
        "With the script put in",
        "The small page of 2 KB over 32 connections, for a session that may idle out. Only documents get the script.",
        ("what is asked for", "requests/s", "x `inject: none`", "p50", "p99"),
        [
            (
                name,
                shown(median(runs, "rate")),
                shown(ratio(runs, found[NONE])),
                milliseconds(median(runs, "p50")),
                milliseconds(median(runs, "p99")),
            )
            for name, runs in found.items()
        ],
    )
