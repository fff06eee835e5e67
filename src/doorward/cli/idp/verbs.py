"""``doorward idp``: what is known about identity providers, and a measurement of yours."""

import typer

from doorward.cli.idp import probe as idp_probe
from doorward.cli.idp import show as idp_show
from doorward.cli.idp import table as idp_table
from doorward.cli.options import examples

app = typer.Typer(
    help="Identity providers: what they support, what to set, and how yours does.",
    epilog=examples(
        "doorward idp table",
        "doorward idp show keycloak",
        "doorward idp probe https://login.example/realms/mcp",
    ),
    no_args_is_help=True,
)
app.command("table", epilog=idp_table.EPILOG)(idp_table.table)
app.command("show", epilog=idp_show.EPILOG)(idp_show.show)
app.command("probe", epilog=idp_probe.EPILOG)(idp_probe.probe)
