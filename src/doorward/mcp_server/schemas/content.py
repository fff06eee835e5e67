"""Content blocks that tools and prompts return: text, images, audio, resources."""

import base64
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["user", "assistant"]


@dataclass(frozen=True)
class Text:
    """Text for the model or the user."""

    text: str

    def block(self) -> dict[str, Any]:
        """Return the content block. Spec: MCP 2026-07-28, server/tools, "Text Content"."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True)
class Image:
    """
    An image: its bytes and their media type, such as ``image/png``.

    ```python
    @server.tool()
    async def chart() -> list[Text | Image | ResourceLink]:
        \"\"\"Draw the orders of this week.\"\"\"
        return [
            Text("Orders per day"),
            Image(Path("chart.png").read_bytes(), "image/png"),
            ResourceLink("orders://week", "the numbers", mime_type="text/csv"),
        ]
    ```
    """

    data: bytes
    mime_type: str

    def block(self) -> dict[str, Any]:
        """Return the content block. Spec: MCP 2026-07-28, server/tools, "Image Content"."""
        return {"type": "image", "data": _base64(self.data), "mimeType": self.mime_type}


@dataclass(frozen=True)
class Audio:
    """
    Audio: its bytes and their media type, such as ``audio/wav``.

    ```python
    @server.tool()
    async def voicemail() -> list[Audio | EmbeddedResource]:
        \"\"\"Play the last message, with its transcript.\"\"\"
        return [
            Audio(Path("message.wav").read_bytes(), "audio/wav"),
            EmbeddedResource("message://1", "Please call back.", "text/plain"),
        ]
    ```
    """

    data: bytes
    mime_type: str

    def block(self) -> dict[str, Any]:
        """Return the content block. Spec: MCP 2026-07-28, server/tools, "Audio Content"."""
        return {"type": "audio", "data": _base64(self.data), "mimeType": self.mime_type}


@dataclass(frozen=True, kw_only=True)
class ResourceLink:
    """A link to a resource that the client can fetch or show."""

    uri: str
    name: str
    description: str | None = None
    mime_type: str | None = None

    def block(self) -> dict[str, Any]:
        """Return the content block. Spec: MCP 2026-07-28, server/tools, "Resource Links"."""
        block = {"type": "resource_link", "uri": self.uri, "name": self.name}
        if self.description is not None:
            block["description"] = self.description
        if self.mime_type is not None:
            block["mimeType"] = self.mime_type
        return block


@dataclass(frozen=True, kw_only=True)
class EmbeddedResource:
    """A resource inside the result; ``data`` is text, or bytes (sent as base64)."""

    uri: str
    data: str | bytes
    mime_type: str

    def block(self) -> dict[str, Any]:
        """Return the content block. Spec: MCP 2026-07-28, server/tools, "Embedded Resources"."""
        resource = {"uri": self.uri, "mimeType": self.mime_type}
        if isinstance(self.data, str):
            resource["text"] = self.data
        else:
            resource["blob"] = _base64(self.data)
        return {"type": "resource", "resource": resource}


Content = Text | Image | Audio | ResourceLink | EmbeddedResource


@dataclass(frozen=True)
class Message:
    """
    One message of a prompt: its role and its content.

    ```python
    @server.prompt()
    async def review(code: str) -> list[Message]:
        \"\"\"Review code.\"\"\"
        return [Message(f"Review this code: {code}"), Message("I will.", role="assistant")]
    ```
    """

    content: str | Content
    role: Role = "user"

    def prompt_message(self) -> dict[str, Any]:
        """Return the prompt message. Spec: MCP 2026-07-28, server/prompts, "PromptMessage"."""
        content = Text(self.content) if isinstance(self.content, str) else self.content
        return {"role": self.role, "content": content.block()}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
