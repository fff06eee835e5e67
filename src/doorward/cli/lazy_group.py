"""A command group that imports a verb's module only when the verb runs."""

import importlib
import inspect
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from doorward.cli.help_text import HelpText, write_rows
from doorward.cli.verbs import VERBS, Verb


class LazyGroup(HelpText, TyperGroup):
    """Lists the verbs of one group from the table, and loads the one that runs."""

    def __init__(self, *, commands: Any = None, **attributes: Any) -> None:
        super().__init__(
            commands=commands or listed(""), **{**attributes, "rich_markup_mode": None}
        )

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the verbs by their panels."""
        super().format_options(ctx, formatter)
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            verb = self.commands[name]
            panel = getattr(verb, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, []).append((name, verb.help or ""))
        column = max(len(name) for name in self.commands)
        for panel, rows in panels.items():
            with formatter.section(panel):
                write_rows(formatter, [(f"{name:<{column}}", told) for name, told in rows])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the loaded command that ``args`` name."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, ListedVerb) else command, rest


class VerbCommand(HelpText, TyperCommand):
    """A verb that is loaded."""


class ListedVerb(TyperCommand):
    """What ``--help`` and completion show of a verb that is not loaded."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(
            verb.name.rpartition(" ")[2], help=verb.help, rich_help_panel=verb.panel or None
        )
        self._verb = verb

    def load(self) -> Any:
        """Import the verb's module and return its command."""
        path, _, function = self._verb.target.partition(":")
        module = importlib.import_module(path)
        if not function:
            return LazyGroup(
                name=self.name,
                help=self._verb.help,
                epilog=module.EPILOG,
                no_args_is_help=True,
                commands=listed(self._verb.name),
            )
        callback = getattr(module, function)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        told = unwrapped(callback)
        single.command(self.name, cls=VerbCommand, help=told, epilog=module.EPILOG)(callback)
        return get_command(single)


def unwrapped(function: Any) -> str:
    """Return the docstring with one line per paragraph, for terminals of any width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def listed(group: str) -> dict[str, Any]:
    """Return the verbs of ``group`` by their last word, none of them loaded."""
    commands = (ListedVerb(verb) for verb in VERBS if verb.group == group)
    return {str(command.name): command for command in commands}
