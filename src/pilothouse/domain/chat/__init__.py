"""One chat call as the domain sees it: request, parts, tools, whole answer and streamed answer."""

from pilothouse.domain.chat.events import (
    ArgumentsDelta,
    AudioDelta,
    BlockEnded,
    BlockStarted,
    CitationAdded,
    Ended,
    Event,
    Finished,
    Metered,
    ReasoningDelta,
    SignatureDelta,
    Started,
    TextDelta,
)
from pilothouse.domain.chat.parts import (
    Audio,
    CacheMark,
    Document,
    Extra,
    Image,
    Media,
    Native,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from pilothouse.domain.chat.reply import ChatReply, Choice, StopReason
from pilothouse.domain.chat.request import ChatRequest, Message, Role, Sampling, Speech, Thinking
from pilothouse.domain.chat.tools import (
    CustomTool,
    FunctionTool,
    NativeTool,
    OutputFormat,
    OutputKind,
    Tool,
    ToolChoice,
    ToolMode,
)

__all__ = [
    "ArgumentsDelta", "Audio", "AudioDelta", "BlockEnded", "BlockStarted", "CacheMark", "ChatReply", "ChatRequest",
    "Choice", "CitationAdded", "CustomTool", "Document", "Ended", "Event", "Extra", "Finished", "FunctionTool", "Image",
    "Media", "Message", "Metered", "Native", "NativeTool", "OutputFormat", "OutputKind", "Part", "Reasoning",
    "ReasoningDelta", "Refusal", "Role", "Sampling", "SignatureDelta", "Speech", "Started", "StopReason", "Text",
    "TextDelta", "Thinking", "Tool", "ToolCall", "ToolChoice", "ToolMode", "ToolResult", "Video",
]  # fmt: skip
