"""A page with front ends that have the widget protocol and nothing else, joined to plots of the test's own process."""

import base64
from queue import SimpleQueue
from typing import Any

from playwright.sync_api import Page, expect

from kit.plots._plot import Plot
from tests.wait import wait_until

__all__ = ["POINTS", "Hosts", "pointed"]

# anywidget's own protocol (anywidget.dev/en/afm), and a note of each name that a plot asks the host for. A front end
# may have a widget manager; here is none.
_HOST = """
const hosts = [], sent = [], touched = new Set();
async function open(source, state) {
    const { default: given } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    const widget = typeof given === "function" ? await given() : given;
    const heard = [];
    document.head.append(Object.assign(document.createElement("style"), { textContent: state.css }));
    const protocol = {
        get: name => state[name], set() {}, save_changes() {},
        on: (name, act) => heard.push([name, act]), off() {},
        send: content => sent.push([hosts.indexOf(host), content]),
    };
    const model = new Proxy(protocol, { get: (target, name) => { touched.add(name); return target[name]; } });
    const host = { widget, model, heard, ends: [] };
    hosts.push(host);
    host.ends.push(await widget.initialize?.({ model }));
    await show(host);
}
async function show({ widget, model, ends }) {
    const el = document.createElement("div");
    document.body.append(el);
    ends.push(await widget.render({ model, el }));
}
function deliver(number, content, buffers) {
    const views = buffers.map(one => new DataView(Uint8Array.from(atob(one), sign => sign.charCodeAt()).buffer));
    for (const [name, act] of hosts[number].heard) if (name === "msg:custom") act(structuredClone(content), [...views]);
}
"""
POINTS = """() => (window.Bokeh?.documents ?? []).map(document => document.roots()[0].renderers
    .filter(one => one.data_source.name.startsWith("source"))
    .reduce((sum, one) => sum + one.data_source.data.y.length, 0))"""


class Hosts:
    """A page with as many such front ends as are opened, each joined to a widget of this process."""

    def __init__(self, page: Page) -> None:
        self.page, self.widgets, self.messages = page, list[Any](), SimpleQueue[tuple[Any, Any, Any]]()
        page.add_script_tag(content=_HOST)

    def open(self, widget: Any) -> None:
        """Open a widget anew, as a window that is opened later does."""
        self.widgets.append(widget)
        widget.send = lambda content, buffers=(): self.messages.put((widget, content, buffers))
        state = {"_id": "an id", "css": str(widget._css)} if isinstance(widget, Plot) else {"css": ""}
        self.page.evaluate("([source, state]) => open(source, state)", [str(widget._esm), state])

    def close(self) -> None:
        """End all of them, as a window that is closed does; BokehJS stays."""
        self.page.evaluate("hosts.splice(0).flatMap(host => host.ends).forEach(end => end?.())")
        self.page.evaluate("document.body.replaceChildren()")
        self.widgets.clear()

    def wait_for(self, expression: str, wanted: Any) -> None:
        """Carry messages both ways until the page shows what is wanted."""

        def is_so() -> bool:
            self._carry()
            return bool(self.page.evaluate(expression) == wanted)

        wait_until(is_so, timeout=20, what=f"{expression} to be {wanted}")

    def _carry(self) -> None:
        while not self.messages.empty():
            widget, content, buffers = self.messages.get()
            texts = [base64.b64encode(one).decode() for one in buffers or ()]
            for number in [n for n, one in enumerate(self.widgets) if one is widget]:
                self.page.evaluate("given => deliver(...given)", [number, content, texts])
        for number, content in self.page.evaluate("sent.splice(0)"):
            self.widgets[number]._handle_custom_msg(content, [])


_AT = """([title, slot, row]) => {
    const view = [...Bokeh.index.roots].find(view => view.model.title?.text?.startsWith(title) && view.el.isConnected);
    const { glyph, data_source: { data } } = view.model.renderers.find(
        one => one.data_source.name === `source ${slot}`);
    const [x, y] = glyph.type === "Quad" ? [(data.left[row] + data.right[row]) / 2, data.y[row] / 2]
        : glyph.type === "VBar" ? [data[glyph.x.field][row], data.y[row] / 2] : [data.x[row], data.y[row]];
    const box = view.el.getBoundingClientRect();
    return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)];
}"""


def pointed(page: Page, title: str, slot: int, row: int) -> str:
    """What the tooltip says when the mouse is at a point or a bar of a chart: of its n-th series, and of this the row.

    The mouse comes in steps, as a hand moves it: BokehJS looks at where it has come to.
    """

    def is_shown() -> bool:
        left, top = page.evaluate(_AT, [title, slot, row])
        page.mouse.move(left - 3, top)
        page.mouse.move(left, top)
        return page.locator(".kit-tip").count() == 1

    page.mouse.move(0, 0)
    expect(page.locator(".kit-tip")).to_have_count(0)
    wait_until(is_shown, timeout=20, what="a tooltip")
    return page.locator(".kit-tip").inner_text()
