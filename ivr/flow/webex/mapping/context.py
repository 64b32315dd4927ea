"""What the mappings of one activity work with: names, translation, findings, things outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.flow.escape import Context
from ivr.flow.template import MAX_SOURCE
from ivr.flow.webex.bindings import Outside, Outsides
from ivr.flow.webex.findings import Finding, Findings, Repair, Verdict
from ivr.flow.webex.pebble.mend import mended
from ivr.flow.webex.pebble.names import Names
from ivr.flow.webex.pebble.remarks import Remark, Remarked
from ivr.flow.webex.pebble.spelling import quoted
from ivr.flow.webex.pebble.translate import Translation, translate, translate_expression
from ivr.flow.webex.source import SourceActivity, SourceVariable

_VERDICTS: Mapping[Remark, Verdict] = {
    Remark.MALFORMED: Verdict.DEFECT,
    Remark.UNKNOWN_NAME: Verdict.DEFECT,
    Remark.TEXT_AND_NUMBER: Verdict.DEFECT,
    Remark.SLICE: Verdict.DEFECT,
    Remark.UNTRANSLATED: Verdict.NOT_MAPPED,
    Remark.NO_SUCH_OUTPUT: Verdict.NOT_MAPPED,
    Remark.DIFFERENT: Verdict.DIFFERENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One activity under translation.

    `variables` are the export's by name, `assigned` those that some activity sets, `queue_variables` those
    that hold ids of queues, `wired` the outcomes of this activity that lead somewhere.
    """

    flow: str
    activity: SourceActivity
    names: Names
    findings: Findings
    outsides: Outsides
    variables: Mapping[str, SourceVariable]
    assigned: frozenset[str] = frozenset()
    queue_variables: frozenset[str] = frozenset()
    wired: frozenset[str] = frozenset()

    def repairing(self, repair: Repair) -> bool:
        """This repair was asked for."""
        return repair in self.findings.repairs

    def text(self, template: str, context: Context, property_: str, *, encoded: bool | None = None) -> str:
        """A template of ours; what there is to say about it is a finding."""
        return self._told(translate(template, self.names, context, encoded=encoded), property_)

    def expression(self, template: str, property_: str) -> str:
        """A template as one expression whose value is a text."""
        return self._told(translate_expression(template, self.names), property_)

    def variable(self, name: str) -> str | None:
        """Our name of a variable; None when there is none."""
        known = self.names.variables.get(name)
        return None if known is None else known.name

    def need(self, kind: Outside, name: str, *, label: str = "", usual: str | None = None) -> str:
        """Our name of something outside the flow."""
        return self.outsides.need(kind, name, self.activity.name, label=label, usual=usual)

    def defect(
        self,
        kind: str,
        text: str,
        property_: str = "",
        repair: Repair | None = None,
        *,
        repaired: bool = False,
    ) -> None:
        """Something is wrong with the flow itself."""
        self._add(Verdict.DEFECT, kind, text, property_, repair, repaired=repaired)

    def different(self, kind: str, text: str, property_: str = "") -> None:
        """It is mapped, but not quite the same."""
        self._add(Verdict.DIFFERENT, kind, text, property_)

    def lost(self, kind: str, text: str, property_: str = "") -> None:
        """It is not mapped."""
        self._add(Verdict.NOT_MAPPED, kind, text, property_)

    def _told(self, translation: Translation, property_: str) -> str:
        for remarked in translation.remarks:
            self._add(
                _VERDICTS[remarked.remark], remarked.remark, remarked.text, property_, _repair(remarked)
            )
        if len(translation.text) > MAX_SOURCE:
            self.lost("too-long", f"a text has at most {MAX_SOURCE} characters", property_)
            return f"{{{{ {quoted(translation.text[:80])} | untranslated }}}}"
        return translation.text

    def _add(
        self,
        verdict: Verdict,
        kind: str,
        text: str,
        property_: str,
        repair: Repair | None = None,
        *,
        repaired: bool = False,
    ) -> None:
        self.findings.add(
            Finding(
                verdict=verdict,
                kind=str(kind),
                text=text,
                flow=self.flow,
                activity=self.activity.name,
                property=property_,
                repair=repair,
                repaired=repaired,
            )
        )


def _repair(remarked: Remarked) -> Repair | None:
    if remarked.remark is not Remark.MALFORMED:
        return None
    return Repair.MALFORMED_TEMPLATES if mended(remarked.source) != remarked.source else None
