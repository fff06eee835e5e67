"""What can go wrong on somebody's machine, said in one sentence and what to do about it."""


class CannotStart(Exception):
    """Keycloak cannot be started; ``problem`` says what happened and ``hint`` what to do."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem} {hint}")
        self.problem = problem
        self.hint = hint
