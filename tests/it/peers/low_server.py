"""A server on the low level of the official Python SDK 1.x, with everything that the high level leaves out.

low_server.py SDK
"""

import sys

sys.path.insert(0, sys.argv[1])

import anyio
import mcp.types as types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.stdio import stdio_server

server = Server("low", "1.2.3", instructions="Mind the umlauts: äöü.")
TOOLS = ["echo", "count", "log", "fail", "large", "slow", "sample", "elicit", "roots"]


def text(words):
    return [types.TextContent(type="text", text=words)]


@server.list_tools()
async def list_tools():
    return [types.Tool(name=name, description=f"Tool {name}.", inputSchema={"type": "object"}) for name in TOOLS]


@server.call_tool()
async def call_tool(name, arguments):
    context = server.request_context
    session = context.session
    token = context.meta.progressToken if context.meta else None
    if name == "echo":
        return text(arguments["text"])
    if name == "count":
        for number in range(1, arguments["to"] + 1):
            await session.send_progress_notification(token, number, arguments["to"], related_request_id=context.request_id)
        return text("counted")
    if name == "log":
        await session.send_log_message("info", "so it goes", logger="low")
        await session.send_log_message("warning", {"mind": "the gap"})
        return text("logged")
    if name == "large":
        return text("ä" * arguments["size"])
    if name == "slow":
        await session.send_progress_notification(token, 1, 2)
        await anyio.sleep(60)
    if name == "sample":
        message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text="what now?"))
        answer = await session.create_message([message], max_tokens=10)
        return text(answer.content.text)
    if name == "elicit":
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        answer = await session.elicit("who are you?", schema)
        return text(f"{answer.action} {answer.content}")
    if name == "roots":
        return text(str((await session.list_roots()).roots[0].uri))
    raise ValueError("that was to be expected")


@server.list_prompts()
async def list_prompts():
    return [types.Prompt(name="greet", arguments=[types.PromptArgument(name="name", required=True)])]


@server.get_prompt()
async def get_prompt(_name, arguments):
    content = types.TextContent(type="text", text=f"Say hello to {arguments['name']}.")
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=content)])


@server.list_resources()
async def list_resources():
    return [types.Resource(uri="memo://note", name="note")]


@server.list_resource_templates()
async def list_templates():
    return [types.ResourceTemplate(uriTemplate="memo://of/{name}", name="memo")]


@server.read_resource()
async def read_resource(_uri):
    return "remember the milk"


@server.subscribe_resource()
async def subscribe(uri):
    await server.request_context.session.send_resource_updated(uri)


@server.unsubscribe_resource()
async def unsubscribe(_uri):
    pass


@server.set_logging_level()
async def set_level(_level):
    pass


@server.completion()
async def complete(_ref, argument, _context):
    return types.Completion(values=[name for name in ("ada", "adele", "bob") if name.startswith(argument.value)])


async def main():
    async with stdio_server() as (read, write):
        options = server.create_initialization_options(NotificationOptions(tools_changed=True))
        await server.run(read, write, options)


anyio.run(main)
