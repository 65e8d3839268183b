"""A client on the official Python SDK, 1.x or 2.x, that takes the steps of a plan and prints what came of each.

client.py SDK PLAN COMMAND…
"""

import json
import os
import sys
import warnings

SDK, PLAN, *COMMAND = sys.argv[1:]
sys.path.insert(0, SDK)
warnings.simplefilter("ignore")  # of parts of the protocol that 2.x deprecates and servers of today speak

import anyio
import mcp.types as types
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client

try:
    from mcp import Client  # only 2.x has it
except ImportError:
    Client = None

LEVELS = []
MODEL = {"role": "assistant", "content": {"type": "text", "text": "as the model says"}, "model": "stub"}
ROOTS = {"roots": [{"uri": "file:///project", "name": "project"}]}


class Heard:
    """The log messages so far, and a way to wait for one."""

    def __init__(self):
        self.texts = []
        self.news = anyio.Event()

    async def note(self, params):
        self.texts.append(str(params.data))
        self.news.set()
        self.news = anyio.Event()

    async def wait_for(self, text):
        while not any(text in heard for heard in self.texts):
            await self.news.wait()


HEARD = Heard()


async def sample(_context, _params):
    return types.CreateMessageResult.model_validate(MODEL)


async def elicit(_context, _params):
    return types.ElicitResult(action="accept", content={"name": "an answer"})


async def roots(_context):
    return types.ListRootsResult.model_validate(ROOTS)


CALLBACKS = {
    "sampling_callback": sample,
    "elicitation_callback": elicit,
    "list_roots_callback": roots,
    "logging_callback": HEARD.note,
}


class First:
    """Steps as the SDK 1.x takes them."""

    def __init__(self, session):
        self.session = session

    async def list(self, kind):
        cursor, found = None, []
        method, field = {
            "tools": ("list_tools", "tools"),
            "prompts": ("list_prompts", "prompts"),
            "resources": ("list_resources", "resources"),
            "templates": ("list_resource_templates", "resourceTemplates"),
        }[kind]
        while True:
            page = await getattr(self.session, method)(cursor)
            page = page.model_dump(mode="json", by_alias=True)
            found += [entry["name"] for entry in page[field]]
            cursor = page.get("nextCursor")
            if not cursor:
                return found

    async def call(self, name, arguments, progress=None):
        return await self.session.call_tool(name, arguments, progress_callback=progress)

    async def ping(self):
        return await self.session.send_ping()

    async def prompt(self, name, arguments):
        return await self.session.get_prompt(name, arguments)

    async def read(self, uri):
        return await self.session.read_resource(uri)

    async def level(self, level):
        return await self.session.set_logging_level(level)

    async def complete(self, prompt, name, value):
        reference = types.PromptReference(type="ref/prompt", name=prompt)
        return await self.session.complete(reference, {"name": name, "value": value})

    async def subscribe(self, uri):
        return await self.session.subscribe_resource(uri)

    async def unsubscribe(self, uri):
        return await self.session.unsubscribe_resource(uri)

    async def cancel(self, name, arguments):
        # This SDK does not tell the server when a call is given up; whoever wants that sends it himself.
        identity, started = self.session._request_id, anyio.Event()

        async def progress(*_):
            started.set()

        async with anyio.create_task_group() as group:
            group.start_soon(quietly, self.call, name, arguments, progress)
            await started.wait()
            params = types.CancelledNotificationParams(requestId=identity, reason="enough")
            await self.session.send_notification(
                types.ClientNotification(types.CancelledNotification(params=params))
            )
            await anyio.sleep(0.1)
            group.cancel_scope.cancel()
        return "cancelled"

    async def watch(self, name, arguments):
        async def progress(*_):
            pass

        return await self.call(name, arguments, progress)

    async def together(self, steps):
        async with anyio.create_task_group() as group:
            for verb, *arguments in steps:
                group.start_soon(getattr(self, verb), *arguments)
        return len(steps)

    async def hear(self, text):
        with anyio.fail_after(20):
            await HEARD.wait_for(text)

    async def pause(self, seconds):
        await anyio.sleep(seconds)


class Second(First):
    """Steps as the SDK 2.x takes them, where it differs."""

    async def list(self, kind):
        method, field = {
            "tools": ("list_tools", "tools"),
            "prompts": ("list_prompts", "prompts"),
            "resources": ("list_resources", "resources"),
            "templates": ("list_resource_templates", "resource_templates"),
        }[kind]
        cursor, found = None, []
        while True:
            page = await getattr(self.session, method)(cursor=cursor)
            found += [entry.name for entry in getattr(page, field)]
            cursor = page.next_cursor
            if not cursor:
                return found

    async def cancel(self, name, arguments):
        with anyio.CancelScope() as scope:

            async def progress(*_):
                scope.cancel()

            await self.call(name, arguments, progress)
        return "cancelled"


async def quietly(function, *arguments):
    try:
        await function(*arguments)
    except Exception:
        pass


def dump(result):
    return result.model_dump(mode="json", by_alias=True, exclude_none=True) if hasattr(result, "model_dump") else result


def report(step, outcome):
    text = json.dumps(outcome, sort_keys=True)
    print(json.dumps([step[0], *[word for word in step[1:2] if isinstance(word, str)]]), text[:300], len(text), flush=True)


async def take(steps, plan):
    for step in plan:
        try:
            outcome = dump(await getattr(steps, step[0])(*step[1:]))
        except Exception as error:
            outcome = "error: " + str(error)
        report(step, outcome)


async def main():
    with open(PLAN) as file:
        plan = json.load(file)
    parameters = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=dict(os.environ))
    if Client:
        async with Client(parameters, client_info=types.Implementation(name="client", version="1"), **CALLBACKS) as client:
            await take(Second(client), plan)
        return
    from mcp import ClientSession

    async with stdio_client(parameters) as (read, write):
        async with ClientSession(read, write, **CALLBACKS) as session:
            await session.initialize()
            await take(First(session), plan)


anyio.run(main)
