"""Documents for the first look at a desk: one in each of the states that a newcomer meets.

sample      a text as a writer would hand it in, in a file beside this one
"""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User

from worklist import intake, moves, notes
from worklist.intake import Arrival
from worklist.models import Document, Source, State

HERE = Path(__file__).parent
CONFIRMED = (State.TO_CONFIRM, State.TO_REVIEW)
LED_TO = {
    "bread-before-six": (),
    "harbour-plans": CONFIRMED[:1],
    "night-trains": CONFIRMED,
    "old-mills": (*CONFIRMED, State.TO_REVISE),
    "the-last-typesetter": (*CONFIRMED, State.READY),
}


def hand_in(editor: User, chief: User) -> None:
    """Once; what was let go or published since stays as it is."""
    if Document.objects.filter(source=Source.API).exists():
        return
    for name, states in LED_TO.items():
        text = (HERE / f"{name}.md").read_text()
        arrival = Arrival(text, f"{name}.md", writer="A sample", folder="Samples")
        document, _ = intake.arrive(Source.API, f"sample:{name}", arrival, editor)
        for after in states:
            why = "The second part says less than the first." if after == State.TO_REVISE else ""
            seen = {"seen": document.state, "seen_text": document.text_hash}
            document = moves.move_on(document.pk, after, chief, why=why, **seen)
    reviewed = Document.objects.get(source_id="sample:night-trains")
    notes.add(reviewed, chief, "How many is that? Say it in a number.", "There are not enough of them.")
    moves.assign(reviewed.pk, chief, editor, None)
    old = Document.objects.get(source_id="sample:harbour-plans")
    later = (HERE / "harbour-plans.md").read_text().replace("forty stalls", "sixty stalls")
    intake.arrive(Source.API, old.source_id, Arrival(later, "harbour-plans.md", writer="A sample", folder="Samples"))
