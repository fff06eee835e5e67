"""Tools and prompts of the conformance suite that need several round trips."""

from dataclasses import dataclass

from doorward.mcp_server import Context, Elicit, ListRoots, McpServer, Sample


@dataclass
class Name:
    """Who somebody is."""

    name: str


@dataclass
class Color:
    """What they like."""

    color: str


@dataclass
class Consent:
    """Whether to go on."""

    ok: bool


@dataclass
class Setting:
    """What a prompt is about."""

    context: str


def add_rounds(server: McpServer) -> None:
    """Offer the tools and the prompt."""
    _one_round(server)
    _more_rounds(server)
    _capabilities(server)

    @server.prompt()
    async def test_input_required_result_prompt(ctx: Context) -> str:
        """A prompt that asks before it is written."""
        answer = await ctx.elicit(
            "What context should the prompt use?", Setting, key="user_context"
        )
        return f"In the context of {answer.content}."


def _one_round(server: McpServer) -> None:
    @server.tool()
    async def test_input_required_result_elicitation(ctx: Context) -> str:
        """Greet somebody by name."""
        answer = await ctx.elicit("What is your name?", Name, key="user_name")
        return f"Hello, {answer.content.name}!" if answer.content else "Hello!"

    @server.tool()
    async def test_input_required_result_sampling(ctx: Context) -> str:
        """Ask a model."""
        question = "What is the capital of France?"
        return (await ctx.sample(question, max_tokens=100, key="capital_question")).text

    @server.tool()
    async def test_input_required_result_list_roots(ctx: Context) -> str:
        """Ask for roots."""
        return str(await ctx.roots(key="client_roots"))

    @server.tool()
    async def test_input_required_result_request_state(ctx: Context) -> str:
        """Check what came back."""
        came_back = ctx.state.get("seen")
        ctx.state["seen"] = True
        await ctx.elicit("Please confirm", Consent, key="confirm")
        return "state-ok" if came_back else "state-lost"

    @server.tool()
    async def test_input_required_result_tampered_state(ctx: Context) -> str:
        """Ask for a confirmation."""
        await ctx.elicit("Please confirm", Consent, key="confirm")
        return "confirmed"


def _more_rounds(server: McpServer) -> None:
    @server.tool()
    async def test_input_required_result_multiple_inputs(ctx: Context) -> str:
        """Ask for three things at once."""
        answers = await ctx.ask(
            user_name=Elicit("What is your name?", Name),
            greeting=Sample(messages="Generate a greeting", max_tokens=50),
            client_roots=ListRoots(),
        )
        return f"{answers['greeting'].text} {answers['user_name'].content}"

    @server.tool()
    async def test_input_required_result_multi_round(ctx: Context) -> str:
        """Ask twice, the second time knowing the first answer."""
        name = await ctx.elicit("Step 1: What is your name?", Name, key="step1")
        color = await ctx.elicit("Step 2: What is your favorite color?", Color, key="step2")
        return f"{name.content} {color.content}"


def _capabilities(server: McpServer) -> None:
    @server.tool()
    async def test_input_required_result_capabilities(ctx: Context) -> str:
        """Ask only for what the client can do."""
        if ctx.client_supports("elicitation"):
            await ctx.elicit("What is your name?", Name)
        if ctx.client_supports("sampling"):
            await ctx.sample("Hello?", max_tokens=10)
        return "Asked."

    @server.tool()
    async def test_missing_capability(ctx: Context) -> str:
        """Ask a model, whether or not there is one."""
        return (await ctx.sample("Hello?", max_tokens=10)).text

    @server.tool()
    async def test_streaming_elicitation(ctx: Context) -> str:
        """Report, then ask."""
        await ctx.report_progress(1, 2)
        await ctx.elicit("What is your name?", Name)
        return "Asked."
