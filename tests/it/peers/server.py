"""A server on the high level of the official Python SDK: `FastMCP` of 1.x, `MCPServer` of 2.x.

server.py SDK
"""

import sys
import warnings

sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")

import anyio
import mcp.types as types
from pydantic import BaseModel

try:
    from mcp.server import MCPServer as Server
    from mcp.server.mcpserver import Context
except ImportError:
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as Server

server = Server("high")


class Who(BaseModel):
    name: str


@server.tool()
def echo(text: str) -> str:
    """Say it back."""
    return text


@server.tool()
async def count(to: int, ctx: Context) -> str:
    """Count, and tell of it."""
    for number in range(1, to + 1):
        await ctx.report_progress(number, to)
    return "counted"


@server.tool()
async def log(ctx: Context) -> str:
    """Log on two levels."""
    await ctx.info("so it goes")
    await ctx.warning("mind the gap")
    return "logged"


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("that was to be expected")


@server.tool()
def large(size: int) -> str:
    """Say much."""
    return "ä" * size


@server.tool()
async def slow(ctx: Context) -> str:
    """Take longer than anybody waits."""
    await ctx.report_progress(1, 2)
    await anyio.sleep(60)
    return "slept"


@server.tool()
async def sample(ctx: Context) -> str:
    """Ask the model."""
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text="what now?"))
    answer = await ctx.session.create_message([message], max_tokens=10)
    return answer.content.text


@server.tool()
async def elicit(ctx: Context) -> str:
    """Ask the user."""
    answer = await ctx.elicit("who are you?", Who)
    return f"{answer.action} {answer.data.name}"


@server.tool()
async def roots(ctx: Context) -> str:
    """Ask for the roots."""
    answer = await ctx.session.list_roots()
    return str(answer.roots[0].uri)


@server.prompt()
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Say hello to {name}."


@server.resource("memo://note")
def note() -> str:
    """A note."""
    return "remember the milk"


@server.resource("memo://of/{name}")
def memo(name: str) -> str:
    """A note of somebody."""
    return f"a note of {name}"


@server.completion()
async def complete(_ref, argument, _context):
    names = [name for name in ("ada", "adele", "bob") if name.startswith(argument.value)]
    return types.Completion(values=names)


server.run()
