"""What a rule is, and the mark that declares one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.findings.finding import Blame, Severity


@dataclass(frozen=True, kw_only=True)
class Found:
    """
    What a rule saw: ``observed`` are sentences for the report.

    ``values`` fill the names in the finding's texts. ``blame``, ``severity`` and ``decide`` replace
    those of the table, where the evidence says more, or less.
    """

    observed: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    blame: Blame | None = None
    severity: Severity | None = None
    decide: str | None = None


Judgement = Callable[[Evidence], Found | None]
LateJudgement = Callable[[Evidence, frozenset[str]], Found | None]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """
    One rule: it runs if the evidence has every view in ``needs``.

    ``judge`` reads the evidence alone. ``judge_late`` runs after all others and also gets the codes
    that they found, for findings such as "the server is right, so it is the client".
    """

    code: str
    needs: tuple[str, ...]
    judge: Judgement | None = None
    judge_late: LateJudgement | None = None


class RuleBook:
    """Collects the rules of one file."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def rule(self, code: str, *, needs: Iterable[str]) -> Callable[[Judgement], Judgement]:
        """Declare a function as the rule that finds ``code``."""

        def keep(judge: Judgement) -> Judgement:
            self.rules.append(Rule(code=code, needs=tuple(needs), judge=judge))
            return judge

        return keep

    def late_rule(
        self, code: str, *, needs: Iterable[str] = ()
    ) -> Callable[[LateJudgement], LateJudgement]:
        """Declare a rule that runs after the others and sees what they found."""

        def keep(judge: LateJudgement) -> LateJudgement:
            self.rules.append(Rule(code=code, needs=tuple(needs), judge_late=judge))
            return judge

        return keep
