"""The templates of the mails."""

from __future__ import annotations

from makegood.notify.letters import Letter
from makegood.notify.rendering import TEMPLATES
from makegood.product_api import Check
from makegood.proof.findings import Findings, found

MEND = "Reinstall makegood, or put the file back into notify/templates."


class LettersAreThere:
    name = "letters"
    keeps: float | None = 5.0
    needs_database = False

    def look(self) -> Findings:
        wanted = ["base", *sorted({letter.template for letter in Letter.__subclasses__()})]
        files = [f"{name}.{kind}.j2" for name in wanted for kind in ("mjml", "txt")]
        gone = [file for file in files if not (TEMPLATES / file).is_file()]
        lines = [Check(f"mail template {file}", "the file is gone", MEND) for file in gone]
        return found("letters", lines or [Check(f"mail templates, {len(files)} of them")])
