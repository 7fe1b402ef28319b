"""A head that the bundle's owner trained, as a detector: one finding for each label that it has."""

from collections.abc import Sequence

from freehold.core.decisions import Finding, Needs
from freehold.core.spec import ClassifierSpec
from freehold.stages.governance.detectors.learned import FLOOR
from freehold.text.heads import Head, Judgement, vector_of
from freehold.text.vectors import parts


class Classifier:
    """Judges a text by the stretch that speaks loudest."""

    needs: Needs = "whole"
    judges = True

    def __init__(self, detector_id: str, spec: ClassifierSpec, head: Head) -> None:
        """Raises: ValueError: the head has no such label."""
        if spec.label and spec.label not in head.header.labels:
            known = ", ".join(head.header.labels)
            raise ValueError(f"the head has no label `{spec.label}`; it has {known}")
        self.id = detector_id
        self.version = head.version
        self._head = head
        self._labels = frozenset([spec.label] if spec.label else head.header.labels)
        self.kinds = frozenset(map(kind_of, self._labels))

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:  # noqa: ARG002
        """The loudest stretch for each label."""
        best: dict[str, Judgement] = {}
        for offset, part in parts(text):
            for said in self._head.judge_all(vector_of(part)):
                known = best.get(said.label)
                if said.label in self._labels and (known is None or known.score < said.score):
                    start, end = said.start + offset, said.end + offset
                    best[said.label] = Judgement(said.score, start, end, said.label)
        return [
            Finding(
                detector=self.id,
                version=self.version,
                kind=kind_of(said.label),
                label=said.label,
                where=where,
                start=said.start,
                end=said.end,
                score=said.score,
                explanation="reads like the examples that the head was trained on",
            )
            for said in best.values()
            if said.score >= FLOOR and said.start < said.end
        ]


def kind_of(label: str) -> str:
    """A label as a kind of finding."""
    return label.replace("-", "_").replace(".", "_")
